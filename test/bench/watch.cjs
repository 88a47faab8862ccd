// What a poll of watch() costs beside snapshot(), without a kernel: a table of 10,000 services x 20 destinations in packed replies
// as the engine hands them over. Prints by method, each of which has a process of its own, so that
// nobody pays for another's garbage: milliseconds of CPU (median, best), their ratio to snapshot(), and the longest that the loop
// stood still (median).
//
//   node test/bench/watch.cjs [services] [destinations]
const { execFileSync } = require('node:child_process')
const { performance } = require('node:perf_hooks')
const { Ipvs } = require('../../dist')
const {
  DestinationLayout,
  Operation,
  outcomeFlags,
  presence,
  RequestHeaderLayout,
  RequestLayout,
  ServiceLayout,
  StatsLayout,
} = require('../../dist/border/layout.gen')
const { emptySections, packReply } = require('../../dist/border/pack-reply')
const { Reply } = require('../../dist/border/reply')
const { FakeKernel } = require('../../dist/testing')

const SERVICES = Number(process.argv[2] ?? 10000)
const DESTINATIONS = Number(process.argv[3] ?? 20)
/** native/engine/job_runner.h: kRecordsPerStep. */
const RECORDS = 1000
const ROUNDS = 15

const zero = BigInt(0)
const stats = (count) => ({
  connections: count,
  inPackets: count * BigInt(10),
  outPackets: count * BigInt(9),
  inBytes: count * BigInt(6000),
  outBytes: count * BigInt(90000),
  connectionsPerSecond: zero,
  inPacketsPerSecond: zero,
  outPacketsPerSecond: zero,
  inBytesPerSecond: zero,
  outBytesPerSecond: zero,
})
const present = presence.stats | presence.stats64
const packed = (word) => ({ family: 2, a: word >>> 0, b: 0, c: 0, d: 0 })

function serviceOf(i) {
  return {
    ...{ requestIndex: 0, stats: stats(BigInt(i + 5)), present, destinationCount: 0, localAddressCount: 0 },
    key: { address: packed(0xc0000000 + i), protocol: 6, port: 80, fwmark: undefined },
    config: {
      ...{ scheduler: 'wrr', flags: 2, persistenceTimeout: 0, netmask: 0xffffffff },
      ...{ establishedTimeout: 90, engine: undefined },
    },
  }
}

function destinationOf(i, parent) {
  return {
    ...{ requestIndex: 0, parent, stats: stats(BigInt(i + 7)), present },
    key: { address: packed(0x0a000000 + i), port: 8080 },
    config: { forwarding: 5, weight: 1, upperThreshold: 0, lowerThreshold: 0, tunnel: undefined },
    ...{ activeConnections: 5, inactiveConnections: 6, persistentConnections: 0 },
  }
}

/** The replies of one snapshot. */
function makeReplies() {
  const replies = []
  let sections = emptySections()
  let count = 0
  const full = (more) => {
    replies.push(packReply(sections, more))
    sections = emptySections()
    count = 0
  }
  const put = (name, record) => {
    if (count++ === RECORDS) {
      full(true)
      count = 1
    }
    sections[name].push(record)
  }
  for (let i = 0; i < SERVICES; i++) put('services', serviceOf(i))
  for (let i = 0; i < SERVICES; i++)
    for (let j = 0; j < DESTINATIONS; j++) put('destinations', destinationOf(j, i))
  const outcome = { requestIndex: 0, error: 0, syscall: 0, flags: outcomeFlags.sent }
  sections.outcomes.push(outcome)
  full(false)
  return replies
}

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

/** A transport that answers each snapshot with these, one piece for each turn of the loop, as the addon does. */
function answering(replies) {
  const fake = new FakeKernel({ dialect: 'fullnat-v2' }).transport()
  return {
    ...fake,
    async run(job, onReply) {
      const operation = new DataView(job).getUint16(RequestHeaderLayout.size + RequestLayout.operation, true)
      if (operation !== Operation.snapshot) return fake.run(job, onReply)
      for (const reply of replies) {
        await new Promise((resolve) => setImmediate(resolve))
        onReply(reply.slice(0))
      }
    },
  }
}

/** Turns of the loop, and the longest of them, as long as it runs. */
function turns() {
  let longest = 0
  let going = true
  let last = performance.now()
  const turn = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (going) setImmediate(turn)
  }
  turn()
  return () => {
    going = false
    turn()
    return longest
  }
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]

async function measure(name) {
  const replies = makeReplies()
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
