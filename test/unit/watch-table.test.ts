// What watch() tells of a table: rates and changes, in all dialects, whatever happens between two polls.

import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { DestinationInfo, ServiceInfo, ServiceKey, Snapshot, WatchState } from '../../lib'
import { fromJson, Ipvs, toJson } from '../../lib'
import { destinationKeyId, serviceKeyId } from '../../lib/model/keys'
import type { FakeKernel } from '../../lib/testing'
import { DIALECTS, DNS, setUp, WEB } from './fake-support'
import {
  destinationRecord,
  failure,
  localAddressRecord,
  openScripted,
  serviceRecord,
} from './support/scripted-transport'
import { COUNTERS, fold, folded, gains, inWords, Watching } from './support/watch'

const real = (address: string, port = 8080) => ({ address, port, forwarding: 'masquerade' }) as const
const INTERFACES = [true, false] as const

afterEach(() => vi.restoreAllMocks())

/** Every object in a value. */
function objectsOf(value: unknown, found = new Set<object>()): Set<object> {
  if (typeof value !== 'object' || value === null || found.has(value)) return found
  found.add(value)
  for (const one of Object.values(value)) objectsOf(one, found)
  return found
}

function rowsOf({ services }: Snapshot): Map<string, ServiceInfo | DestinationInfo> {
  const rows = new Map<string, ServiceInfo | DestinationInfo>()
  for (const { service, destinations } of services) {
    rows.set(serviceKeyId(service), service)
    for (const one of destinations) rows.set(`${serviceKeyId(service)} ${destinationKeyId(one)}`, one)
  }
  return rows
}

describe('changes', () => {
  it('name what appeared, changed and vanished, by identity and in a fixed order', async () => {
    const { ipvs } = await setUp({ dialect: 'fullnat-v3' })
    const watch = new Watching(ipvs)
    expect(await watch.changes()).toEqual([])
    await ipvs.services.add({ ...WEB, scheduler: 'rr' })
    await ipvs.services.add({ fwmark: 7, family: 'ipv6' })
    for (const octet of [3, 1, 2]) await ipvs.destinations.add(WEB, real(`10.0.0.${octet}`))
    await ipvs.localAddresses.add(WEB, '10.1.0.2')
    await ipvs.localAddresses.add(WEB, '10.1.0.1')
    const appeared = await watch.changes()
    expect(appeared.map(inWords)).toEqual([
      'appeared service fwmark 7 ipv6',
      'appeared service tcp 192.0.2.1:80',
      'appeared destination tcp 192.0.2.1:80 10.0.0.1:8080',
      'appeared destination tcp 192.0.2.1:80 10.0.0.2:8080',
      'appeared destination tcp 192.0.2.1:80 10.0.0.3:8080',
      'appeared local-address tcp 192.0.2.1:80 10.1.0.1',
      'appeared local-address tcp 192.0.2.1:80 10.1.0.2',
    ])
    expect(appeared[0]).toMatchObject({ service: { fwmark: 7, family: 'ipv6' }, now: { scheduler: 'wlc' } })
    expect(appeared[3]).toMatchObject({
      destination: { address: '10.0.0.2', port: 8080 },
      now: { weight: 1 },
    })

    await ipvs.services.update(WEB, { scheduler: 'wrr', persistence: { timeout: 60 }, establishedTimeout: 5 })
    await ipvs.destinations.update(WEB, real('10.0.0.3'), { weight: 0, upperThreshold: 9 })
    await ipvs.destinations.remove(WEB, real('10.0.0.2'))
    await ipvs.localAddresses.remove(WEB, '10.1.0.1')
    await ipvs.localAddresses.add(WEB, '10.1.0.9')
    await ipvs.destinations.add(WEB, real('10.0.0.4'))
    expect((await watch.changes()).map(inWords)).toEqual([
      'vanished destination tcp 192.0.2.1:80 10.0.0.2:8080',
      'vanished local-address tcp 192.0.2.1:80 10.1.0.1',
      'changed service tcp 192.0.2.1:80 scheduler "rr" "wrr"',
      'changed service tcp 192.0.2.1:80 persistence undefined {"timeout":60,"netmask":"255.255.255.255"}',
      'changed service tcp 192.0.2.1:80 establishedTimeout 90 5',
      'changed service tcp 192.0.2.1:80 flags 2 3',
      'changed destination tcp 192.0.2.1:80 10.0.0.3:8080 weight 1 0',
      'changed destination tcp 192.0.2.1:80 10.0.0.3:8080 upperThreshold 0 9',
      'appeared destination tcp 192.0.2.1:80 10.0.0.4:8080',
      'appeared local-address tcp 192.0.2.1:80 10.1.0.9',
    ])
    expect(await watch.changes()).toEqual([])

    await ipvs.flush()
    expect((await watch.changes()).map(inWords)).toEqual([
      'vanished service fwmark 7 ipv6',
      'vanished destination tcp 192.0.2.1:80 10.0.0.1:8080',
      'vanished destination tcp 192.0.2.1:80 10.0.0.3:8080',
      'vanished destination tcp 192.0.2.1:80 10.0.0.4:8080',
      'vanished local-address tcp 192.0.2.1:80 10.1.0.2',
      'vanished local-address tcp 192.0.2.1:80 10.1.0.9',
      'vanished service tcp 192.0.2.1:80',
    ])
    await ipvs.close()
  })

  it('are not counters, and not the numbers of connections', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v2' })
    await ipvs.services.add(WEB)
    await ipvs.destinations.add(WEB, { ...real('10.0.0.1'), forwarding: 'fullnat' })
    await ipvs.localAddresses.add(WEB, '10.1.0.1')
    const watch = new Watching(ipvs)
    await watch.next()
    kernel.connect({ client: '198.51.100.1:4000', service: 'tcp 192.0.2.1:80' }).traffic({ inPackets: 9 })
    const { changes, snapshot } = await watch.next()
    expect(changes).toEqual([])
    expect(snapshot.services[0]).toMatchObject({
      destinations: [{ activeConnections: 1 }],
      localAddresses: [{ connections: 1 }],
    })
    await ipvs.close()
  })

  it('are not positions: the kernel lists the same in another order', async () => {
    const services = [
      serviceRecord('192.0.2.1', 80),
      serviceRecord('192.0.2.2', 80),
      serviceRecord('192.0.2.3', 80),
    ]
    const row = (address: string, parent: number) => destinationRecord(address, 80, { parent })
    let turned = false
    const { ipvs } = await openScripted('mainline', () =>
      turned
        ? {
            services: [...services].reverse(),
            destinations: [row('10.0.0.2', 0), row('10.0.0.1', 2), row('10.0.0.9', 2)],
          }
        : { services, destinations: [row('10.0.0.1', 0), row('10.0.0.9', 0), row('10.0.0.2', 2)] },
    )
    const watch = new Watching(ipvs)
    const before = await watch.next()
    turned = true
    const after = await watch.next()
    expect(after.changes).toEqual([])
    expect([...(after.rates ?? [])]).toEqual([])
    expect(after.snapshot.services.map(({ service }) => service.address)).toEqual([
      '192.0.2.3',
      '192.0.2.2',
      '192.0.2.1',
    ])
    expect(after.snapshot.services[2]?.service).toBe(before.snapshot.services[0]?.service)
    expect(after.snapshot.services[2]?.destinations[1]).toBe(before.snapshot.services[0]?.destinations[1])
    expect(after.snapshot.services[0]?.destinations[0]).toBe(before.snapshot.services[2]?.destinations[0])
  })

  it('hand out keys that are no input again', async () => {
    const { ipvs } = await setUp()
    const watch = new Watching(ipvs)
    await watch.next()
    await ipvs.services.add(WEB)
    await ipvs.destinations.add(WEB, real('10.0.0.1'))
    for (const change of await watch.changes()) {
      Object.assign(change.service, { address: '203.0.113.1' })
      if (change.destination) Object.assign(change.destination, { port: 1 })
    }
    await ipvs.destinations.update(WEB, real('10.0.0.1'), { weight: 9 })
    expect((await watch.changes()).map(inWords)).toEqual([
      'changed destination tcp 192.0.2.1:80 10.0.0.1:8080 weight 1 9',
    ])
    await ipvs.close()
  })
})

describe('what is missing', () => {
  async function table() {
    const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v2' })
    for (const service of [WEB, DNS]) {
      await ipvs.services.add(service)
      for (let i = 1; i <= 3; i++) await ipvs.destinations.add(service, real(`10.0.0.${i}`))
      await ipvs.localAddresses.add(service, '10.1.0.1')
    }
    const watch = new Watching(ipvs)
    const first = await watch.next()
    kernel.requests.length = 0
    return { kernel, ipvs, watch, first }
  }
  const looks = ({ requests }: FakeKernel) => requests.map(({ operation }) => operation)

  it.each(['services', 'destinations', 'localAddresses'] as const)(
    'in one dump has not vanished: %s',
    async (dump) => {
      const { kernel, ipvs, watch, first } = await table()
      kernel.skipDumpEntries(1, 'snapshot', { dump })
      const event = await watch.next()
      expect(event.changes).toEqual([])
      expect(looks(kernel)).toEqual(['snapshot', 'snapshot'])
      expect(folded(event.snapshot)).toEqual(folded(first.snapshot))
      expect(event.snapshot.services).toEqual(first.snapshot.services)
      // And nothing of it is left.
      expect(await watch.changes()).toEqual([])
      expect(looks(kernel)).toHaveLength(3)
      await ipvs.close()
    },
  )

  it('in the second look has not vanished either, where the first had it', async () => {
    const answers = [
      [1, 2, 3],
      [1, 3],
      [1, 2],
      [1, 2, 3],
    ]
    let reads = 0
    const { ipvs } = await openScripted('mainline', () => {
      const octets = answers[Math.min(reads++, 3)] as number[]
      return {
        services: octets.map((octet) => serviceRecord(`192.0.2.${octet}`, 80)),
        destinations: octets.map((octet, i) => destinationRecord('10.0.0.1', octet, { parent: i })),
      }
    })
    const watch = new Watching(ipvs)
    const first = await watch.next()
    const event = await watch.next()
    expect(reads).toBe(3)
    expect(event.changes).toEqual([])
    expect(folded(event.snapshot)).toEqual(folded(first.snapshot))
    expect([...(event.rates ?? [])]).toEqual([])
    expect(await watch.changes()).toEqual([])
    expect(reads).toBe(4)
  })

  it('in both has vanished', async () => {
    const { kernel, ipvs, watch } = await table()
    await ipvs.destinations.remove(DNS, real('10.0.0.2'))
    kernel.requests.length = 0
    const { changes } = await watch.next()
    expect(changes.map(inWords)).toEqual(['vanished destination udp 192.0.2.1:53 10.0.0.2:8080'])
    expect(looks(kernel)).toEqual(['snapshot', 'snapshot'])
    expect(await watch.changes()).toEqual([])
    expect(looks(kernel)).toHaveLength(3)
    await ipvs.close()
  })

  it('in the second look only is told with the poll, and is looked for again in the next', async () => {
    const row = (octet: number) => destinationRecord(`10.0.0.${octet}`, 80)
    const answers = [
      [1, 2, 3],
      // Poll 2: 2 has gone; 9 is there at first and then is not.
      [9, 1, 3],
      [3, 1],
      // Poll 3.
      [3, 1],
      [3, 1],
    ]
    let reads = 0
    const { ipvs } = await openScripted('mainline', () => ({
      services: [serviceRecord('192.0.2.1', 80)],
      destinations: (answers[reads++] ?? [3, 1]).map(row),
    }))
    const watch = new Watching(ipvs)
    await watch.next()
    const second = await watch.next()
    expect(second.changes.map(inWords)).toEqual([
      'vanished destination tcp 192.0.2.1:80 10.0.0.2:80',
      'appeared destination tcp 192.0.2.1:80 10.0.0.9:80',
    ])
    expect(second.snapshot.services[0]?.destinations.map(({ address }) => address)).toEqual([
      '10.0.0.3',
      '10.0.0.1',
      '10.0.0.9',
    ])
    expect((await watch.changes()).map(inWords)).toEqual([
      'vanished destination tcp 192.0.2.1:80 10.0.0.9:80',
    ])
    expect(reads).toBe(5)
    expect(await watch.changes()).toEqual([])
    expect(reads).toBe(6)
  })

  it('repeated entries of a dump are one row', async () => {
    const row = (address: string, weight: number) => destinationRecord(address, 80, { config: { weight } })
    let twice = false
    const { ipvs } = await openScripted('fullnat-v2', () => ({
      services: twice
        ? [serviceRecord('192.0.2.1', 80), serviceRecord('192.0.2.1', 80)]
        : [serviceRecord('192.0.2.1', 80)],
      destinations: twice
        ? [row('10.0.0.1', 1), row('10.0.0.2', 1), row('10.0.0.1', 5), row('10.0.0.3', 1)]
        : [row('10.0.0.1', 1), row('10.0.0.2', 1), row('10.0.0.3', 1)],
      localAddresses: [localAddressRecord('10.1.0.1'), ...(twice ? [localAddressRecord('10.1.0.1')] : [])],
    }))
    const watch = new Watching(ipvs)
    const first = await watch.next()
    twice = true
    const second = await watch.next()
    expect(second.changes).toEqual([])
    expect(second.snapshot).toEqual(first.snapshot)
  })
})

describe('rates', () => {
  it('are undefined for what was not there, zero where nothing moved, and errors for what is no key', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v2' })
    await ipvs.services.add(WEB)
    await ipvs.destinations.add(WEB, real('10.0.0.1'))
    const watch = new Watching(ipvs)
    expect((await watch.next()).rates).toBeUndefined()
    await ipvs.services.add(DNS)
    await ipvs.destinations.add(WEB, real('10.0.0.2'))
    kernel.traffic({ service: WEB, destination: real('10.0.0.2') }, { inPackets: 5, inBytes: 500 })
    const event = await watch.next()
    const rates = event.rates
    if (!rates) throw new Error('no rates')
    expect(rates.service(DNS)).toBeUndefined()
    expect(rates.service({ ...WEB, port: 81 })).toBeUndefined()
    expect(rates.destination(WEB, real('10.0.0.2'))).toBeUndefined()
    expect(rates.destination(WEB, real('10.0.0.9'))).toBeUndefined()
    expect(rates.destination(DNS, real('10.0.0.1'))).toBeUndefined()
    const idle = { connections: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0, reset: false }
    expect(rates.destination(WEB, real('10.0.0.1'))).toEqual(idle)
    const service = event.snapshot.services.find((one) => one.service.protocol === 'tcp')
      ?.service as ServiceInfo
    // What is listed is a key.
    expect(gains(rates.service(service) as typeof idle, event)).toEqual([0, 5, 0, 500, 0])
    expect(gains(rates.total, event)).toEqual([0, 5, 0, 500, 0])
    expect([...rates].map(({ service: { port }, destination }) => [port, destination])).toEqual([
      [80, undefined],
    ])
    expect(() => rates.service({ protocol: 'tcp', address: 'x', port: 1 })).toThrow(TypeError)
    expect(() => rates.destination(WEB, {} as never)).toThrow(TypeError)
    await ipvs.close()
  })

  it('of a service that was set to zero are a reset, and so are those of its destinations', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v2' })
    for (const service of [WEB, DNS]) {
      await ipvs.services.add(service)
      for (const address of ['10.0.0.1', '10.0.0.2']) await ipvs.destinations.add(service, real(address))
      kernel.traffic({ service, destination: real('10.0.0.1') }, { inPackets: 50, inBytes: 5000 })
    }
    const watch = new Watching(ipvs)
    await watch.next()
    await ipvs.zero(WEB)
    for (const service of [WEB, DNS]) {
      kernel.traffic({ service, destination: real('10.0.0.1') }, { inPackets: 3, inBytes: 300 })
    }
    const event = await watch.next()
    const reset = { connections: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0, reset: true }
    expect(event.changes).toEqual([])
    expect(event.rates?.service(WEB)).toEqual(reset)
    expect(event.rates?.destination(WEB, real('10.0.0.1'))).toEqual(reset)
    expect(event.rates?.destination(WEB, real('10.0.0.2'))).toEqual({ ...reset, reset: false })
    expect(event.rates?.service(DNS)?.reset).toBe(false)
    expect(event.rates?.total.reset).toBe(true)
    expect(gains(event.rates?.total as never, event)).toEqual([0, 3, 0, 300, 0])
    const next = await watch.next()
    expect(next.rates?.service(WEB)).toEqual({ ...reset, reset: false })
    expect(next.rates?.total.reset).toBe(false)
    await ipvs.close()
  })

  it('a destination that was removed and added again is new', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v3' })
    await ipvs.services.add(WEB)
    for (const address of ['10.0.0.1', '10.0.0.2']) await ipvs.destinations.add(WEB, real(address))
    kernel.traffic({ service: WEB, destination: real('10.0.0.1') }, { inPackets: 50, inBytes: 5000 })
    const watch = new Watching(ipvs)
    await watch.next()
    await ipvs.destinations.remove(WEB, real('10.0.0.1'))
    await ipvs.destinations.add(WEB, { ...real('10.0.0.1'), weight: 7 })
    kernel.traffic({ service: WEB, destination: real('10.0.0.1') }, { inPackets: 9, inBytes: 900 })
    const event = await watch.next()
    expect(event.changes.map(inWords)).toEqual([
      'vanished destination tcp 192.0.2.1:80 10.0.0.1:8080',
      'appeared destination tcp 192.0.2.1:80 10.0.0.1:8080',
    ])
    expect(event.changes).toMatchObject([
      { before: { weight: 1, stats: { inPackets: 50n } } },
      { now: { weight: 7, stats: { inPackets: 9n } } },
    ])
    expect(event.rates?.destination(WEB, real('10.0.0.1'))).toBeUndefined()
    expect(event.rates?.service(WEB)?.reset).toBe(false)
    expect(gains(event.rates?.service(WEB) as never, event)).toEqual([0, 9, 0, 900, 0])
    await ipvs.close()
  })

  it('a zero() between the record of a service and those of its destinations makes nothing new', async () => {
    const stats = (inBytes: bigint) => ({ stats: { inBytes }, present: (1 << 14) | (1 << 16) })
    const answers = [
      [500n, 500n],
      // The service was read before, its destination after it.
      [510n, 4n],
      [9n, 8n],
    ]
    let reads = 0
    const { ipvs } = await openScripted('fullnat-v2', () => {
      const [service, destination] = answers[Math.min(reads++, answers.length - 1)] as [bigint, bigint]
      return {
        services: [serviceRecord('192.0.2.1', 80, stats(service))],
        destinations: [destinationRecord('10.0.0.1', 80, stats(destination))],
      }
    })
    const watch = new Watching(ipvs)
    await watch.next()
    const { changes, rates } = await watch.next()
    expect(reads).toBe(3)
    expect(changes).toEqual([])
    expect(rates?.service(WEB)?.reset).toBe(true)
    expect(rates?.destination(WEB, { address: '10.0.0.1', port: 80 })?.reset).toBe(true)
  })

  it('of mainline over sockopt go on where 32 bits are full', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'mainline' }, { netlink: false })
    await ipvs.services.add(WEB)
    await ipvs.destinations.add(WEB, real('10.0.0.1'))
    const on = { service: WEB, destination: real('10.0.0.1') }
    kernel.traffic(on, { inPackets: 4294967290n, inBytes: 4294967290n * 60n })
    const watch = new Watching(ipvs)
    await watch.next()
    kernel.traffic(on, { inPackets: 10, inBytes: 600 })
    const event = await watch.next()
    expect(event.snapshot.services[0]?.service.stats.inPackets).toBe(4n)
    expect(gains(event.rates?.total as never, event)).toEqual([0, 10, 0, 600, 0])
    await ipvs.zero()
    expect((await watch.next()).rates?.total.reset).toBe(true)
    await ipvs.close()
  })

  it('are none where the clock has not moved', async () => {
    const { kernel, ipvs } = await setUp()
    await ipvs.services.add(WEB)
    await ipvs.destinations.add(WEB, real('10.0.0.1'))
    const watch = new Watching(ipvs)
    vi.spyOn(performance, 'now').mockReturnValue(5)
    await watch.next()
    kernel.traffic({ service: WEB, destination: real('10.0.0.1') }, { inPackets: 50 })
    vi.spyOn(performance, 'now').mockReturnValueOnce(6).mockReturnValue(5)
    expect(await watch.next()).toMatchObject({ elapsed: 0, rates: undefined })
    await ipvs.close()
  })
})

describe('objects', () => {
  it('of what has not changed are the same in the next event, and nobody can change them', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'mainline' })
    for (const service of [WEB, DNS]) {
      await ipvs.services.add({ ...service, persistence: { timeout: 9 }, schedulerFlags: ['flag-1'] })
      for (const address of ['10.0.0.1', '10.0.0.2']) {
        const tunnel = { type: 'gue', port: 6080 } as const
        await ipvs.destinations.add(service, { ...real(address), forwarding: 'tunnel', tunnel })
      }
    }
    const watch = new Watching(ipvs)
    const one = await watch.next()
    const two = await watch.next()
    expect(two.snapshot).not.toBe(one.snapshot)
    expect(two.snapshot.services).toBe(one.snapshot.services)
    for (const object of objectsOf(one.snapshot.services)) expect(Object.isFrozen(object)).toBe(true)
    kernel.traffic({ service: DNS, destination: real('10.0.0.1') }, { inPackets: 5 })
    const three = await watch.next()
    const before = objectsOf(two.snapshot.services)
    const made = [...objectsOf(three.snapshot.services)].filter((object) => !before.has(object))
    // The list; the entry, the service, its statistics, rates, persistence and flags; the list of its destinations, the one,
    // its statistics, rates and tunnel.
    expect(made).toHaveLength(1 + 6 + 5)
    for (const object of made) expect(Object.isFrozen(object)).toBe(true)
    await ipvs.close()
  })

  it('are a snapshot of the library: the same as snapshot() says, and JSON and back', async () => {
    for (const dialect of DIALECTS) {
      const { kernel, ipvs } = await setUp({ dialect })
      await ipvs.services.add(WEB)
      await ipvs.services.add({ fwmark: 3 })
      await ipvs.destinations.add(WEB, real('10.0.0.1'))
      const watch = new Watching(ipvs)
      await watch.next()
      kernel.traffic({ service: WEB, destination: real('10.0.0.1') }, { inPackets: 5 })
      const { snapshot } = await watch.next()
      expect(snapshot).toEqual(await ipvs.snapshot())
      expect(fromJson(toJson(snapshot))).toEqual(fromJson(toJson(await ipvs.snapshot())))
      for (const { service } of snapshot.services)
        expect(await ipvs.services.ensure(service)).toBe('unchanged')
      await ipvs.close()
    }
  })
})

// ---- whatever happens

type Step =
  | { readonly do: 'service' | 'remove' | 'zero' | 'change'; readonly service: number }
  | {
      readonly do: 'destination' | 'drop' | 'weigh' | 'traffic' | 'again'
      readonly service: number
      readonly row: number
      readonly value: number
    }
  | { readonly do: 'local'; readonly service: number; readonly row: number }
  | { readonly do: 'flush' | 'skip' | 'pause' }
  | { readonly do: 'connect'; readonly service: number; readonly port: number }

const SERVICES: readonly ServiceKey[] = [
  { protocol: 'tcp', address: '192.0.2.1', port: 80 },
  { protocol: 'udp', address: '192.0.2.1', port: 80 },
  { protocol: 'tcp', address: '192.0.2.2', port: 443 },
  { fwmark: 9 },
]
const service = fc.nat(SERVICES.length - 1)
const row = fc.integer({ min: 1, max: 4 })
const value = fc.nat(5000)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('service' as const), service }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('destination' as const), service, row, value }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('weigh' as const, 'drop' as const, 'again' as const),
      service,
      row,
      value,
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('traffic' as const), service, row, value }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('local' as const), service, row }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('connect' as const),
      service,
      port: fc.integer({ min: 1, max: 60000 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('remove' as const, 'zero' as const, 'change' as const),
      service,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('flush' as const, 'skip' as const, 'pause' as const) }),
  },
)

/** What the kernel refuses was no change. */
const tried = (call: Promise<unknown>) => call.catch(() => undefined)

async function make(kernel: FakeKernel, ipvs: Ipvs, one: Step): Promise<void> {
  const key = 'service' in one ? (SERVICES[one.service] as ServiceKey) : (SERVICES[0] as ServiceKey)
  const target = 'row' in one ? real(`10.0.0.${one.row}`) : real('10.0.0.1')
  switch (one.do) {
    case 'service':
      return void (await tried(ipvs.services.add({ ...key, scheduler: 'rr' })))
    case 'remove':
      return void (await tried(ipvs.services.remove(key)))
    case 'change':
      return void (await tried(ipvs.services.update(key, { scheduler: 'wlc', persistence: { timeout: 77 } })))
    case 'zero':
      return void (await tried(ipvs.zero(key)))
    case 'flush':
      return void (await tried(ipvs.flush()))
    case 'destination':
      return void (await tried(ipvs.destinations.add(key, { ...target, weight: one.value })))
    case 'drop':
      return void (await tried(ipvs.destinations.remove(key, target)))
    case 'again':
      await tried(ipvs.destinations.remove(key, target))
      return void (await tried(ipvs.destinations.add(key, target)))
    case 'weigh':
      return void (await tried(ipvs.destinations.update(key, target, { weight: one.value })))
    case 'local':
      return void (await tried(ipvs.localAddresses.add(key, `10.1.0.${one.row}`)))
    case 'traffic':
      try {
        const counts = { inPackets: one.value, inBytes: one.value * 60, outPackets: 1, outBytes: 40 }
        kernel.traffic({ service: key, destination: target }, counts)
      } catch {}
      return
    case 'connect':
      if (key.fwmark === undefined)
        kernel.attempt({ client: `198.51.100.1:${one.port}`, service: serviceKeyId(key) })
      return
    case 'pause':
      return kernel.advance(3)
    case 'skip':
      // One look misses something, the next does not.
      kernel.skipDumpEntries(1, 'snapshot', { dump: 'destinations' })
      return
  }
}

/** All that can be known of the rates of an event from its snapshot and the one before. */
function checkRates(before: WatchState, after: WatchState): void {
  const { rates } = after
  if (!rates) throw new Error('no rates')
  const old = rowsOf(before.snapshot)
  const replaced = new Set(
    after.changes
      .filter(({ kind, object }) => kind === 'appeared' && object === 'destination')
      .map(
        (change) =>
          `${serviceKeyId(change.service)} ${destinationKeyId(change.destination as DestinationInfo)}`,
      ),
  )
  const moving = new Set<object>()
  for (const one of rates) {
    moving.add(one.destination ?? one.service)
    for (const name of COUNTERS) expect(one.rates[name]).toBeGreaterThanOrEqual(0)
  }
  for (const { service: owner, destinations } of after.snapshot.services) {
    for (const info of [owner, ...destinations]) {
      const isService = info === owner
      const id = isService
        ? serviceKeyId(owner)
        : `${serviceKeyId(owner)} ${destinationKeyId(info as DestinationInfo)}`
      const found = isService ? rates.service(owner) : rates.destination(owner, info as DestinationInfo)
      const known = old.get(id)
      if (!known || replaced.has(id)) {
        expect(found).toBeUndefined()
        continue
      }
      const gained = COUNTERS.map((name) => info.stats[name] - known.stats[name])
      if (gained.some((value) => value < 0n)) {
        expect(found).toEqual({
          connections: 0,
          inPackets: 0,
          outPackets: 0,
          inBytes: 0,
          outBytes: 0,
          reset: true,
        })
      } else {
        expect(found?.reset).toBe(false)
        expect(gains(found as never, after)).toEqual(gained.map(Number))
      }
      expect(moving.has(info)).toBe(gained.some((value) => value !== 0n))
    }
  }
}

describe('whatever happens between two polls', () => {
  for (const dialect of DIALECTS) {
    for (const netlink of INTERFACES) {
      it(`${dialect}, ${netlink ? 'netlink' : 'sockopt'}: changes lead to the table, rates are the gains of the counters`, async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(fc.array(step, { maxLength: 12 }), { maxLength: 8 }), async (polls) => {
            const { kernel, ipvs } = await setUp({ dialect, chunkSize: 2 }, { netlink })
            const writer = await Ipvs.open({ transport: kernel.transport() })
            const watch = new Watching(ipvs)
            const first = await watch.next()
            let table = folded(first.snapshot)
            let before = first
            for (const steps of polls) {
              for (const one of steps) await make(kernel, writer, one)
              const event = await watch.next()
              kernel.clearFaults()
              table = fold(table, event.changes)
              expect(table).toEqual(folded(event.snapshot))
              // A look that misses what is new cannot know of it.
              if (!steps.some((one) => one.do === 'skip'))
                expect(event.snapshot).toEqual(await ipvs.snapshot())
              checkRates(before, event)
              const services = event.changes.map(({ service }) => serviceKeyId(service))
              expect(services).toEqual([...services].sort())
              const old = rowsOf(before.snapshot)
              for (const [id, info] of rowsOf(event.snapshot)) {
                if (toJson(old.get(id)) === toJson(info)) expect(info).toBe(old.get(id))
              }
              before = event
            }
            await watch.end()
            await writer.close()
            await ipvs.close()
          }),
          { numRuns: 40 },
        )
      })
    }
  }
})

it('an iteration that failed says why, and is over', async () => {
  const { ipvs } = await setUp()
  await ipvs.close()
  const watch = new Watching(ipvs)
  expect(await failure(watch.next())).toMatchObject({ code: 'ERR_IPVS_CLOSED', operation: 'watch' })
})
