// How long plan() and apply() hold the event loop, without a kernel: a table that is read as the engine hands it over, and a batch
// that answers at once. Prints by method, each in a process of its own: milliseconds of CPU, the longest that the loop stood still,
// and for comparison the same of snapshot().
//
//   node test/bench/reconcile-loop.cjs [services] [destinations]
const { execFileSync } = require('node:child_process')
const { Ipvs } = require('../../dist')
const { apply, plan } = require('../../dist/reconcile')
const { answering, makeReplies, turns } = require('./packed-table.cjs')

const SERVICES = Number(process.argv[2] ?? 10000)
const DESTINATIONS = Number(process.argv[3] ?? 20)
const ROUNDS = 9
const WARM = 3

/** What the packed table has, with another weight where everything is to change. */
function desired(weight) {
  const address = (first, i) => [first, (i >> 16) & 255, (i >> 8) & 255, i & 255].join('.')
  const destinations = () =>
    Array.from({ length: DESTINATIONS }, (_, j) => {
      return { address: address(10, j), port: 8080, forwarding: 'fullnat', weight }
    })
  const one = (i) => {
    const service = {
      protocol: 'tcp',
      address: address(192, i),
      port: 80,
      scheduler: 'wrr',
      establishedTimeout: 90,
    }
    return { ...service, destinations: destinations() }
  }
  return { services: Array.from({ length: SERVICES }, (_, i) => one(i)) }
}

const DONE = { status: 'fulfilled' }

/** Reads for themselves go to the client, what is written answers at once. */
function double(ipvs) {
  return {
    ...{
      capabilities: ipvs.capabilities,
      timeouts: ipvs.timeouts,
      daemons: ipvs.daemons,
      services: ipvs.services,
    },
    ...{ destinations: ipvs.destinations, localAddresses: ipvs.localAddresses },
    snapshot: (options) => ipvs.snapshot(options),
    async batch(build) {
      let count = 0
      const put = () => count++
      const verbs = { add: put, set: put, remove: put }
      build({ services: verbs, destinations: verbs, localAddresses: verbs })
      return Array(count).fill(DONE)
    },
  }
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]

async function measure(name) {
  const ipvs = await Ipvs.open({ transport: answering(makeReplies(SERVICES, DESTINATIONS)), timeout: 0 })
  const client = double(ipvs)
  const [same, other] = [desired(1), desired(2)]
  const changes = name.startsWith('apply') ? await plan(client, other) : undefined
  const methods = {
    'snapshot()': () => ipvs.snapshot(),
    'plan(), nothing to do': () => plan(client, same),
    'plan(), everything changes': () => plan(client, other),
    'plan(), everything goes': () => plan(client, { services: [] }),
    'apply()': () => apply(client, changes),
    'apply(), expect: false': () => apply(client, changes, { expect: false }),
  }
  const samples = []
  for (let round = 0; round < ROUNDS; round++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    const stop = turns()
    const used = process.cpuUsage()
    await methods[name]()
    const { user, system } = process.cpuUsage(used)
    samples.push({ cpu: (user + system) / 1000, block: stop() })
  }
  await ipvs.close()
  const warm = samples.slice(WARM)
  const blocks = warm.map(({ block }) => block)
  return {
    cpu: median(warm.map(({ cpu }) => cpu)),
    ...{ block: median(blocks), worst: Math.max(...blocks), rss: process.memoryUsage().rss / 1e6 },
  }
}

const METHODS = [
  'snapshot()',
  'plan(), nothing to do',
  'plan(), everything changes',
  'plan(), everything goes',
  'apply()',
  'apply(), expect: false',
]

function compare() {
  for (const name of METHODS) {
    const args = [__filename, SERVICES, DESTINATIONS, name]
    const one = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
    const shown = Object.entries(one).map(([key, value]) => `${key} ${value.toFixed(1)}`)
    console.log(`${name.padEnd(30)} ${shown.join('  ')}`)
  }
}

if (process.argv[4] === undefined) compare()
else measure(process.argv[4]).then((result) => console.log(JSON.stringify(result)))
