// What a poll of watch() costs beside snapshot(), without a kernel: a table of 10,000 services x 20 destinations in packed replies
// as the engine hands them over. Prints by method, each of which has a process of its own, so that
// nobody pays for another's garbage: milliseconds of CPU (median, best), their ratio to snapshot(), and the longest that the loop
// stood still (median).
//
//   node test/bench/watch.cjs [services] [destinations]
const { execFileSync } = require('node:child_process')
const { Ipvs } = require('../../dist')
const { DestinationLayout, ServiceLayout, StatsLayout } = require('../../dist/border/layout.gen')
const { Reply } = require('../../dist/border/reply')
const { answering, makeReplies, turns } = require('./packed-table.cjs')

const SERVICES = Number(process.argv[2] ?? 10000)
const DESTINATIONS = Number(process.argv[3] ?? 20)
const ROUNDS = 15

/** Adds to the counters of every `nth` row, from 0 on. */
function traffic(replies, nth) {
  let row = 0
  for (const buffer of replies) {
    const reply = new Reply(buffer)
    const words = new BigUint64Array(buffer)
    for (const [name, layout] of [
      ['services', ServiceLayout],
      ['destinations', DestinationLayout],
    ]) {
      const { start, stride, count } = reply[name]
      for (let i = 0; i < count; i++) {
        if (row++ % nth !== 0) continue
        const at = (start + i * stride + layout.stats) >> 3
        for (let counter = 0; counter < 5; counter++) {
          words[at + (StatsLayout.inPackets >> 3) * counter] += BigInt(1 + counter)
        }
      }
    }
  }
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]

async function measure(name) {
  const replies = makeReplies(SERVICES, DESTINATIONS)
  const ipvs = await Ipvs.open({ transport: answering(replies), timeout: 0 })
  const watch = ipvs.watch({ interval: 1, jitter: 0, stopOnError: true })
  if (name !== 'snapshot()') await watch.next()
  let kept
  const next = async () => {
    kept = (await watch.next()).value
  }
  const methods = {
    'snapshot()': {
      async run() {
        kept = await ipvs.snapshot()
      },
    },
    'watch, nothing moved': { run: next },
    'watch, each hundredth row moved': { before: () => traffic(replies, 100), run: next },
    'watch, every row moved': { before: () => traffic(replies, 1), run: next },
    'watch, every row moved, all rates read': {
      before: () => traffic(replies, 1),
      async run() {
        await next()
        let sum = 0
        for (const { rates } of kept.rates) sum += rates.inBytes
        if (!(sum > 0)) throw new Error('nothing moved')
      },
    },
  }
  const { before, run } = methods[name]
  const samples = []
  for (let round = 0; round < ROUNDS; round++) {
    before?.()
    await new Promise((resolve) => setTimeout(resolve, 5))
    const stop = turns()
    const used = process.cpuUsage()
    await run()
    const { user, system } = process.cpuUsage(used)
    samples.push({ cpu: (user + system) / 1000, block: stop() })
  }
  await watch.return()
  await ipvs.close()
  const warm = samples.slice(5)
  const cpu = warm.map((one) => one.cpu)
  return { cpu: median(cpu), best: Math.min(...cpu), block: median(warm.map((one) => one.block)) }
}

const METHODS = [
  'snapshot()',
  'watch, nothing moved',
  'watch, each hundredth row moved',
  'watch, every row moved',
  'watch, every row moved, all rates read',
]

function compare() {
  let base
  for (const name of METHODS) {
    const args = [__filename, SERVICES, DESTINATIONS, name]
    const one = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
    base ??= one
    const numbers = { ...one, ratio: one.cpu / base.cpu, 'ratio of best': one.best / base.best }
    const shown = Object.entries(numbers).map(([key, value]) => `${key} ${value.toFixed(2)}`)
    console.log(`${name.padEnd(40)} ${shown.join('  ')}`)
  }
}

if (process.argv[4] === undefined) compare()
else measure(process.argv[4]).then((result) => console.log(JSON.stringify(result)))
