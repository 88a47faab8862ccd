// Packets through the director: a client and real servers in namespaces of their own, the table written by the library.
//
// On fullnat-v3 both connection table and local addresses are per CPU, and veth has no flow director that brings the
// answers back to the right one: there, traffic needs a machine with one CPU.
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { AddressServiceKey, Forwarding, LocalAddressInfo, ServiceConfig, Stats } from '../../lib'
import { endLab } from './net/end-lab'
import { listed, program, viewOf } from './net/ipvsadm'
import {
  clients,
  getSetting,
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
const isV3 = can.dialect === 'fullnat-v3'
const canFlow = !isV3 || cpus === 1

const families = ['ipv4', 'ipv6'] as const
const skipped = canFlow ? '' : ' (fullnat-v3 with several CPUs: needs IPVS_VM_SMP=1)'

/**
 * A service that was not there before: destinations that are added again take over the connections of those that were
 * removed (v2, v3 ip_vs_ctl.c:ip_vs_trash_get_dest), and a removed one drops the packets that would end them.
 */
let lastPort = 1000
function freshService(protocol: 'tcp' | 'udp' = 'tcp', family: keyof typeof vip = 'ipv4') {
  return { protocol, address: vip[family], port: ++lastPort } as const
}

const sumOf = (list: readonly LocalAddressInfo[]) =>
  list.reduce((sum, { connections }) => sum + connections, 0)

async function statsOf(service: AddressServiceKey): Promise<Stats> {
  const info = await ipvs.services.get(service)
  if (!info) throw new Error('there is no such service')
  return info.stats
}

/** Of everything in the table. */
interface Exposed {
  readonly forwarding: Forwarding
  readonly config?: ServiceConfig
  readonly servers?: number
  readonly port?: number
}

/** A service with one local address per CPU where there are any, and real servers behind it. */
async function expose(service: AddressServiceKey, { forwarding, config, servers = 1, port = 8080 }: Exposed) {
  const family = service.address.includes(':') ? 'ipv6' : 'ipv4'
  await ipvs.services.add({ ...service, scheduler: 'rr', ...config })
  if (forwarding === 'fullnat') await ipvs.localAddresses.set(service, localAddresses[family])
  for (const address of realServers[family].slice(0, servers)) {
    await ipvs.destinations.add(service, { address, port, forwarding })
  }
}

describe.skipIf(!canFlow)(`traffic${skipped}`, () => {
  let lab: Lab
  const request = (service: AddressServiceKey, options = {}) =>
    lab.request(service.address, service.port, options)
  const servedBy = async (service: AddressServiceKey, count: number): Promise<string[]> => {
    const names: string[] = []
    for (let i = 0; i < count; i++) names.push((await request(service)).answer?.server)
    return names
  }

  const settings = new Settings()
  const ofTest = new Settings()

  beforeAll(async () => {
    await ipvs.flush()
    // Connections leave the table soon after they ended.
    await ipvs.timeouts.set({ tcpFin: 1, udp: 15 })
    const states = can.fullnat ? ['timewait', 'lastack', 'close'] : []
    for (const state of states) settings.set(`net.ipv4.vs.timeout_${state}`, 1)
    lab = await startLab()
  })
  afterEach(async () => {
    ofTest.restore()
    await lab.releaseAll()
  })
  afterAll(() => endLab({ ipvs, lab, settings, timeouts }).finally(() => ipvs.close()))

  const methods = (['masquerade', 'fullnat'] as const).filter((method) =>
    can.forwardingMethods.includes(method),
  )

  describe.each(methods)('forwarding: %s', (forwarding) => {
    // Masquerading changes the destination only: the real servers must send their answers through the director.
    // FULLNAT is tested without any route back, which is the point of it.
    if (forwarding === 'masquerade') {
      beforeAll(() => lab.routeBack())
      afterAll(() => lab.noRouteBack())
    }

    // fullnat-v3 leaves checksums to the device, and gets those of IPv6 wrong on one that has no such offload.
    const prepare = (family: string) => {
      if (isV3 && family === 'ipv6') ofTest.set('net.ipv4.vs.csum_offload', 0)
    }

    it.each(families)('a TCP request over %s is answered through the VIP', async (family) => {
      prepare(family)
      const service = freshService('tcp', family)
      await expose(service, { forwarding })

      const { answer, error, held } = await request(service, { hold: true })
      expect(error).toBeUndefined()
      expect(answer.server).toBe('rs1')
      const seen = forwarding === 'fullnat' ? localAddresses[family] : [clients[family]]
      expect(seen).toContain(answer.peer)

      // Mainline adds its counters up every two seconds (ip_vs_est.c:estimation_timer), since Linux 6.2 those of a service and
      // of its destination not at the same time (ip_vs_est.c:ip_vs_estimation_kthread).
      const [stats, destination] = await until(
        'service and destination count the connection',
        async () => {
          const [only] = await ipvs.destinations.list(service)
          return [await statsOf(service), only] as const
        },
        ([seen, { stats: its }]) =>
          seen.connections >= 1n && seen.outBytes > 0n && seen.outBytes === its.outBytes,
      )
      expect(stats.connections).toBe(1n)
      expect(stats.inPackets).toBeGreaterThan(2n)
      expect(stats.outPackets).toBeGreaterThan(1n)
      expect(stats.inBytes).toBeGreaterThan(stats.inPackets * 40n)
      expect(destination.stats.connections).toBe(1n)
      expect(destination).toMatchObject({ forwarding, activeConnections: 1, inactiveConnections: 0 })
      if (can.rates) expect(stats.rates?.outBytes).toBeGreaterThan(0n)
      else expect(stats.rates).toBeUndefined()

      expect((await lab.again(held)).answer.peerPort).toBe(answer.peerPort)
      await lab.release(held)
      await until(
        'the closed connection is no longer active',
        async () => (await ipvs.destinations.list(service))[0].activeConnections,
        (active) => active === 0,
      )
    })

    it.runIf(program)("the kernel's own ipvsadm counts the same", async () => {
      const service = freshService()
      await expose(service, { forwarding })
      const { held } = await request(service, { hold: true })
      const name = `TCP ${service.address}:${service.port}`
      // Nothing moves while the connection is idle, so the two views are of the same moment.
      const [theirs, mine] = await until(
        'both count one connection',
        async () => {
          const { services } = await ipvs.snapshot()
          const views = [await listed(false), viewOf(services, false)]
          return views.map((view) => view.services[name])
        },
        (views) => views.every(({ counters }) => counters[0] === 1n),
      )
      expect(mine).toEqual(theirs)
      expect(mine.counters).toEqual(mine.destinations['10.0.0.2:8080'].counters)
      expect(mine.destinations['10.0.0.2:8080'].connections).toEqual([1, 0, 0])
      await lab.release(held)
    })

    it.runIf(can.zero)('zero starts the counters of one service again', async () => {
      const other = freshService()
      const service = freshService()
      for (const one of [service, other]) {
        await expose(one, { forwarding })
        expect((await request(one)).answer.server).toBe('rs1')
        await until(
          'it counts',
          () => statsOf(one),
          ({ connections }) => connections === 1n,
        )
      }
      await ipvs.zero(service)
      expect(await statsOf(service)).toMatchObject({ connections: 0n, outBytes: 0n })
      expect((await ipvs.destinations.list(service))[0].stats).toMatchObject({ connections: 0n, inBytes: 0n })
      expect(await statsOf(other)).toMatchObject({ connections: 1n })
      expect((await request(service)).answer.server).toBe('rs1')
      await until(
        'it counts from 0',
        () => statsOf(service),
        ({ connections }) => connections === 1n,
      )
    })

    it('round robin takes the real servers in turn', async () => {
      const web = freshService()
      await expose(web, { forwarding, servers: 2 })
      const names = await servedBy(web, 6)
      const [first, second] = names
      expect([first, second].sort()).toEqual(['rs1', 'rs2'])
      expect(names).toEqual([first, second, first, second, first, second])
      await until(
        'each destination counts its three connections',
        async () => (await ipvs.destinations.list(web)).map(({ stats }) => stats.connections),
        ([a, b]) => a === 3n && b === 3n,
      )
    })

    it('weight 0 takes no new connection, and keeps the open one', async () => {
      const web = freshService()
      await expose(web, { forwarding, servers: 2 })
      const open = await request(web, { hold: true })
      const name = open.answer.server
      const other = name === 'rs1' ? 'rs2' : 'rs1'
      const address = realServers.ipv4[name === 'rs1' ? 0 : 1]
      await ipvs.destinations.update(web, { address, port: 8080 }, { weight: 0 })
      expect(await servedBy(web, 4)).toEqual([other, other, other, other])
      expect((await lab.again(open.held)).answer.server).toBe(name)
      await ipvs.destinations.update(web, { address, port: 8080 }, { weight: 1 })
      expect((await servedBy(web, 2)).sort()).toEqual(['rs1', 'rs2'])
      await lab.release(open.held)
    })

    it('a removed destination gets nothing more', async () => {
      const web = freshService()
      await expose(web, { forwarding, servers: 2 })
      await ipvs.destinations.remove(web, { address: realServers.ipv4[0], port: 8080 })
      expect(await servedBy(web, 3)).toEqual(['rs2', 'rs2', 'rs2'])
    })

    const itUdp = it.runIf(forwarding !== 'fullnat' || can.udpFullnat)
    itUdp.each(families)('a UDP request over %s is answered through the VIP', async (family) => {
      prepare(family)
      // The VIP has TCP services, too.
      if (can.fullnat) ofTest.set('net.ipv4.vs.defence_udp_drop', 0)
      const service = freshService('udp', family)
      await expose(service, { forwarding, port: 5353 })
      const { answer, error } = await lab.requestUdp(service.address, service.port)
      expect(error).toBeUndefined()
      expect(answer.server).toBe('rs1')
      const seen = forwarding === 'fullnat' ? localAddresses[family] : [clients[family]]
      expect(seen).toContain(answer.peer)
      await until(
        'the service counts one packet each way',
        () => statsOf(service),
        ({ inPackets, outPackets }) => inPackets === 1n && outPackets === 1n,
      )
    })
  })

  describe.runIf(can.localAddresses)('FULLNAT', () => {
    const forwarding = 'fullnat'
    const LABEL = 'the real server sees a local address'

    it(`${LABEL}, which counts the connection until it has gone`, async () => {
      const web = freshService()
      await expose(web, { forwarding })
      const { answer, held } = await request(web, { hold: true })
      const list = await ipvs.localAddresses.list(web)
      expect(list).toEqual(
        localAddresses.ipv4.map((address: string) => ({
          address,
          portConflicts: expect.any(BigInt),
          connections: address === answer.peer ? 1 : 0,
        })),
      )
      const lowest = Number(getSetting('net.ipv4.vs.fullnat_lport_min'))
      expect(answer.peerPort).toBeGreaterThanOrEqual(lowest)
      if (can.connectionList) {
        const hex = answer.peer.split('.').map((octet: string) => Number(octet).toString(16).padStart(2, '0'))
        const port = answer.peerPort.toString(16).padStart(4, '0')
        const row = new RegExp(`\\b${hex.join('')} ${port} .* ESTABLISHED`, 'i')
        expect(readFileSync('/proc/net/ip_vs_conn', 'utf8')).toMatch(row)
      }
      await lab.release(held)
      await until(
        'no local address is in use',
        async () => sumOf(await ipvs.localAddresses.list(web)),
        (sum) => sum === 0,
      )
    })

    it('connections take the local addresses in turn', async () => {
      const web = freshService()
      await expose(web, { forwarding })
      const peers = new Set<string>()
      for (let i = 0; i < 4; i++) peers.add((await request(web)).answer.peer)
      expect([...peers].sort()).toEqual(localAddresses.ipv4)
    })

    it('without a local address new connections get no answer, open ones go on; with one again they do', async () => {
      const web = freshService()
      await expose(web, { forwarding })
      const open = await request(web, { hold: true })
      expect(await ipvs.localAddresses.set(web, [])).toEqual({ added: [], removed: localAddresses.ipv4 })
      const refused = extStat('conn_sched_unreach')
      // The client hears nothing and sends its SYN again, see the comment below.
      const attempt = request(web, { timeout: 5000 })
      await until(
        'the kernel refuses it',
        () => extStat('conn_sched_unreach'),
        (count) => count > refused,
      )
      expect(await attempt).toEqual({ error: 'ETIMEDOUT' })
      expect((await statsOf(web)).connections).toBe(1n)
      expect((await lab.again(open.held)).answer.peer).toBe(open.answer.peer)

      const [address] = localAddresses.ipv4
      await ipvs.localAddresses.add(web, address)
      expect((await request(web)).answer).toMatchObject({ server: 'rs1', peer: address })
      // It is another object now: it knows nothing of the connections of the one that was removed.
      expect(sumOf(await ipvs.localAddresses.list(web))).toBe(1)
      await lab.release(open.held)
    })

    it('local addresses of one service do not serve another', async () => {
      const web = freshService()
      const other = freshService()
      await expose(web, { forwarding })
      await expose(other, { forwarding })
      await ipvs.localAddresses.set(web, localAddresses.ipv4.slice(0, 1))
      await ipvs.localAddresses.set(other, localAddresses.ipv4.slice(1))
      for (let i = 0; i < 2; i++) {
        expect((await request(web)).answer.peer).toBe(localAddresses.ipv4[0])
        expect((await request(other)).answer.peer).toBe(localAddresses.ipv4[1])
      }
    })

    it.runIf(can.synproxy)('a connection through the SYN proxy is answered', async () => {
      const web = freshService()
      await expose(web, { forwarding, config: { synproxy: true } })
      const cookies = extStat('synproxy_ok_ack')
      expect((await request(web)).answer.server).toBe('rs1')
      expect(extStat('synproxy_ok_ack')).toBe(cookies + 1)

      await ipvs.services.update(web, { synproxy: false })
      expect((await request(web)).answer.server).toBe('rs1')
      expect(extStat('synproxy_ok_ack')).toBe(cookies + 1)
    })

    it.runIf(can.establishedTimeout)('an idle connection ends after establishedTimeout seconds', async () => {
      const web = freshService()
      const patient = freshService()
      await expose(web, { forwarding, config: { establishedTimeout: 8 } })
      await expose(patient, { forwarding, config: { establishedTimeout: 600 } })
      const idle = await request(web, { hold: true })
      const kept = await request(patient, { hold: true })
      await until(
        'the idle connection has gone',
        async () => (await ipvs.destinations.list(web))[0].activeConnections,
        (active) => active === 0,
      )
      // conn_expire_tcp_rst: both ends are told.
      expect(await until('the client hears of it', () => lab.endOf(idle.held), Boolean)).toBe('ECONNRESET')
      expect((await ipvs.destinations.list(patient))[0].activeConnections).toBe(1)
      expect((await lab.again(kept.held)).answer.peer).toBe(kept.answer.peer)
      await lab.release(kept.held)
    })

    it.runIf(can.udpFullnat)('UDP on the VIP of a TCP service needs defence_udp_drop 0', async () => {
      const web = freshService()
      const dns = freshService('udp')
      await expose(web, { forwarding })
      await expose(dns, { forwarding, port: 5353 })
      ofTest.set('net.ipv4.vs.defence_udp_drop', 1)
      const dropped = extStat('defence_udp_drop')
      expect(await lab.requestUdp(dns.address, dns.port, { timeout: 1000 })).toEqual({ error: 'ETIMEDOUT' })
      await until(
        'the drop is counted',
        () => extStat('defence_udp_drop'),
        (count) => count > dropped,
      )
      expect(extStat('defence_udp_drop')).toBe(dropped + 1)
      ofTest.set('net.ipv4.vs.defence_udp_drop', 0)
      const { answer } = await lab.requestUdp(dns.address, dns.port)
      expect(answer.server).toBe('rs1')
      expect(localAddresses.ipv4).toContain(answer.peer)
      expect(sumOf(await ipvs.localAddresses.list(dns))).toBe(1)
    })
  })
})
