// The ways to write and read a table with the library. Each takes an open client and returns a sample: what timed()
// measures and `operations`, how many operations or records that was for.
const { timed } = require('./measure.cjs')
const { addAll, partOf } = require('./table.cjs')

function expectCount(what, found, wanted) {
  if (found !== wanted) throw new Error(`${found} ${what} instead of ${wanted}`)
}

async function batch(client, table) {
  const { value, sample } = await timed(() => client.batch((b) => addAll(b, table)))
  const failed = value.find(({ status }) => status === 'rejected')
  if (failed) throw failed.error
  expectCount('outcomes', value.length, table.size)
  return { ...sample, operations: table.size }
}

async function promiseAll(client, table) {
  const { value, sample } = await timed(() => {
    const calls = []
    addAll(client, table, (call) => calls.push(call))
    return Promise.all(calls)
  })
  expectCount('results', value.length, table.size)
  return { ...sample, operations: table.size }
}

/** What a method is measured with. Sequential awaits are far from the others, and get a part of the table. */
const partFor = (name, table) => (name === 'sequential awaits' ? partOf(table, 1 / 10) : table)

async function sequentialAwaits(client, table) {
  const part = partFor('sequential awaits', table)
  const { sample } = await timed(async () => {
    for (const service of part.services) {
      await client.services.add({ ...service, scheduler: 'rr' })
      for (const address of part.locals) await client.localAddresses.add(service, address)
      for (const address of part.destinations) {
        await client.destinations.add(service, { address, port: 8080, forwarding: part.forwarding })
      }
    }
  })
  return { ...sample, operations: part.size, part: true }
}

async function snapshot(client, table) {
  const { value, sample } = await timed(() => client.snapshot())
  const found = value.services.reduce(
    (sum, { destinations, localAddresses }) => sum + 1 + destinations.length + localAddresses.length,
    0,
  )
  expectCount('records', found, table.size)
  return { ...sample, operations: table.size }
}

async function lists(client, table) {
  const { value, sample } = await timed(async () => {
    const services = await client.services.list()
    const parts = services.flatMap((service) => [
      client.destinations.list(service),
      ...(table.fullnat ? [client.localAddresses.list(service)] : []),
    ])
    return [services, ...(await Promise.all(parts))]
  })
  expectCount(
    'records',
    value.reduce((sum, list) => sum + list.length, 0),
    table.size,
  )
  return { ...sample, operations: table.size }
}

async function iterate(client, table) {
  const { value, sample } = await timed(async () => {
    let found = 0
    for await (const service of client.services.iterate()) {
      found++
      for await (const _ of client.destinations.iterate(service)) found++
      if (table.fullnat) for await (const _ of client.localAddresses.iterate(service)) found++
    }
    return found
  })
  expectCount('records', value, table.size)
  return { ...sample, operations: table.size }
}

module.exports = {
  partFor,
  writers: { 'batch()': batch, 'Promise.all': promiseAll, 'sequential awaits': sequentialAwaits },
  readers: { 'snapshot()': snapshot, 'list() + N lists': lists, 'iterate()': iterate },
}
