// Writes the table of docs/statistics.md from lib/kernel/extended-counters.ts, the one place where a row of
// /proc/net/ip_vs_ext_stats is described.
//
//   node scripts/gen-extended-counters.mjs           write
//   node scripts/gen-extended-counters.mjs --check   fail when the file differs
//
// It reads what build-ts.mjs compiled.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
export const PAGE = 'docs/statistics.md'
const BEGIN =
  '<!-- From lib/kernel/extended-counters.ts, by scripts/gen-extended-counters.mjs: do not edit. -->\n'
const END = '<!-- End of what is generated. -->\n'

const TITLES = {
  scheduling: 'New connections',
  fullnat: 'FULLNAT connections',
  toa: "The client's address in packets to destinations (TOA)",
  synproxy: 'SYN proxy',
  defence: 'Defence',
  reset: 'Resets',
  'fast-xmit': 'The short way (fast transmit)',
  xmit: 'Transmission',
}

const where = ({ only }) => (only === undefined ? 'v2, v3' : only.replace('fullnat-', ''))

function table(group, entries) {
  const rows = entries.map(
    ([name, facts]) => `| \`${name}\` | ${where(facts)} | ${facts.meaning} | ${facts.advice ?? ''} |`,
  )
  return [
    `### ${TITLES[group]}`,
    '',
    '| row | where | counts | what to do |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

/** `text`, the page as it is, with new tables. */
export function withTables(text, { EXTENDED_COUNTERS }) {
  const begin = text.indexOf(BEGIN)
  const end = text.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`${PAGE} has no place for the tables`)
  const entries = Object.entries(EXTENDED_COUNTERS)
  const untitled = entries.find(([, { group }]) => !(group in TITLES))
  if (untitled) throw new Error(`group ${untitled[1].group} has no title`)
  const tables = Object.keys(TITLES).map((group) =>
    table(
      group,
      entries.filter(([, facts]) => facts.group === group),
    ),
  )
  return `${text.slice(0, begin)}${BEGIN}\n${tables.join('\n')}\n${text.slice(end)}`
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const present = readFileSync(`${root}${PAGE}`, 'utf8')
  const wanted = withTables(present, createRequire(import.meta.url)(`${root}dist/kernel/extended-counters`))
  if (present !== wanted && process.argv.includes('--check')) {
    console.error(`${PAGE} is not what lib/kernel/extended-counters.ts says: run npm run build:ts`)
    process.exitCode = 1
  } else if (present !== wanted) {
    writeFileSync(`${root}${PAGE}`, wanted)
  }
}
