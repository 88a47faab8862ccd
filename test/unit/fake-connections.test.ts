// Connections of the fake kernel: local addresses, thresholds, persistence, expiry, traffic.

import { describe, expect, it } from 'vitest'
import { ConnectionRefused } from '../../lib/testing'
import { addDestinations, DIALECTS, DNS, setUp, turns, WEB } from './fake-support'

const FULLNAT = ['fullnat-v2', 'fullnat-v3'] as const
const REAL = { address: '10.0.0.1', port: 8080 } as const
const client = (port: number) => `198.51.100.7:${port}`

async function fullnat(dialect: (typeof FULLNAT)[number], addresses: readonly string[], cpus = 1) {
  const world = await setUp({ dialect, cpus })
  await world.ipvs.services.add({ ...WEB, scheduler: 'rr' })
  await addDestinations(world.ipvs, [1], WEB, { forwarding: 'fullnat' })
  for (const address of addresses) await world.ipvs.localAddresses.add(WEB, address)
  return world
}

describe.each(FULLNAT)('local addresses of %s', (dialect) => {
  it('take turns, each with its own ports from 5001 on (transcripts/traffic-v2.txt)', async () => {
    const { kernel, ipvs } = await fullnat(dialect, ['10.0.0.100', '10.0.0.101'])
    const seen = [1, 2, 3, 4].map((port) => {
      const { localAddress, localPort } = kernel.connect({ client: client(port), service: WEB })
      return `${localAddress}:${localPort}`
    })
    expect(seen).toEqual(['10.0.0.100:5001', '10.0.0.101:5001', '10.0.0.100:5002', '10.0.0.101:5002'])
    expect(await ipvs.localAddresses.list(WEB)).toEqual([
      { address: '10.0.0.100', connections: 2, portConflicts: 0n },
      { address: '10.0.0.101', connections: 2, portConflicts: 0n },
    ])
  })

  it('without one a connection is refused, and counts nowhere', async () => {
    const { kernel, ipvs } = await fullnat(dialect, [])
    const cpu = dialect === 'fullnat-v3' ? 0 : undefined
    expect(kernel.attempt({ client: client(1), service: WEB }).refused).toEqual({
      kind: 'no-local-address',
      cpu,
    })
    expect(() => kernel.connect({ client: client(1), service: WEB })).toThrow(ConnectionRefused)
    expect(await ipvs.destinations.get(WEB, REAL)).toMatchObject({
      activeConnections: 0,
      inactiveConnections: 0,
      stats: { connections: 0n },
    })
  })

  it('a removed one is held by its connections; added again it starts over and meets conflicts', async () => {
    const { kernel, ipvs } = await fullnat(dialect, ['10.0.0.100'])
    const old = kernel.connect({ client: client(1), service: WEB })
    await ipvs.localAddresses.remove(WEB, '10.0.0.100')
    expect(old.localAddress).toBe('10.0.0.100')
    await ipvs.localAddresses.add(WEB, '10.0.0.100')
    expect(await ipvs.localAddresses.get(WEB, '10.0.0.100')).toMatchObject({
      connections: 0,
      portConflicts: 0n,
    })
    expect(kernel.connect({ client: client(2), service: WEB }).localPort).toBe(5002)
    expect(await ipvs.localAddresses.get(WEB, '10.0.0.100')).toMatchObject({
      connections: 1,
      portConflicts: 1n,
    })
    kernel.advance(91)
    expect(await ipvs.localAddresses.get(WEB, '10.0.0.100')).toMatchObject({
      connections: 0,
      portConflicts: 1n,
    })
  })

  it('ports run out', async () => {
    const { kernel, ipvs } = await setUp({ dialect, localPorts: { min: 5000, max: 5001 } })
    await ipvs.services.add(WEB)
    await addDestinations(ipvs, [1], WEB, { forwarding: 'fullnat' })
    await ipvs.localAddresses.add(WEB, '10.0.0.100')
    const ports = [1, 2].map((port) => kernel.connect({ client: client(port), service: WEB }).localPort)
    expect(ports.sort()).toEqual([5000, 5001])
    expect(() => kernel.connect({ client: client(3), service: WEB })).toThrow(
      'no free port on local address 10.0.0.100',
    )
    expect(await ipvs.localAddresses.get(WEB, '10.0.0.100')).toMatchObject({
      connections: 2,
      portConflicts: 10000n,
    })
  })
})

describe('local addresses per CPU (fullnat-v3)', () => {
  it('the last byte decides; a CPU without one refuses', async () => {
    const { kernel, ipvs } = await fullnat('fullnat-v3', ['10.1.0.1', '10.1.0.4', '10.1.0.7'], 4)
    const { cpus, uncovered } = await ipvs.localAddresses.coverage(WEB)
    expect(cpus.map(({ addresses }) => addresses)).toEqual([['10.1.0.4'], ['10.1.0.1'], [], ['10.1.0.7']])
    expect(uncovered).toEqual([2])
    for (const [cpu, address] of [
      [0, '10.1.0.4'],
      [1, '10.1.0.1'],
      [3, '10.1.0.7'],
    ] as const) {
      expect(kernel.connect({ client: client(cpu + 1), service: WEB, cpu })).toMatchObject({
        localAddress: address,
        cpu,
      })
    }
    expect(() => kernel.connect({ client: client(9), service: WEB, cpu: 2 })).toThrow(
      'connection refused: no local address on CPU 2',
    )
    // Listed by CPU, the oldest first within one.
    const listed = (await ipvs.localAddresses.list(WEB)).map(({ address }) => address)
    expect(listed).toEqual(['10.1.0.4', '10.1.0.1', '10.1.0.7'])
  })

  it('reserve_core leaves the first CPUs out; none left is refused by the library, and loud if it gets through', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v3', cpus: 8, reserveCore: 2 })
    await ipvs.services.add(WEB)
    await ipvs.localAddresses.add(WEB, '10.0.0.7')
    expect(kernel.dump().services[0]?.localAddresses[3]?.list).toMatchObject([
      { address: '10.0.0.7', cpu: 3 },
    ])
    kernel.reserveCore = 8
    await expect(ipvs.localAddresses.add(WEB, '10.0.0.8')).rejects.toMatchObject({
      code: 'ERR_IPVS_RESERVE_CORE',
    })
    const behind = { ...kernel.transport(), readCpuState: () => ({ online: 8, reserved: 0 }) }
    const { Ipvs } = await import('../../lib')
    const blind = await Ipvs.open({ transport: behind })
    const error = await blind.localAddresses.add(WEB, '10.0.0.8').catch((reason) => reason)
    expect(String(error.cause ?? error)).toContain('divide error')
  })
})

describe.each(DIALECTS)('connections of %s', (dialect) => {
  it('move the counters: active, then inactive, then gone', async () => {
    const { kernel, ipvs } = await setUp({ dialect })
    await ipvs.services.add(WEB)
    await addDestinations(ipvs, [1])
    const counts = async () => {
      const { activeConnections, inactiveConnections, stats } = (
        await ipvs.destinations.list(WEB)
      )[0] as never
      return [activeConnections, inactiveConnections, (stats as { connections: bigint }).connections]
    }
    const half = kernel.connect({ client: client(1), service: WEB, established: false })
    expect(half.state).toBe('syn-recv')
    expect(await counts()).toEqual(dialect === 'mainline' ? [1, 0, 1n] : [0, 1, 1n])
    half.establish()
    expect(await counts()).toEqual([1, 0, 1n])
    expect(half.close().state).toBe('time-wait')
    expect(await counts()).toEqual([0, 1, 1n])
    kernel.advance(half.expiresIn - 0.001)
    expect(kernel.connections()).toHaveLength(1)
    kernel.advance(0.001)
    expect(half.state).toBe('expired')
    expect(await counts()).toEqual([0, 0, 1n])
    expect((await ipvs.services.get(WEB))?.stats.connections).toBe(1n)
  })

  it('time out by the timeouts of the kernel; traffic starts them over', async () => {
    const { kernel, ipvs } = await setUp({ dialect })
    await ipvs.timeouts.set({ tcp: 100, tcpFin: 20, udp: 50 })
    await ipvs.services.add(WEB)
    await ipvs.services.add(DNS)
    await addDestinations(ipvs, [1], WEB, { forwarding: 'direct-route' })
    await addDestinations(ipvs, [1], DNS)
    const tcp = kernel.connect({ client: client(1), service: WEB })
    const udp = kernel.connect({ client: client(1), service: DNS })
    expect([tcp.expiresIn, udp.expiresIn, udp.state]).toEqual([100, 50, 'udp'])
    kernel.advance(40)
    expect(kernel.traffic(udp, { inPackets: 2, inBytes: 120 })).toBe(true)
    expect([tcp.expiresIn, udp.expiresIn]).toEqual([60, 50])
    // Under direct-route the director sees the client's FIN alone.
    expect(tcp.close()).toMatchObject({ state: 'fin-wait', expiresIn: 20 })
    kernel.advance(50)
    expect([tcp.state, udp.state]).toEqual(['expired', 'expired'])
    expect(kernel.traffic(udp, { inPackets: 1 })).toBe(false)
    expect((await ipvs.services.get(DNS))?.stats).toMatchObject({ inPackets: 2n, inBytes: 120n })
  })

  it('above the threshold a destination takes no more, below three quarters it does again', async () => {
    const { kernel, ipvs } = await setUp({ dialect })
    await ipvs.services.add({ ...WEB, scheduler: 'rr' })
    await addDestinations(ipvs, [1], WEB, { upperThreshold: 4 })
    expect(turns(kernel, 5)).toBe('1111-')
    const [one, two] = kernel.connections()
    one?.reset()
    kernel.advance(one?.expiresIn ?? 0)
    expect(turns(kernel, 1, undefined, 50000)).toBe('-')
    two?.reset()
    kernel.advance(two?.expiresIn ?? 0)
    expect(turns(kernel, 3, undefined, 50000)).toBe('11-')
    await ipvs.destinations.update(WEB, REAL, { upperThreshold: 5 })
    expect(turns(kernel, 2, undefined, 51000)).toBe('1-')
  })

  it('with a lower threshold it waits until there are fewer', async () => {
    const { kernel, ipvs } = await setUp({ dialect })
    await ipvs.services.add({ ...WEB, scheduler: 'rr' })
    await addDestinations(ipvs, [1], WEB, { upperThreshold: 4, lowerThreshold: 1 })
    turns(kernel, 4)
    const all = kernel.connections()
    for (const one of all.slice(0, 3)) one.reset()
    kernel.advance(all[0]?.expiresIn ?? 0)
    expect(turns(kernel, 1, undefined, 50000)).toBe('-')
    all[3]?.reset()
    kernel.advance(all[3]?.expiresIn ?? 0)
    expect(turns(kernel, 1, undefined, 50000)).toBe('1')
  })

  it('a removed destination drops its packets; added again it has its connections back', async () => {
    const { kernel, ipvs } = await setUp({ dialect })
    await ipvs.services.add(WEB)
    await addDestinations(ipvs, [1])
    const connection = kernel.connect({ client: client(1), service: WEB })
    connection.traffic({ inPackets: 3 })
    await ipvs.destinations.remove(WEB, REAL)
    expect(connection.traffic({ inPackets: 1 })).toBe(false)
    await addDestinations(ipvs, [1])
    const again = await ipvs.destinations.get(WEB, REAL)
    expect(again?.activeConnections).toBe(1)
    // 2.6.32 clears the statistics (ip_vs_ctl.c:ip_vs_add_dest), mainline keeps those of the same service.
    expect(again?.stats.inPackets).toBe(dialect === 'mainline' ? 3n : 0n)
    expect(connection.traffic({ inPackets: 1 })).toBe(true)
  })

  it('a client sticks to its destination while persistence lasts', async () => {
    const { kernel, ipvs } = await setUp({ dialect })
    await ipvs.services.add({
      ...WEB,
      scheduler: 'rr',
      persistence: { timeout: 300, netmask: '255.255.255.0' },
    })
    await addDestinations(ipvs, [1, 1])
    expect(turns(kernel, 3)).toBe('222')
    const neighbour = kernel.connect({ client: '198.51.100.99:1', service: WEB })
    expect(neighbour.destination.address).toBe('10.0.0.2')
    expect(kernel.connect({ client: '203.0.113.1:1', service: WEB }).destination.address).toBe('10.0.0.1')
    expect(await ipvs.destinations.list(WEB)).toMatchObject([
      { address: '10.0.0.2', persistentConnections: 1 },
      { address: '10.0.0.1', persistentConnections: 1 },
    ])
    // Weight 0 does not keep a client off that has a template.
    await ipvs.destinations.update(WEB, { address: '10.0.0.2', port: 8080 }, { weight: 0 })
    expect(turns(kernel, 1, undefined, 50000)).toBe('2')
    await ipvs.destinations.remove(WEB, { address: '10.0.0.2', port: 8080 })
    expect(turns(kernel, 1, undefined, 51000)).toBe('1')
    kernel.advance(5000)
    expect(kernel.connections()).toEqual([])
    expect(kernel.dump().templates).toEqual([])
  })

  it('says why it refuses', async () => {
    const { kernel, ipvs } = await setUp({ dialect })
    expect(kernel.attempt({ client: client(1), service: WEB }).refused).toEqual({ kind: 'no-service' })
    await ipvs.services.add({ ...WEB, port: 0, scheduler: 'wlc' })
    const every = { ...WEB, port: 0 }
    expect(kernel.attempt({ client: client(1), service: every, to: { port: 81 } }).refused).toEqual({
      kind: 'wrong-port',
      port: 81,
    })
    await ipvs.services.set({ ...every, persistence: { timeout: 60 } })
    expect(kernel.attempt({ client: client(1), service: every, to: { port: 81 } }).refused).toEqual({
      kind: 'no-destination',
      scheduler: 'wlc',
    })
    await ipvs.destinations.add(every, { ...REAL, port: 0, forwarding: 'direct-route' })
    const { destination } = kernel.connect({ client: client(1), service: every, to: { port: 81 } })
    expect(destination).toEqual({ address: '10.0.0.1', port: 81 })
    expect(() => kernel.connect({ client: '[2001:db8::1]:1', service: WEB })).toThrow(TypeError)
  })

  it('a fwmark service takes what carries the mark', async () => {
    const { kernel, ipvs } = await setUp({ dialect })
    const mark = { fwmark: 7 }
    await ipvs.services.add({ ...mark, scheduler: 'rr' })
    await ipvs.destinations.add(mark, { address: '10.0.0.1', port: 0, forwarding: 'direct-route' })
    const to = { protocol: 'udp', address: '192.0.2.9', port: 53 } as const
    const connection = kernel.connect({ client: client(1), service: 'fwmark 7', to })
    expect(connection).toMatchObject({
      protocol: 'udp',
      virtual: { address: '192.0.2.9', port: 53 },
      state: 'udp',
    })
    expect(connection.destination).toEqual({ address: '10.0.0.1', port: 53 })
  })

  it('the same client and port is the same connection, one packet services keep none', async () => {
    const { kernel, ipvs } = await setUp({ dialect })
    await ipvs.services.add(WEB)
    await ipvs.services.add({ ...DNS, onePacket: true })
    await addDestinations(ipvs, [1])
    await addDestinations(ipvs, [1], DNS)
    const first = kernel.connect({ client: client(1), service: WEB })
    expect(kernel.connect({ client: client(1), service: WEB }).id).toBe(first.id)
    expect(kernel.connect({ client: client(1), service: DNS }).state).toBe('expired')
    expect(kernel.connections()).toHaveLength(1)
    expect((await ipvs.services.get(DNS))?.stats.connections).toBe(1n)
  })
})

describe('established timeout of a service (fullnat-v3)', () => {
  it('is that of its connections, whatever the global one says', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v3' })
    await ipvs.services.add({ ...WEB, establishedTimeout: 900 })
    await addDestinations(ipvs, [1])
    await ipvs.timeouts.set({ tcp: 10 })
    expect(kernel.connect({ client: client(1), service: WEB }).expiresIn).toBe(900)
  })

  it('a threshold counts per CPU', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v3', cpus: 2 })
    await ipvs.services.add({ ...WEB, scheduler: 'rr' })
    await addDestinations(ipvs, [1], WEB, { upperThreshold: 1 })
    kernel.connect({ client: client(1), service: WEB, cpu: 0 })
    expect(kernel.attempt({ client: client(2), service: WEB, cpu: 0 }).refused?.kind).toBe('no-destination')
    kernel.connect({ client: client(3), service: WEB, cpu: 1 })
    expect((await ipvs.destinations.list(WEB))[0]).toMatchObject({ activeConnections: 2 })
  })
})

describe('statistics', () => {
  it('mainline has rates: an average over two-second steps that comes to rest', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'mainline' })
    await ipvs.services.add(WEB)
    await addDestinations(ipvs, [1])
    const on = { service: WEB, destination: '10.0.0.1:8080' }
    for (let i = 0; i < 40; i++) {
      kernel.traffic(on, { inPackets: 20, inBytes: 2000 })
      kernel.advance(2)
    }
    const rates = async () => (await ipvs.services.get(WEB))?.stats.rates
    expect(await rates()).toMatchObject({ inPackets: 10n, inBytes: 1000n, outPackets: 0n })
    kernel.advance(100_000)
    expect(await rates()).toMatchObject({ inPackets: 0n, inBytes: 0n })
    expect((await ipvs.services.get(WEB))?.stats.inBytes).toBe(80_000n)
  })

  it('counters of 64 bits, of 32 over mainline sockopt', async () => {
    for (const dialect of DIALECTS) {
      const { kernel, ipvs } = await setUp({ dialect })
      await ipvs.services.add(WEB)
      await addDestinations(ipvs, [1])
      const packets = (1n << 40n) + 5n
      kernel.traffic(
        { service: 'tcp 192.0.2.1:80', destination: REAL },
        { outPackets: packets, outBytes: packets },
      )
      expect((await ipvs.services.get(WEB))?.stats).toMatchObject({ outPackets: packets, outBytes: packets })
      const { Ipvs } = await import('../../lib')
      const sockopt = await Ipvs.open({ transport: kernel.transport({ netlink: false }) })
      expect((await sockopt.services.get(WEB))?.stats).toMatchObject({
        outPackets: dialect === 'mainline' ? 5n : packets,
        outBytes: packets,
      })
    }
  })

  it.each(['mainline', 'fullnat-v2'] as const)(
    'zero on %s clears them and leaves connections',
    async (dialect) => {
      const { kernel, ipvs } = await setUp({ dialect })
      await ipvs.services.add(WEB)
      await addDestinations(ipvs, [1])
      kernel.connect({ client: client(1), service: WEB }).traffic({ inPackets: 1 })
      await ipvs.zero(WEB)
      expect(await ipvs.destinations.get(WEB, REAL)).toMatchObject({
        activeConnections: 1,
        stats: { connections: 0n, inPackets: 0n },
      })
    },
  )
})
