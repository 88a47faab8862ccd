// What `npm run demo` runs inside the guest: a client and two real servers in network namespaces of their own, this
// machine as the director between them. Exit status 0 when the requests came through.
import { setTimeout as pause } from 'node:timers/promises'
import { Ipvs } from 'ipvs-fullnat'
import { clients, localAddresses, realServers, startLab, vip } from '../test/vm/net/lab.mjs'
import { configure } from './director.mjs'
import { render } from './list.mjs'
import { fail, say, show } from './report.mjs'

const REQUESTS = 6
const PORT = 80

const wanted = {
  vip: { address: vip.ipv4, port: PORT },
  localAddresses: localAddresses.ipv4,
  realServers: realServers.ipv4.map((address) => ({ address, port: 8080 })),
}

/** Asks the service, and checks who answered and whom the real server took for the client. */
async function ask(lab, { capabilities }) {
  const expected = capabilities.fullnat ? localAddresses.ipv4 : [clients.ipv4]
  const answers = []
  for (let i = 0; i < REQUESTS; i++) {
    // The last connection stays open, so that the listing has something to show.
    const { answer, error } = await lab.request(vip.ipv4, PORT, { hold: i === REQUESTS - 1 })
    if (error) {
      fail(`request ${i + 1} was not answered: ${error}`)
      return
    }
    answers.push(answer)
  }
  const seen = [...new Set(answers.map(({ server, peer }) => `${server} saw ${peer}`))].sort()
  show(`${answers.length} of ${REQUESTS} answered; ${seen.join(', ')}`)
  if (!answers.every(({ peer }) => expected.includes(peer))) fail(`expected ${expected.join(' or ')}`)
  if (new Set(answers.map(({ server }) => server)).size !== 2) fail('round robin used one real server only')
}

/** Mainline adds its counters up every two seconds, so they are not there at once. */
async function counted(ipvs) {
  const deadline = Date.now() + 120_000
  for (;;) {
    const snapshot = await ipvs.snapshot()
    const [{ service }] = snapshot.services
    if (service.stats.connections === BigInt(REQUESTS)) return snapshot
    if (Date.now() > deadline) {
      fail(`the kernel counted ${service.stats.connections} connections of ${REQUESTS}`)
      return snapshot
    }
    await pause(50)
  }
}

async function withoutLocalAddresses(lab, ipvs) {
  const service = { protocol: 'tcp', ...wanted.vip }
  say('Without local addresses a FULLNAT service answers nobody; with them it does again')
  await ipvs.localAddresses.set(service, [])
  const { error } = await lab.request(vip.ipv4, PORT, { timeout: 1500 })
  if (error) show(`local addresses removed: no answer (${error})`)
  else fail('a request was answered without a local address')
  await configure(ipvs, wanted)
  const { answer } = await lab.request(vip.ipv4, PORT)
  if (answer) show(`local addresses added: ${answer.server} answered ${answer.peer}`)
  else fail('no answer with local addresses')
}

async function present(lab, ipvs) {
  const { fullnat } = ipvs.capabilities
  show(`client ${clients.ipv4}  ──  VIP ${vip.ipv4} │ director  ──  ${realServers.ipv4.join(', ')}`)
  if (!fullnat) await lab.routeBack()
  show(
    fullnat ? 'the real servers know no route to the client' : 'the real servers answer through the director',
  )

  say('The director is configured (examples/director.mjs)')
  for (const line of await configure(ipvs, wanted)) show(line)

  say(`The client asks ${vip.ipv4}:${PORT}, ${REQUESTS} times`)
  await ask(lab, ipvs)

  say('The table of the kernel (examples/list.mjs)')
  for (const line of render(await counted(ipvs), ipvs.capabilities)) show(line)

  if (fullnat) await withoutLocalAddresses(lab, ipvs)
  await ipvs.flush()
}

async function main() {
  const ipvs = await Ipvs.open({ timeout: 60_000 })
  say(`IPVS is there: dialect ${ipvs.dialect}, spoken over ${ipvs.capabilities.transport}`)
  say('A client and two real servers, each side in a network namespace of its own')
  const lab = await startLab()
  try {
    await present(lab, ipvs)
  } finally {
    await lab.close()
    await ipvs.close()
  }
}

main().catch((error) => {
  console.error([error.stack, error.hint].filter(Boolean).join('\n'))
  process.exitCode = 1
})
