// npm run bench: boots each real kernel, runs test/bench/driver.cjs in it, prints one table for each and writes
// docs/bench/*.json.
//
//   npm run bench [-- --kernel fullnat-v3 --services 500 --destinations 20 --locals 4 --rounds 7]
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bootJob, findKernel, kernelNames } from '../vm/index.mjs'
import { printTable, summarise } from './table.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({
  options: {
    kernel: { type: 'string', multiple: true, default: [...kernelNames] },
    services: { type: 'string', default: '500' },
    destinations: { type: 'string', default: '20' },
    locals: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '7' },
    out: { type: 'string', default: `${root}docs/bench` },
  },
})

const work = mkdtempSync(join(tmpdir(), 'ipvs-bench-'))
const floor = join(work, 'floor')
execFileSync('gcc', ['-O2', '-Wall', '-o', floor, `${root}test/bench/floor.c`])
try {
  for (const name of values.kernel) {
    const kernel = await findKernel(name)
    if (kernel.missing) {
      console.log(`${name}: no image, skipped`)
      continue
    }
    const { services, destinations, locals, rounds } = values
    const result = await bootJob({
      kernel,
      project: root,
      smp: 2,
      script: `node test/bench/driver.cjs ${services} ${destinations} ${locals} ${rounds}`,
      files: { 'project/test/bench/floor': floor },
      limitSeconds: 1800,
      memory: 2048,
      onLine: (line) => {
        if (/^round|Error|error/.test(line)) console.error(`${name}: ${line}`)
      },
    })
    if (result.status !== 'exit' || result.exitCode !== 0) {
      console.log(`${name}: failed (${result.status} ${result.exitCode}), see ${result.log}`)
      process.exitCode = 1
      continue
    }
    const raw = JSON.parse(readFileSync(join(result.outDir, 'bench.json'), 'utf8'))
    result.dispose()
    const summary = summarise(raw)
    mkdirSync(values.out, { recursive: true })
    writeFileSync(join(values.out, `${name}.json`), `${JSON.stringify(summary, null, 2)}\n`)
    printTable(name, summary)
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
