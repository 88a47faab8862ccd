// npm run bench:reconcile: what plan() and apply() cost beside the snapshot() and the batch() that they are made of, on the real
// kernels.
//
//   npm run bench:reconcile [-- --services 10000 --destinations 20 --rounds 3] [--kernel mainline-6.1]…
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bootJob, dialectKernels } from '../vm/index.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const { values } = parseArgs({
  options: {
    services: { type: 'string', default: '10000' },
    destinations: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '3' },
    kernel: { type: 'string', multiple: true, default: dialectKernels },
  },
})
const asked = Object.fromEntries(
  ['services', 'destinations', 'rounds'].map((name) => [name, Number(values[name])]),
)

function show(name, { services, destinations, rounds, rss, results }) {
  const size = `${services.toLocaleString('en')} services × ${destinations}`
  console.log(`\n${name}: ${size}, median of ${rounds} rounds, ${rss.toFixed(0)} MB in the end`)
  const time = (wanted) => results.find((one) => one.name === wanted).ms
  const width = Math.max(...results.map((one) => one.name.length))
  console.log(`${''.padEnd(width)}        ms  x snapshot   x batch  block ms`)
  for (const { name: what, ms, block } of results) {
    const ratios = [ms / time('snapshot()'), ms / time('batch() of the same')]
    console.log(
      [
        what.padEnd(width),
        ms.toFixed(0).padStart(10),
        ...ratios.map((ratio) => ratio.toFixed(2).padStart(10)),
        block.toFixed(1).padStart(10),
      ].join(''),
    )
  }
}

for (const name of values.kernel) {
  const lines = []
  const ended = await bootJob({
    ...{ kernel: name, project: root, smp: 2, memory: 4096, limitSeconds: 5400, packages: [] },
    env: { BENCH_RECONCILE: JSON.stringify(asked) },
    script: 'node test/bench/reconcile.cjs',
    onLine: (line) => {
      lines.push(line)
      if (/bench: |error/i.test(line)) console.error(`${name}: ${line}`)
    },
  })
  if (ended.exitCode !== 0) throw new Error(`${name}: ${ended.status}, see ${ended.logFile}`)
  show(name, JSON.parse(/^reconcile: (.*)$/m.exec(lines.join('\n'))[1]))
  ended.dispose()
}
