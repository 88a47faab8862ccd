// npm run bench:border: what a record costs at the border on this machine, each way, without a VM. Every number stands
// beside a floor that was measured in the same run, so the ratios can be compared between machines and over time.
//
//   npm run bench:border             prints them beside the stored ones
//   npm run bench:border -- --save   stores them in docs/bench/border.json
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const stored = `${root}docs/bench/border.json`
const ROUNDS = 5
/** Beyond this a ratio has changed; below it is what one run differs from the next. */
const NOTABLE = 1.25

const work = mkdtempSync(join(tmpdir(), 'ipvs-border-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))

const program = join(work, 'border')
const sources = ['test/bench/border.cc', 'native/ipvs/netlink_encode.cc', 'native/ipvs/netlink_decode.cc']
const flags = ['-std=c++20', '-O3', '-fno-exceptions', '-fno-rtti', '-Inative']
execFileSync('g++', [...flags, '-o', program, ...sources], { cwd: root, stdio: 'inherit' })

function native() {
  const lines = execFileSync(program, { encoding: 'utf8' }).trim().split('\n')
  return Object.fromEntries(lines.map((line) => line.split(' ')).map(([name, ns]) => [name, Number(ns)]))
}

/** One process for each round: how a function is compiled is settled once in each. */
function round() {
  const output = execFileSync(process.execPath, ['test/bench/border.cjs'], { cwd: root, encoding: 'utf8' })
  const { floors, pack, unpack, crossing, calls } = JSON.parse(output)
  const code = native()
  const rows = {}
  const add = (group, values, floor) => {
    for (const [name, ns] of Object.entries(values)) rows[`${group}: ${name}`] = { ns, ratio: ns / floor }
  }
  add('pack', { floor: floors.pack, ...pack }, floors.pack)
  add('unpack', { floor: floors.unpack, ...unpack }, floors.unpack)
  add('crossing, without a system call', crossing, floors.pack)
  for (const [name, { ns, block, blockAfter }] of Object.entries(calls)) {
    rows[`whole call, answered at once: ${name}`] = { ns, ratio: ns / floors.pack, block, blockAfter }
  }
  add('on the pool thread: record to message', { encode: code.encode }, floors.pack)
  add('on the pool thread: message to record', { decode: code.decode }, floors.unpack)
  return rows
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]

const rounds = Array.from({ length: ROUNDS }, round)
const rows = Object.fromEntries(
  Object.keys(rounds[0]).map((name) => {
    const of = (field, digits) => Number(median(rounds.map((one) => one[name][field])).toFixed(digits))
    const block =
      'block' in rounds[0][name] ? { block: of('block', 1), blockAfter: of('blockAfter', 1) } : undefined
    return [name, { ns: of('ns', 1), ratio: of('ratio', 2), ...block }]
  }),
)

const before = existsSync(stored) ? JSON.parse(readFileSync(stored, 'utf8')) : undefined
const width = Math.max(...Object.keys(rows).map((name) => name.length))
console.log(`${''.padEnd(width)}  ns each   x floor   stored`)
for (const [name, { ns, ratio, block, blockAfter }] of Object.entries(rows)) {
  const known = before?.rows[name]?.ratio
  const change = known === undefined ? 1 : ratio / known
  const note = change > NOTABLE ? '  slower' : change < 1 / NOTABLE ? '  faster' : ''
  const columns = [
    ns.toFixed(1).padStart(7),
    ratio.toFixed(2).padStart(9),
    (known?.toFixed(2) ?? '').padStart(8),
  ]
  const stood =
    block === undefined
      ? ''
      : `  12,500 calls: loop blocked ${block} ms, ${blockAfter} ms after they were made`
  console.log(`${name.padEnd(width)}  ${columns.join(' ')}${note}${stood}`)
}
const { pack, unpack } = {
  pack: rows['pack: check and pack'].ns,
  unpack: rows['unpack: destination'].ns,
}
const share = (loop, pool) => `${Math.round((100 * loop) / (loop + pool))} %`
console.log(
  `of what a record costs this side of the kernel, the event loop has ${share(pack, rows['on the pool thread: record to message: encode'].ns)} on the way in and ` +
    `${share(unpack, rows['on the pool thread: message to record: decode'].ns)} on the way out`,
)
if (process.argv.includes('--save')) {
  writeFileSync(stored, `${JSON.stringify({ node: process.version, rows }, null, 2)}\n`)
  console.log(`stored in ${stored.slice(root.length)}`)
}
