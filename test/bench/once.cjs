// One of our methods in a process of its own, so that floor.c can tell its peak RSS and nothing is compiled yet.
// Arguments: METHOD SERVICES DESTINATIONS LOCAL_ADDRESSES; `open` only opens a client. Prints milliseconds and operations.
const { Ipvs } = require('../../dist')
const ours = require('./ours.cjs')
const { askKernel, timeout } = require('./place.cjs')
const { makeTable } = require('./table.cjs')

async function main() {
  const [method, services, destinations, locals] = process.argv.slice(2)
  const kernel = await askKernel()
  const table = makeTable(kernel, {
    services: Number(services),
    destinations: Number(destinations),
    locals: Number(locals),
  })
  const client = await Ipvs.open({ timeout })
  const run = { ...ours.writers, ...ours.readers }[method]
  const { ms, operations } = run ? await run(client, table) : { ms: 0, operations: 0 }
  await client.close()
  console.log(`${ms} ${operations}`)
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
