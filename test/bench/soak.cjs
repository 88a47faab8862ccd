// Rounds of write, read and flush in one process, with --expose-gc: what memory is left every few rounds.
// Result: { services, destinations, locals, rounds, points: [{ round, rss, heapUsed, external }] } in bytes.
const { options, progress, runPart } = require('./options.cjs')
const ours = require('./ours.cjs')
const { askKernel, inFreshPlace } = require('./place.cjs')
const { makeTable } = require('./table.cjs')

const size = { services: 100, destinations: 20, locals: 4 }
const every = 10

function memoryNow(round) {
  // Twice: what only a finaliser of the first collection lets go of is collected by the second.
  global.gc()
  global.gc()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { round, rss, heapUsed, external }
}

async function measure(client, table) {
  const points = [memoryNow(0)]
  for (let round = 1; round <= options.soak; round++) {
    await ours.writers['batch()'](client, table)
    await ours.readers['snapshot()'](client, table)
    await client.flush()
    if (round % every === 0) {
      points.push(memoryNow(round))
      progress(`soak: round ${round} of ${options.soak}`)
    }
  }
  return points
}

async function main() {
  const kernel = await askKernel()
  const table = makeTable(kernel, size)
  const points = await inFreshPlace(kernel, (place) => place.withClient((client) => measure(client, table)))
  return { ...size, locals: table.locals.length, rounds: options.soak, points }
}

runPart('soak', main)
