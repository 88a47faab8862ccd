// How the cost grows with the table: many services, and many destinations of one service.
//
// Result: { rounds, points: [{ shape, size, operations, rounds, write: { samples: { name: [sample] }, missing: { name: reason } },
// read: … }] }
const { Collection } = require('./collect.cjs')
const { options, progress, runPart } = require('./options.cjs')
const { orderOf } = require('./order.cjs')
const ours = require('./ours.cjs')
const { askKernel, inFreshPlace } = require('./place.cjs')
const programs = require('./programs.cjs')
const { makeTable } = require('./table.cjs')

const { sizes, growthRounds } = options
/** A peer that takes longer is left out, at this size and the larger ones. */
const limitMs = 60000
/** A size whose first rounds took this long gets no more of them. */
const enoughMs = 400000
/** Small tables that are written and read before each sample of ours, for the reason that methods.cjs gives. */
const warmUps = 10
const warmServices = 100

const shapes = {
  services: (size) => ({ services: size, destinations: 20, locals: 1 }),
  destinations: (size) => ({ services: 1, destinations: size, locals: 1 }),
}

const own = (name, method, table) => ({
  name,
  own: true,
  measure: (place) => place.withClient((client) => method(client, table)),
})

const floor = (program) => ({ name: 'floor', measure: (place) => programs.runProgram(place, program) })

const peer = (name, program) => ({
  name,
  peer: true,
  measure: (place) => programs.runProgram(place, program, limitMs),
})

function methodsFor(table) {
  const { floorRead, floorWrite, listing, oracle, restore } = programs
  return {
    writers: [
      floor(floorWrite(table)),
      own('batch()', ours.writers['batch()'], table),
      ...(oracle ? [peer('ipvsadm -R', restore(table))] : []),
    ],
    readers: [
      floor(floorRead(table)),
      own('snapshot()', ours.readers['snapshot()'], table),
      ...(oracle ? [peer('ipvsadm -Ln', listing(table, '-L'))] : []),
    ],
  }
}

async function measureSize(kernel, table, gone) {
  const { writers, readers } = methodsFor(table)
  const write = new Collection(gone.write)
  const read = new Collection(gone.read)
  const started = performance.now()
  let rounds = 0
  while (rounds < growthRounds && (rounds === 0 || performance.now() - started < enoughMs)) {
    for (const writer of orderOf(writers, rounds)) {
      if (writer.own) await warmUp(kernel)
      await inFreshPlace(kernel, (place) => write.take(writer, place))
    }
    await warmUp(kernel)
    await inFreshPlace(kernel, async (place) => {
      programs.runProgram(place, programs.floorWrite(table))
      for (const reader of orderOf(readers, rounds)) await read.take(reader, place)
    })
    rounds++
  }
  return { rounds, write, read }
}

/** What the larger sizes need not try, and why. */
function givenUp({ missing }, before, size) {
  const reasons = Object.entries(missing)
  return Object.fromEntries(
    reasons.map(([name, reason]) => [name, before[name] ?? `not tried: with ${size} it ${reason}`]),
  )
}

async function warmUp(kernel) {
  const table = makeTable(kernel, shapes.services(warmServices))
  for (let i = 0; i < warmUps; i++) {
    await inFreshPlace(kernel, (place) =>
      place.withClient(async (client) => {
        await ours.writers['batch()'](client, table)
        await ours.readers['snapshot()'](client, table)
      }),
    )
  }
}

async function main() {
  const kernel = await askKernel()
  const points = []
  for (const [shape, countsOf] of Object.entries(shapes)) {
    const gone = { write: {}, read: {} }
    for (const size of sizes) {
      const table = makeTable(kernel, countsOf(size))
      const { rounds, write, read } = await measureSize(kernel, table, gone)
      points.push({ shape, size, operations: table.size, rounds, write, read })
      gone.write = givenUp(write, gone.write, size)
      gone.read = givenUp(read, gone.read, size)
      progress(`growth: ${table.services.length} x ${table.destinations.length}`)
    }
  }
  return { rounds: growthRounds, points }
}

runPart('growth', main)
