// Every way to write and to read one table, interleaved; then our own methods once more, each in a process of its own.
//
// Result: { write: { samples: { name: [sample] }, missing: { name: reason }, alone: { name: sample } }, read: … }. The first
// sample of each is a warm-up.
const { join } = require('node:path')
const { Collection } = require('./collect.cjs')
const { options, progress, runPart } = require('./options.cjs')
const { orderOf } = require('./order.cjs')
const ours = require('./ours.cjs')
const { askKernel, inFreshPlace } = require('./place.cjs')
const programs = require('./programs.cjs')
const { makeTable } = require('./table.cjs')

const { services, destinations, locals, rounds } = options
/**
 * How often a method of ours is run right before the run that counts. V8 throws compiled code away that was not used for
 * a few collections, and an emulated CPU takes long to compile it again. How long it takes at first is told beside it.
 */
const warmUps = 8

const ownMethods = (methods, table) =>
  Object.entries(methods).map(([name, method]) => ({
    name,
    own: true,
    measure: (place) => place.withClient((client) => method(client, table)),
  }))

/** Sequential awaits wait for the kernel nearly all of the time, and take long. */
const isWarmedUp = ({ name, own }) => own && name !== 'sequential awaits'

const programMethods = (found) =>
  Object.entries(found).map(([name, program]) => ({
    name,
    peer: name !== 'floor',
    table: program.table,
    measure: (place) => programs.runProgram(place, program),
  }))

async function measureAlone(methods, table, place) {
  const found = {}
  for (const name of Object.keys(methods)) {
    const file = join(__dirname, 'once.cjs')
    const counts = [services, destinations, locals].map(String)
    const command = [process.execPath, file, name, ...counts]
    const { size, isPart } = ours.partFor(name, table)
    const program = { command, operations: size, part: isPart, tells: true }
    const measure = (at) => programs.runProgram(at, program)
    found[name] = place ? measure(place) : await inFreshPlace(table.kernel, measure)
  }
  return found
}

async function main() {
  const kernel = await askKernel()
  const table = makeTable(kernel, { services, destinations, locals })
  const others = programs.allPrograms(kernel, table)
  const write = new Collection(others.missing)
  const read = new Collection(others.missing)
  const writers = [...programMethods(others.writers), ...ownMethods(ours.writers, table)]
  const readers = [...programMethods(others.readers), ...ownMethods(ours.readers, table)]
  const inFilledPlace = (filling, work) =>
    inFreshPlace(kernel, (place) => {
      programs.runProgram(place, programs.floorWrite(filling))
      return work(place)
    })
  const readersByTable = Map.groupBy(readers, (reader) => reader.table ?? table)

  for (let round = 0; round <= rounds; round++) {
    for (const writer of orderOf(writers, round)) {
      const before = isWarmedUp(writer) ? warmUps : 0
      for (let i = 0; i < before; i++) await inFreshPlace(kernel, writer.measure)
      await inFreshPlace(kernel, (place) => write.take(writer, place))
    }
    for (const [filling, list] of readersByTable) {
      await inFilledPlace(filling, async (place) => {
        for (const reader of orderOf(list, round)) {
          const before = isWarmedUp(reader) ? warmUps : 0
          for (let i = 0; i < before; i++) await reader.measure(place)
          await read.take(reader, place)
        }
      })
    }
    progress(`methods: round ${round} of ${rounds}`)
  }
  const aloneWrite = await measureAlone(ours.writers, table)
  const aloneRead = await inFilledPlace(table, (place) => measureAlone(ours.readers, table, place))
  progress('methods: each in a process of its own')
  return {
    ...{ services, destinations, locals: table.locals.length, size: table.size, rounds },
    write: { ...write, alone: aloneWrite },
    read: { ...read, alone: aloneRead },
  }
}

runPart('methods', main)
