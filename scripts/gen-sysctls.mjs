// Writes the tables of docs/sysctls.md from lib/kernel/sysctls, the one place where a sysctl is described.
//
//   node scripts/gen-sysctls.mjs           write
//   node scripts/gen-sysctls.mjs --check   fail when the file differs
//
// It reads what build-ts.mjs compiled.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
export const PAGE = 'docs/sysctls.md'
const BEGIN = '<!-- From lib/kernel/sysctls, by scripts/gen-sysctls.mjs: do not edit. -->\n'
const END = '<!-- End of what is generated. -->\n'

const SHORT = { mainline: 'mainline', 'fullnat-v2': 'v2', 'fullnat-v3': 'v3' }

const shown = (value) => (Array.isArray(value) ? value.join(' ') : String(value))
const isByDialect = (value) => typeof value === 'object' && !Array.isArray(value)

function byDialect(value, show = shown) {
  if (!isByDialect(value)) return show(value)
  return Object.entries(value)
    .map(([dialect, one]) => `${show(one)} (${SHORT[dialect]})`)
    .join(', ')
}

function range({ type, min, max, powerOfTwo }) {
  if (type === 'cpu-list') return 'CPUs, `0-3,8`'
  const numbers = `${min} to ${max}`
  if (type === 'pair') return `two, ${numbers}`
  return powerOfTwo ? `${numbers}, a power of two` : numbers
}

/** One that says something else on every kernel says it for each. */
function cautions({ caution }) {
  if (caution === undefined) return []
  if (!isByDialect(caution)) return [caution]
  const texts = new Map()
  for (const [dialect, text] of Object.entries(caution))
    texts.set(text, [...(texts.get(text) ?? []), SHORT[dialect]])
  return Array.from(texts, ([text, dialects]) => `${dialects.join(', ')}: ${text}`)
}

function row(name, facts, availability) {
  const effect = Object.entries(facts.noEffect ?? {}).map(
    ([dialect, reason]) => `${SHORT[dialect]}: no effect, ${reason}.`,
  )
  const unit = facts.unit === undefined ? '' : ` ${facts.unit}`
  const text = [facts.meaning, ...cautions(facts), ...effect].join(' ')
  const cells = [`\`${name}\``, availability(facts), `${range(facts)}${unit}`, byDialect(facts.default), text]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function table(title, names, sysctls, availability) {
  const rows = names.sort().map((name) => row(name, sysctls[name], availability))
  const head = ['| name | where | range | default | meaning |', '|---|---|---|---|---|']
  return [`### ${title}`, '', ...head, ...rows, ''].join('\n')
}

/** `text`, the page as it is, with new tables. */
export function withTables(text, { SYSCTLS, sysctlAvailability }) {
  const begin = text.indexOf(BEGIN)
  const end = text.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`${PAGE} has no place for the tables`)
  const names = Object.keys(SYSCTLS)
  const kernels = (name) => SYSCTLS[name].dialects
  const groups = [
    ['All kernels', names.filter((name) => kernels(name).length === 3)],
    ['FULLNAT kernels', names.filter((name) => !kernels(name).includes('mainline'))],
    ['Mainline', names.filter((name) => kernels(name).length === 1 && kernels(name)[0] === 'mainline')],
  ]
  const tables = groups.map(([title, members]) => table(title, members, SYSCTLS, sysctlAvailability))
  return `${text.slice(0, begin)}${BEGIN}\n${tables.join('\n')}\n${text.slice(end)}`
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const present = readFileSync(`${root}${PAGE}`, 'utf8')
  const wanted = withTables(present, createRequire(import.meta.url)(`${root}dist/kernel/sysctls`))
  if (present !== wanted && process.argv.includes('--check')) {
    console.error(`${PAGE} is not what lib/kernel/sysctls says: run npm run build:ts`)
    process.exitCode = 1
  } else if (present !== wanted) {
    writeFileSync(`${root}${PAGE}`, wanted)
  }
}
