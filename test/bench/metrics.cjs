// What a scrape costs when the table was read: CPU time (median, best) and the longest that the loop stood still (median), of
// collect(), of the text as bytes (the caller's work), and of our half of collector().
//
//   node test/bench/metrics.cjs [services] [destinations]
const { Ipvs } = require('../../dist')
const { collect, collector } = require('../../dist/metrics')
const { answering, makeReplies, turns } = require('./packed-table.cjs')

const SERVICES = Number(process.argv[2] ?? 1000)
const DESTINATIONS = Number(process.argv[3] ?? 20)
const ROUNDS = 9
const WARM = 3

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]

async function measure(name, work) {
  const samples = []
  for (let round = 0; round < WARM + ROUNDS; round++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    const stop = turns()
    const used = process.cpuUsage()
    await work()
    const block = stop()
    const { user, system } = process.cpuUsage(used)
    samples.push({ cpu: (user + system) / 1000, block })
  }
  const warm = samples.slice(WARM)
  const cpu = warm.map((one) => one.cpu)
  const block = warm.map((one) => one.block)
  const numbers = {
    cpu: median(cpu),
    best: Math.min(...cpu),
    block: median(block),
    'best block': Math.min(...block),
  }
  const shown = Object.entries(numbers).map(([key, value]) => `${key} ${value.toFixed(1)}`)
  console.log(`${name.padEnd(24)} ${shown.join('  ')}`)
}

async function main() {
  const ipvs = await Ipvs.open({ transport: answering(makeReplies(SERVICES, DESTINATIONS)), timeout: 0 })
  const read = await ipvs.snapshot()
  const source = Object.create(ipvs, { snapshot: { value: async () => read } })
  let text = ''
  await measure('collect()', async () => {
    text = await collect(source, { timeout: 0 })
  })
  await measure('the text as bytes', async () => Buffer.from(text))
  const metrics = []
  const register = { registerMetric: (metric) => metrics.push(metric), removeSingleMetric() {} }
  await collector(source, { client: { register }, timeout: 0 }).ready
  await measure('collector()', () => Promise.all(metrics.map((metric) => metric.get())))
  await ipvs.close()
}

main()
