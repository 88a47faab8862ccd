// Many callers at a time on one client, each with a service of its own and one call after the other. Every answer is
// checked. Result: { callers, rounds: [{ ms, calls, latencies: [ms], block, blockAfter }] }
const { performance } = require('node:perf_hooks')
const { timed } = require('./measure.cjs')
const { options, progress, runPart } = require('./options.cjs')
const { askKernel, inFreshPlace } = require('./place.cjs')
const { makeTable } = require('./table.cjs')

const { callers } = options
const rounds = 7
const destinationsEach = 5
const newWeight = 7

function want(truth, what) {
  if (!truth) throw new Error(`wrong answer: ${what}`)
}

const weights = (list) => new Map(list.map(({ address, weight }) => [address, weight]))

async function caller(client, service, table, latencies) {
  const call = async (make) => {
    const started = performance.now()
    const value = await make()
    latencies.push(performance.now() - started)
    return value
  }
  const { destinations, forwarding } = table
  await call(() => client.services.add({ ...service, scheduler: 'rr' }))
  for (const address of destinations) {
    await call(() => client.destinations.add(service, { address, port: 8080, forwarding }))
  }
  const before = weights(await call(() => client.destinations.list(service)))
  want(before.size === destinations.length, `${service.address} has ${before.size} destinations`)
  for (const address of destinations) want(before.get(address) === 1, `${address} of ${service.address}`)

  const [changed] = destinations
  await call(() =>
    client.destinations.update(service, { address: changed, port: 8080 }, { weight: newWeight }),
  )
  const after = weights(await call(() => client.destinations.list(service)))
  for (const address of destinations) {
    want(after.get(address) === (address === changed ? newWeight : 1), `weight in ${service.address}`)
  }
  for (const address of destinations) {
    await call(() => client.destinations.remove(service, { address, port: 8080 }))
  }
  await call(() => client.services.remove(service))
}

async function measureRound(client, table) {
  const latencies = []
  const { sample } = await timed(() =>
    Promise.all(table.services.map((service) => caller(client, service, table, latencies))),
  )
  const left = await client.services.list()
  want(left.length === 0, `${left.length} services are left`)
  const { ms, block, blockAfter } = sample
  return { ms, block, blockAfter, calls: latencies.length, latencies }
}

async function main() {
  const kernel = await askKernel()
  const table = makeTable(kernel, { services: callers, destinations: destinationsEach, locals: 0 })
  const found = []
  for (let round = 0; round < rounds; round++) {
    const measure = (place) => place.withClient((client) => measureRound(client, table))
    found.push(await inFreshPlace(kernel, measure))
    progress(`callers: round ${round + 1} of ${rounds}`)
  }
  return { callers, rounds: found }
}

runPart('callers', main)
