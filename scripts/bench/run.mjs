// npm run bench: boots each real kernel, measures there what test/bench says, prints a table for each and writes
// docs/bench/KERNEL.json and the plots beside it.
//
//   npm run bench [-- --kernel fullnat-v3] [--only methods] [--services 500 --destinations 20 --locals 4 --rounds 7]
//                 [--sizes 100,1000,10000 --growth-rounds 3] [--callers 1000] [--soak 100] [--stored]
//
// Parts for --only (several may be given): idle, methods, growth, callers, soak. Parts that did not run keep what the
// JSON has of them. With --stored nothing is measured: tables and plots are made of what the JSON has. The tables in
// docs/performance.md are written anew. IPVS_BENCH_MOBY names test/bench/moby-peer.go as a program, to be measured beside us.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { dialectKernels, findKernel } from '../vm/index.mjs'
import { runInGuest } from './guest.mjs'
import { writePlots } from './plot.mjs'
import { writeReport } from './report.mjs'
import { parts as allParts } from './summary.mjs'
import { tableOf } from './table.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const results = `${root}docs/bench`
const partNames = Object.keys(allParts)
const { values } = parseArgs({
  options: {
    kernel: { type: 'string', multiple: true, default: [...dialectKernels] },
    only: { type: 'string', multiple: true, default: partNames },
    services: { type: 'string', default: '500' },
    destinations: { type: 'string', default: '20' },
    locals: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '7' },
    sizes: { type: 'string', default: '100,1000,10000' },
    'growth-rounds': { type: 'string', default: '3' },
    callers: { type: 'string', default: '1000' },
    soak: { type: 'string', default: '100' },
    out: { type: 'string', default: results },
    stored: { type: 'boolean', default: false },
  },
})
const unknown = values.only.filter((part) => !partNames.includes(part))
if (unknown.length > 0)
  throw new Error(`no such part: ${unknown.join(', ')} (there are ${partNames.join(', ')})`)

const resultFile = (name) => join(values.out, `${name}.json`)
const stored = (name) =>
  existsSync(resultFile(name)) ? JSON.parse(readFileSync(resultFile(name), 'utf8')) : {}

function store(name, summary) {
  mkdirSync(values.out, { recursive: true })
  writeFileSync(resultFile(name), `${JSON.stringify(summary, null, 2)}\n`)
  // The linter looks at these files too.
  execFileSync(`${root}node_modules/.bin/biome`, ['format', '--write', resultFile(name)], {
    cwd: root,
    stdio: 'ignore',
  })
}

/** True where everything that was asked for has been measured. */
async function measure(name, floor) {
  const kernel = await findKernel(name)
  if (kernel.missing) {
    console.log(`${name}: no image, skipped`)
    return true
  }
  const { failed, status, logFile, seconds, machine, results } = await runInGuest({
    ...{ kernel, project: root, floor, parts: partNames.filter((part) => values.only.includes(part)) },
    options: {
      services: Number(values.services),
      destinations: Number(values.destinations),
      locals: Number(values.locals),
      rounds: Number(values.rounds),
      sizes: values.sizes.split(',').map(Number),
      growthRounds: Number(values['growth-rounds']),
      callers: Number(values.callers),
      soak: Number(values.soak),
    },
    onLine: (line) => {
      if (/^bench: |error/i.test(line)) console.error(`${name}: ${line}`)
    },
  })
  const found = Object.entries(results).map(([part, result]) => [part, allParts[part](result)])
  const summary = { machine, ...Object.fromEntries(found) }
  if (found.length > 0) {
    console.log(tableOf(name, summary))
    store(name, { ...stored(name), ...summary })
    writePlots(values.out, name, stored(name))
  }
  console.log(`\n${name}: ${failed ? `failed (${status}), see ${logFile}` : 'done'}, ${seconds.toFixed(0)} s`)
  return !failed
}

async function measureAll() {
  const work = mkdtempSync(join(tmpdir(), 'ipvs-bench-'))
  const floor = join(work, 'floor')
  try {
    execFileSync('gcc', ['-O2', '-Wall', '-o', floor, `${root}test/bench/floor.c`])
    for (const name of values.kernel) if (!(await measure(name, floor))) process.exitCode = 1
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function showStored() {
  for (const name of values.kernel.filter((one) => existsSync(resultFile(one)))) {
    console.log(tableOf(name, stored(name)))
    writePlots(values.out, name, stored(name))
  }
}

if (values.stored) showStored()
else await measureAll()
if (values.out === results) {
  writeReport(
    `${root}docs/performance.md`,
    Object.fromEntries(dialectKernels.map((name) => [name, stored(name)])),
  )
}
