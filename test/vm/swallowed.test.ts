// Which packets to a virtual address and to a local address never reach the director's own programs. What docs/doctor.md says of
// it is what is held here. A packet that was dropped is seen by the kernel's counter, never by the time that passes.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createConnection, createServer, type Server } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { endLab } from './net/end-lab'
import {
  clients,
  type Lab,
  localAddresses,
  realServers,
  Settings,
  startLab,
  vip,
  // @ts-expect-error: a script without types
} from './net/lab.mjs'
import { until } from './net/until'
import { extStat } from './support/ext-stat'
import { library, PATIENT } from './support/library'

const ipvs = await library.Ipvs.open(PATIENT)
const can = ipvs.capabilities
const timeouts = await ipvs.timeouts.get()
const cpus = Number(process.env.IPVS_VM_SMP ?? 1)
// On fullnat-v3 a connection lives on one CPU, and veth brings its packets to any.
const canFlow = can.dialect !== 'fullnat-v3' || cpus === 1
const skipped = canFlow ? '' : ' (fullnat-v3 with several CPUs: needs IPVS_VM_SMP=1)'

/** Ports of programs of the director's own. */
const SSH = 2222
const DNS = 3333
const CLIENT_PORT = 7777
const families = ['ipv4', 'ipv6'] as const

/** What a peer of the lab saw. */
interface Seen {
  readonly answer?: unknown
  readonly error?: string
}

/** Starts something whose packets the kernel drops, and counts in this row. */
async function dropped<T>(row: string, start: () => Promise<T>): Promise<{ later: Promise<T> }> {
  const before = extStat(row)
  const later = start()
  await until(
    `${row} has grown`,
    () => extStat(row),
    (now) => now > before,
  )
  return { later }
}

const tcpService = (address: string, port = 80) => ({ protocol: 'tcp', address, port }) as const

describe.skipIf(!canFlow)(`packets for the director itself${skipped}`, () => {
  let lab: Lab
  const servers: Server[] = []
  const udpSockets: ReturnType<typeof createSocket>[] = []
  const settings = new Settings()
  const ofTest = new Settings()
  const own = [...Object.values(vip), localAddresses.ipv4[0], localAddresses.ipv6[0]] as string[]
  const drops = (name: 'tcp' | 'udp' | 'frag', value: 0 | 1) =>
    ofTest.set(`net.ipv4.vs.defence_${name}_drop`, value)
  const answer = (server: string) => ({ server, peer: expect.any(String), peerPort: expect.any(Number) })

  async function listen(address: string): Promise<void> {
    const server = createServer({ noDelay: true }, (socket) => {
      const peer = { peer: socket.remoteAddress, peerPort: socket.remotePort }
      socket.on('data', () => socket.write(`${JSON.stringify({ server: 'director', ...peer })}\n`))
      socket.on('error', () => socket.destroy())
    })
    server.listen({ host: address, port: SSH })
    await once(server, 'listening')
    servers.push(server)
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
    socket.on('message', (_, { address: peer, port }) =>
      socket.send(JSON.stringify({ server: 'director', peer, peerPort: port }), port, peer),
    )
    socket.bind({ address, port: DNS })
    await once(socket, 'listening')
    udpSockets.push(socket)
  }

  const expose = async (service: ReturnType<typeof tcpService>) => {
    const family = service.address.includes(':') ? 'ipv6' : 'ipv4'
    await ipvs.services.add({ ...service, scheduler: 'rr' })
    if (can.localAddresses) await ipvs.localAddresses.set(service, localAddresses[family])
    await ipvs.destinations.add(service, {
      address: realServers[family][0],
      port: 8080,
      forwarding: can.fullnat ? 'fullnat' : 'masquerade',
    })
  }

  beforeAll(async () => {
    await ipvs.flush()
    await ipvs.timeouts.set({ tcpFin: 1, udp: 15 })
    const states = can.fullnat ? ['timewait', 'lastack', 'close'] : []
    for (const state of states) settings.set(`net.ipv4.vs.timeout_${state}`, 1)
    lab = await startLab()
    await lab.client.sh(
      `/sbin/ip route add 10.0.0.0/24 via ${vip.ipv4}\n/sbin/ip -6 route add fd00:1::/64 via ${vip.ipv6}`,
    )
    for (const family of families) {
      await lab.client.call('serveTcp', { name: 'client', address: clients[family], port: CLIENT_PORT })
    }
    for (const address of own) await listen(address)
  })
  afterEach(async () => {
    ofTest.restore()
    await lab.releaseAll()
    await ipvs.flush()
  })
  afterAll(async () => {
    for (const server of servers) server.close()
    for (const socket of udpSockets) socket.close()
    await endLab({ ipvs, lab, settings, timeouts }).finally(() => ipvs.close())
  })

  describe.skipIf(can.fullnat)('on mainline', () => {
    it.each(families)('nothing but what is for the service is taken, over %s', async (family) => {
      const address = vip[family]
      await expose(tcpService(address))
      expect((await lab.request(address, SSH)).answer).toEqual(answer('director'))
      expect((await lab.requestUdp(address, DNS)).answer).toEqual(answer('director'))
      expect(await lab.request(address, SSH + 1)).toEqual({ error: 'ECONNREFUSED' })
      await lab.client.sh(`ping -c 1 -W 60 ${address}`)
    })
  })

  describe.skipIf(!can.fullnat)('on FULLNAT kernels: a virtual address', () => {
    it.each(families)('without a TCP service takes nothing, over %s', async (family) => {
      const address = vip[family]
      await ipvs.services.add({ protocol: 'udp', address, port: 80, scheduler: 'rr' })
      expect((await lab.request(address, SSH)).answer).toEqual(answer('director'))
      expect((await lab.requestUdp(address, DNS)).answer).toEqual(answer('director'))
      expect(await lab.request(address, SSH + 1)).toEqual({ error: 'ECONNREFUSED' })
    })

    it.each(families)('defence_tcp_drop 1: a SYN to any other port is dropped, over %s', async (family) => {
      const address = vip[family]
      await expose(tcpService(address))
      drops('tcp', 1)
      const { later } = await dropped<Seen>('defence_tcp_drop', () => lab.request(address, SSH))
      const closed = await dropped<Seen>('defence_tcp_drop', () => lab.request(address, SSH + 1))
      // The client tries again, and is heard.
      drops('tcp', 0)
      expect((await later).answer).toEqual(answer('director'))
      expect(await closed.later).toEqual({ error: 'ECONNREFUSED' })
    })

    it.each(families)('a session that was there before the service is cut, over %s', async (family) => {
      const address = vip[family]
      drops('tcp', 1)
      const session = await lab.request(address, SSH, { hold: true })
      await expose(tcpService(address))
      const { later } = await dropped<Seen>('defence_tcp_drop', () => lab.again(session.held))
      await ipvs.flush()
      expect((await later).answer).toEqual(answer('director'))
    })

    it.each(families)(
      'the answers to its own connections from there are dropped, over %s',
      async (family) => {
        await expose(tcpService(vip[family]))
        drops('tcp', 1)
        const connect = async () => {
          const socket = createConnection({
            host: clients[family],
            port: CLIENT_PORT,
            localAddress: vip[family],
          })
          await once(socket, 'connect')
          socket.destroy()
          return 'connected'
        }
        const { later } = await dropped('defence_tcp_drop', connect)
        drops('tcp', 0)
        expect(await later).toBe('connected')
      },
    )

    it.each(families)('defence_udp_drop 1: all UDP is dropped, over %s', async (family) => {
      const address = vip[family]
      await expose(tcpService(address))
      drops('udp', 1)
      await dropped('defence_udp_drop', () => lab.requestUdp(address, DNS, { timeout: 1 }))
      drops('udp', 0)
      expect((await lab.requestUdp(address, DNS)).answer).toEqual(answer('director'))
    })

    it.each(families)('echo requests are answered whatever is set, over %s', async (family) => {
      await expose(tcpService(vip[family]))
      drops('tcp', 1)
      drops('udp', 1)
      await lab.client.sh(`ping -c 1 -W 60 ${vip[family]}`)
    })
  })

  describe.skipIf(!can.fullnat)('on FULLNAT kernels: a local address', () => {
    it.each(families)('takes only the packets of its connections, over %s', async (family) => {
      if (can.dialect === 'fullnat-v3' && family === 'ipv6') ofTest.set('net.ipv4.vs.csum_offload', 0)
      drops('tcp', 1)
      drops('udp', 1)
      const address = localAddresses[family][0]
      await expose(tcpService(vip[family]))
      const through = await lab.request(vip[family], 80, { hold: true })
      expect(through.answer.server).toBe('rs1')
      expect((await lab.request(address, SSH)).answer).toEqual(answer('director'))
      expect(await lab.request(address, SSH + 1)).toEqual({ error: 'ECONNREFUSED' })
      expect((await lab.requestUdp(address, DNS)).answer).toEqual(answer('director'))
      await lab.client.sh(`ping -c 1 -W 60 ${address}`)
      // From where its connections go to, it is no different.
      const request = { address, port: SSH, timeout: 120_000 }
      expect((await lab.servers.call('requestTcp', request)).answer).toEqual(answer('director'))
    })

    it('takes the answers to a connection of the director that has the port of one', async () => {
      await expose(tcpService(vip.ipv4))
      const { answer: seen } = await lab.request(vip.ipv4, 80, { hold: true })
      const { outPackets } = (await ipvs.services.get(tcpService(vip.ipv4)))?.stats ?? {}
      const health = { host: realServers.ipv4[0], port: 8080, localAddress: seen.peer }
      const socket = createConnection({ ...health, localPort: seen.peerPort })
      const ended = new Promise((resolve) => {
        socket.on('connect', () => resolve('connected'))
        socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code))
        socket.on('close', () => resolve('given up'))
      })
      // What the real server says to it goes to the client.
      await until(
        'IPVS has taken the answer',
        async () => (await ipvs.services.get(tcpService(vip.ipv4)))?.stats.outPackets ?? BigInt(0),
        (now) => now > (outPackets ?? BigInt(0)),
      )
      socket.destroy()
      expect(await ended).toBe('given up')
      const other = createConnection({ ...health, localPort: 1024 })
      await once(other, 'connect')
      other.destroy()
    })

    it('that is a virtual address, too, is treated as one', async () => {
      drops('tcp', 1)
      const address = localAddresses.ipv4[0]
      await expose(tcpService(vip.ipv4))
      await ipvs.services.add({ ...tcpService(address), scheduler: 'rr' })
      const { later } = await dropped<Seen>('defence_tcp_drop', () => lab.request(address, SSH))
      drops('tcp', 0)
      expect((await later).answer).toEqual(answer('director'))
    })
  })

  describe.skipIf(!can.fullnat)('on FULLNAT kernels: the whole machine', () => {
    // ip_vs_pre_routing comes behind nf_defrag_ipv4 (NF_IP_PRI_CONNTRACK_DEFRAG), which puts fragments together: these kernels
    // have connection tracking built in.
    it('defence_frag_drop 1 sees no fragment where connection tracking has put them together', async () => {
      drops('frag', 1)
      const before = extStat('defence_ip_frag_drop')
      await lab.client.sh(`ping -s 4000 -c 1 -W 60 ${localAddresses.ipv4[1]}`)
      expect(extStat('defence_ip_frag_drop')).toBe(before)
    })
  })
})
