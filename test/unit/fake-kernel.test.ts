// The fake kernel's own face: what it records, dumps and takes back, and rules of the kernels that the contract leaves
// out because a test of a real kernel cannot ask for them.

import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib'
import { FakeKernel } from '../../lib/testing'
import { addDestinations, DIALECTS, DNS, setUp, turns, WEB } from './fake-support'

const text = (
  services: readonly { protocol?: string | number; address?: string; port?: number; fwmark?: number }[],
) =>
  services.map(({ protocol, address, port, fwmark }) =>
    fwmark ? `fwmark ${fwmark}` : `${protocol} ${address} ${port}`,
  )

describe('order', () => {
  it.each(['fullnat-v2', 'fullnat-v3'] as const)(
    'of services on %s is that of the transcripts',
    async (dialect) => {
      const { ipvs } = await setUp({ dialect })
      const at = { address: '192.168.100.1' } as const
      await ipvs.services.add({ ...at, protocol: 'tcp', port: 80 })
      await ipvs.services.add({ ...at, protocol: 'udp', port: 53 })
      await ipvs.services.add({ protocol: 'tcp', address: 'fd00::1', port: 80 })
      await ipvs.services.add({ fwmark: 7 })
      // transcripts/basic-v2.txt, /proc/net/ip_vs; basic-v3.txt, ipvsadm -G.
      expect(text(await ipvs.services.list())).toEqual([
        'tcp fd00::1 80',
        'tcp 192.168.100.1 80',
        'udp 192.168.100.1 53',
        'fwmark 7',
      ])
    },
  )

  it('of services on mainline folds the port in; the newest of a bucket comes first', async () => {
    const { ipvs } = await setUp({ dialect: 'mainline' })
    for (const port of [1, 2, 3, 258]) await ipvs.services.add({ ...WEB, address: '192.0.2.0', port })
    const ports = (await ipvs.services.list()).map(({ port }) => port)
    // Bucket (6 ^ port ^ port >> 8) & 255 of these: 7, 4, 5 and 5.
    expect(ports).toEqual([2, 258, 3, 1])
  })

  it('of destinations: the newest first', async () => {
    const { ipvs } = await setUp()
    await ipvs.services.add(WEB)
    await addDestinations(ipvs, [1, 1, 1])
    expect((await ipvs.destinations.list(WEB)).map(({ address }) => address)).toEqual([
      '10.0.0.3',
      '10.0.0.2',
      '10.0.0.1',
    ])
  })
})

describe('rules of the kernels', () => {
  it('IPv6 without a route counts as local on 2.6.32 until it is set again', async () => {
    const { ipvs } = await setUp({ dialect: 'fullnat-v2', routes: ['fd00:1::/64'] })
    const web = { protocol: 'tcp', address: 'fd00::1', port: 80 } as const
    await ipvs.services.add(web)
    for (const address of ['fd00:1::2', 'fd00:2::2']) {
      await ipvs.destinations.add(web, { address, port: 80, forwarding: 'fullnat' })
    }
    expect((await ipvs.destinations.list(web)).map(({ forwarding }) => forwarding)).toEqual([
      'local',
      'fullnat',
    ])
  })

  it('the ends of a network of the machine are broadcast addresses', async () => {
    const { ipvs } = await setUp({ addresses: ['10.0.0.1/24'] })
    await ipvs.services.add(WEB)
    const add = (address: string) =>
      ipvs.destinations.add(WEB, { address, port: 1, forwarding: 'masquerade' })
    await expect(add('10.0.0.255')).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(add('10.0.0.0')).rejects.toMatchObject({ code: 'EINVAL' })
    await add('10.0.0.254')
    await add('10.0.0.1')
    expect((await ipvs.destinations.list(WEB)).map(({ forwarding }) => forwarding)).toEqual([
      'local',
      'masquerade',
    ])
  })

  it('SET without the established timeout resets it: the library sends it along', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v3' })
    await ipvs.services.add({ ...WEB, establishedTimeout: 900 })
    await ipvs.services.set({ ...WEB, scheduler: 'rr' })
    expect((await ipvs.services.get(WEB))?.establishedTimeout).toBe(900)
    expect(kernel.requests.find(({ operation }) => operation === 'services.set')?.values).toMatchObject({
      establishedTimeout: 900,
    })
  })

  it('method 5 on mainline, HASHED in every dump, info', async () => {
    for (const dialect of DIALECTS) {
      const { ipvs } = await setUp({ dialect })
      await ipvs.services.add(WEB)
      expect((await ipvs.services.get(WEB))?.flags).toBe(2)
      expect(await ipvs.info()).toMatchObject({
        version: '1.2.1',
        connectionTableSize: dialect === 'mainline' ? 4096 : 1048576,
      })
    }
  })
})

describe('requests', () => {
  it('say what was sent, to what, over which interface', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v2' })
    await ipvs.services.ensure({ ...WEB, scheduler: 'rr' })
    await ipvs.destinations.add(WEB, { address: '10.0.0.1', port: 8080, forwarding: 'fullnat', weight: 3 })
    await ipvs.localAddresses.add(WEB, '10.1.0.1')
    await ipvs.services.remove(WEB)
    const destination = { address: '10.0.0.1', port: 8080 }
    expect(kernel.requests).toMatchObject([
      { operation: 'services.get', service: WEB, error: 'ESRCH', transport: 'netlink' },
      { operation: 'services.add', service: WEB, values: { scheduler: 'rr', flags: 0 } },
      { operation: 'destinations.add', service: WEB, destination, values: { forwarding: 5, weight: 3 } },
      { operation: 'localAddresses.add', service: WEB, localAddress: '10.1.0.1' },
      { operation: 'destinations.list', service: WEB },
      { operation: 'destinations.remove', service: WEB, destination },
      { operation: 'services.remove', service: WEB, transport: 'sockopt' },
    ])
    expect(kernel.requests[3]?.error).toBeUndefined()
  })
})

describe('dump and load', () => {
  it.each(DIALECTS)('a %s goes on where the dump was made', async (dialect) => {
    const options = { dialect, cpus: 2 }
    const { kernel, ipvs } = await setUp(options)
    const fullnat = dialect !== 'mainline'
    await ipvs.services.add({ ...WEB, scheduler: 'rr' })
    await ipvs.services.add({ ...DNS, scheduler: 'lblc', persistence: { timeout: 100 } })
    await addDestinations(ipvs, [1, 2, 1], WEB, fullnat ? { forwarding: 'fullnat' } : {})
    await addDestinations(ipvs, [1, 2], DNS)
    if (fullnat) for (const address of ['10.1.0.1', '10.1.0.2']) await ipvs.localAddresses.add(WEB, address)
    const first = kernel.connect({ client: '198.51.100.7:1', service: WEB })
    first.traffic({ inPackets: 1n << 60n })
    kernel.connect({ client: '198.51.100.7:1', service: DNS })
    await ipvs.destinations.remove(WEB, first.destination)
    if (fullnat) await ipvs.localAddresses.remove(WEB, first.localAddress as string)
    kernel.advance(1.5)

    const dump = kernel.dump()
    expect(JSON.parse(JSON.stringify(dump))).toEqual(dump)
    const copy = new FakeKernel(options)
    copy.load(dump)
    expect(copy.dump()).toEqual(dump)

    const both = [kernel, copy]
    const clients = await Promise.all(both.map((one) => Ipvs.open({ transport: one.transport() })))
    for (const one of clients)
      await addDestinations(one, [1], WEB, fullnat ? { forwarding: 'fullnat' } : {}).catch(() => {})
    const seen = both.map((one) => turns(one, 5, 'tcp 192.0.2.1:80', 500))
    expect(seen[1]).toBe(seen[0])
    for (const one of both) one.advance(80)
    expect(copy.dump()).toEqual(kernel.dump())
    const snapshots = await Promise.all(clients.map((one) => one.snapshot()))
    expect(snapshots[1]).toEqual(snapshots[0])
  })

  it('is of one dialect and as many CPUs', () => {
    const dump = new FakeKernel({ dialect: 'fullnat-v3', cpus: 2 }).dump()
    expect(() => new FakeKernel({ dialect: 'fullnat-v3' }).load(dump)).toThrow('2 CPUs')
    expect(() => new FakeKernel({ dialect: 'mainline', cpus: 2 }).load(dump)).toThrow('fullnat-v3')
  })
})

describe('options', () => {
  it.each([
    [{ dialect: 'fullnat-v4' }, 'ERR_INVALID_ARG_VALUE'],
    [{ cpus: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ addresses: ['10.0.0.1/33'] }, 'ERR_INVALID_ARG_VALUE'],
    [{ localPorts: { min: 6000, max: 5999 } }, 'ERR_OUT_OF_RANGE'],
    [{ cpu: 4 }, 'ERR_INVALID_ARG_VALUE'],
  ])('%j is refused', (options, code) => {
    expect(() => new FakeKernel(options as object)).toThrow(expect.objectContaining({ code }))
  })
})

describe('the addon', () => {
  it('is loaded for a real kernel, and never for a fake one', async () => {
    const { dlopen } = process
    process.dlopen = () => {
      throw new Error('an addon was loaded')
    }
    try {
      const { ipvs } = await setUp()
      await ipvs.services.add(WEB)
      await ipvs.snapshot()
      await ipvs.close()
      await expect(Ipvs.open({ transport: 'netlink' })).rejects.toMatchObject({ code: 'ERR_IPVS_ADDON' })
    } finally {
      process.dlopen = dlopen
    }
  })
})
