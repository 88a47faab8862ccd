// The part of `npm run demo` that needs a FULLNAT kernel, where there is none: the same director program on FakeKernel. No
// packet flows; what the kernel would choose and count is worked out. Exit status 0 when it went as it should.
//
//   node examples/demo-fake.mjs
import { Ipvs } from 'ipvs-fullnat'
import { FakeKernel } from 'ipvs-fullnat/testing'
import { configure } from './director.mjs'
import { render } from './list.mjs'
import { fail, say, show } from './report.mjs'

const DIALECT = 'fullnat-v3'
const REQUESTS = 6
const wanted = {
  vip: { address: '192.168.100.1', port: 80 },
  localAddresses: ['10.0.0.100', '10.0.0.101'],
  realServers: ['10.0.0.2', '10.0.0.3'].map((address) => ({ address, port: 8080 })),
}
const service = { protocol: 'tcp', ...wanted.vip }

const clientOf = (i) => `192.168.100.2:${40000 + i}`

/** The connections of one client; the last one stays open, so that the listing has something to show. */
function connect(kernel) {
  const connections = Array.from({ length: REQUESTS }, (_, i) => {
    const connection = kernel.connect({ client: clientOf(i), service })
    connection.traffic({ inPackets: 5, inBytes: 300, outPackets: 4, outBytes: 260 })
    return connection
  })
  for (const connection of connections.slice(0, -1)) connection.close()
  return connections
}

async function withoutLocalAddresses(kernel, ipvs) {
  say('Without local addresses a FULLNAT service answers nobody; with them it does again')
  await ipvs.localAddresses.set(service, [])
  const { refused } = kernel.attempt({ client: clientOf(REQUESTS), service })
  if (refused?.kind === 'no-local-address') show(`local addresses removed: refused (${refused.kind})`)
  else fail('a connection was made without a local address')
  await configure(ipvs, wanted)
  const { connection } = kernel.attempt({ client: clientOf(REQUESTS), service })
  if (connection)
    show(`local addresses added: ${connection.destination.address} serves ${clientOf(REQUESTS)}`)
  else fail('no connection with local addresses')
}

async function main() {
  const kernel = new FakeKernel({ dialect: DIALECT })
  const ipvs = await Ipvs.open({ transport: kernel.transport() })
  say(`FakeKernel, in the memory of this process: dialect ${ipvs.dialect}`)

  say('The director is configured (examples/director.mjs)')
  for (const line of await configure(ipvs, wanted)) show(line)

  say(`A client connects, ${REQUESTS} times`)
  const connections = connect(kernel)
  const servers = new Set(connections.map(({ destination }) => destination.address))
  const locals = new Set(connections.map(({ localAddress }) => localAddress))
  show(`${[...servers].sort().join(', ')} saw ${[...locals].sort().join(', ')}`)
  if (servers.size !== 2) fail('round robin used one real server only')
  if (![...locals].every((address) => wanted.localAddresses.includes(address)))
    fail('no local address was taken')

  say('The table (examples/list.mjs)')
  const snapshot = await ipvs.snapshot()
  for (const line of render(snapshot, ipvs.capabilities)) show(line)
  if (snapshot.services[0]?.service.stats.connections !== BigInt(REQUESTS))
    fail('not every connection was counted')

  await withoutLocalAddresses(kernel, ipvs)
  await ipvs.close()
}

main().catch((error) => {
  console.error([error.stack, error.hint].filter(Boolean).join('\n'))
  process.exitCode = 1
})
