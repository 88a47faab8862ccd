// Arguments that are wrong on every kernel: refused before anything is sent, and the kernel stays as it was.

import { beforeEach, describe, expect, it } from 'vitest'
import type { Ipvs, ServiceInput } from '../../lib'
import { collect, DNS, type Harness, real, rejection, useWorld, WEB } from './harness'
import { Recorder } from './recorder'

const TYPE = 'ERR_INVALID_ARG_TYPE'
const VALUE = 'ERR_INVALID_ARG_VALUE'
const RANGE = 'ERR_OUT_OF_RANGE'
const WEB6 = { protocol: 'tcp', address: '2001:db8::1', port: 80 } as const
const A = real('198.51.100.1')
const LONG = 'a'.repeat(40)

// Whatever is asked of the types, JavaScript callers can do otherwise.
// biome-ignore lint/suspicious/noExplicitAny: wrong arguments are the point
type Anything = any
type Case = readonly [what: string, code: string, field: string, call: (ipvs: Ipvs) => Promise<unknown>]

const add = (service: Anything) => (ipvs: Ipvs) => ipvs.services.add(service)
const persist = (persistence: Anything, service: ServiceInput = WEB) => add({ ...service, persistence })
const destination = (change: Anything) => (ipvs: Ipvs) => ipvs.destinations.add(WEB, { ...A, ...change })
const options = (value: Anything) => (ipvs: Ipvs) => ipvs.services.list(value)

const CASES: readonly Case[] = [
  ['no service', TYPE, 'service', add(undefined)],
  ['null as a service', TYPE, 'service', add(null)],
  ['a string as a service', TYPE, 'service', add('tcp 192.0.2.1:80')],
  ['an array as a service', TYPE, 'service', add([WEB])],
  ['an empty service', VALUE, 'service', add({})],
  ['an unknown protocol', VALUE, 'service.protocol', add({ ...WEB, protocol: 'icmp' })],
  ['a protocol in capitals', VALUE, 'service.protocol', add({ ...WEB, protocol: 'TCP' })],
  ['a protocol as a number', TYPE, 'service.protocol', add({ ...WEB, protocol: 6 })],
  ['no protocol', TYPE, 'service.protocol', add({ address: '192.0.2.1', port: 80 })],
  ['the address 300.1.1.1', VALUE, 'service.address', add({ ...WEB, address: '300.1.1.1' })],
  ['an address with leading zeros', VALUE, 'service.address', add({ ...WEB, address: '192.000.002.001' })],
  ['a host name', VALUE, 'service.address', add({ ...WEB, address: 'localhost' })],
  ['an empty address', VALUE, 'service.address', add({ ...WEB, address: '' })],
  ['an address with a NUL', VALUE, 'service.address', add({ ...WEB, address: '192.0.2.1\0' })],
  ['an address with a port', VALUE, 'service.address', add({ ...WEB, address: '192.0.2.1:80' })],
  ['an address with a mask', VALUE, 'service.address', add({ ...WEB, address: '192.0.2.1/32' })],
  ['an IPv6 address with a zone', VALUE, 'service.address', add({ ...WEB6, address: 'fe80::1%eth0' })],
  ['an address as a number', TYPE, 'service.address', add({ ...WEB, address: 3221225985 })],
  [
    'an IPv4-mapped service',
    VALUE,
    'service.address',
    add({ ...WEB, address: '::ffff:192.0.2.1', family: undefined }),
  ],
  ['flags that say persistent, and no persistence', VALUE, 'service.flags', add({ ...WEB, flags: 1 })],
  [
    'flags that do not say persistent',
    VALUE,
    'service.flags',
    add({ ...WEB, flags: 2, persistence: { timeout: 60 } }),
  ],
  ['flags that say one-packet', VALUE, 'service.flags', add({ ...DNS, flags: 4, onePacket: false })],
  ['flags as a string', TYPE, 'service.flags', add({ ...WEB, flags: '2' })],
  ['a service at 0.0.0.0', VALUE, 'service.address', add({ ...WEB, address: '0.0.0.0' })],
  ['port 70000', RANGE, 'service.port', add({ ...WEB, port: 70000 })],
  ['port 65536', RANGE, 'service.port', add({ ...WEB, port: 65536 })],
  ['port -1', RANGE, 'service.port', add({ ...WEB, port: -1 })],
  ['port 80.5', RANGE, 'service.port', add({ ...WEB, port: 80.5 })],
  ['port NaN', RANGE, 'service.port', add({ ...WEB, port: Number.NaN })],
  ['port as a string', TYPE, 'service.port', add({ ...WEB, port: '80' })],
  ['no port', TYPE, 'service.port', add({ protocol: 'tcp', address: '192.0.2.1' })],
  ['fwmark and address', VALUE, 'service', add({ ...WEB, fwmark: 7 })],
  ['fwmark 0', RANGE, 'service.fwmark', add({ fwmark: 0 })],
  ['fwmark 2^32', RANGE, 'service.fwmark', add({ fwmark: 4294967296 })],
  ['fwmark as a string', TYPE, 'service.fwmark', add({ fwmark: '7' })],
  ['an unknown family', VALUE, 'service.family', add({ fwmark: 7, family: 'inet' })],
  ['a family that the address has not', VALUE, 'service.family', add({ ...WEB, family: 'ipv6' })],
  ['a scheduler of 40 characters', VALUE, 'service.scheduler', add({ ...WEB, scheduler: LONG })],
  ['a scheduler of 16 characters', VALUE, 'service.scheduler', add({ ...WEB, scheduler: 'a'.repeat(16) })],
  ['an empty scheduler', VALUE, 'service.scheduler', add({ ...WEB, scheduler: '' })],
  ['a scheduler with a slash', VALUE, 'service.scheduler', add({ ...WEB, scheduler: '../rr' })],
  ['a scheduler as a number', TYPE, 'service.scheduler', add({ ...WEB, scheduler: 1 })],
  ['an unknown scheduler flag', VALUE, 'service.schedulerFlags[0]', add({ ...WEB, schedulerFlags: ['x'] })],
  ['scheduler flags as a number', TYPE, 'service.schedulerFlags', add({ ...WEB, schedulerFlags: 8 })],
  ['an unknown property', VALUE, 'service.sched', add({ ...WEB, sched: 'rr' })],
  ['persistence as a number', TYPE, 'service.persistence', persist(300)],
  ['persistence without a timeout', TYPE, 'service.persistence.timeout', persist({})],
  ['persistence of 0 s', RANGE, 'service.persistence.timeout', persist({ timeout: 0 })],
  ['persistence of 2147484 s', RANGE, 'service.persistence.timeout', persist({ timeout: 2147484 })],
  [
    'an IPv4 mask on IPv6',
    TYPE,
    'service.persistence.netmask',
    persist({ timeout: 1, netmask: '255.0.0.0' }, WEB6),
  ],
  ['a prefix length on IPv4', TYPE, 'service.persistence.netmask', persist({ timeout: 1, netmask: 24 })],
  [
    'a mask with holes',
    VALUE,
    'service.persistence.netmask',
    persist({ timeout: 1, netmask: '255.0.255.0' }),
  ],
  [
    'IPv6 netmask 0 (abi.md §10.1-26)',
    RANGE,
    'service.persistence.netmask',
    persist({ timeout: 1, netmask: 0 }, WEB6),
  ],
  ['IPv6 netmask 129', RANGE, 'service.persistence.netmask', persist({ timeout: 1, netmask: 129 }, WEB6)],
  ['an engine of 40 characters', VALUE, 'service.persistence.engine', persist({ timeout: 1, engine: LONG })],
  ['onePacket as a number', TYPE, 'service.onePacket', add({ ...DNS, onePacket: 1 })],
  ['onePacket on TCP', VALUE, 'service.onePacket', add({ ...WEB, onePacket: true })],
  ['synproxy as a string', TYPE, 'service.synproxy', add({ ...WEB, synproxy: 'yes' })],
  ['synproxy on UDP', VALUE, 'service.synproxy', add({ ...DNS, synproxy: true })],
  ['establishedTimeout 0', RANGE, 'service.establishedTimeout', add({ ...WEB, establishedTimeout: 0 })],
  [
    'establishedTimeout 2147484 (abi.md §11-19)',
    RANGE,
    'service.establishedTimeout',
    add({ ...WEB, establishedTimeout: 2147484 }),
  ],
  ['a set of a wrong service', RANGE, 'service.port', (ipvs) => ipvs.services.set({ ...WEB, port: 70000 })],
  ['a get of a wrong service', RANGE, 'service.port', (ipvs) => ipvs.services.get({ ...WEB, port: 70000 })],
  [
    'a remove of a wrong service',
    RANGE,
    'service.port',
    (ipvs) => ipvs.services.remove({ ...WEB, port: 70000 }),
  ],
  [
    'an ensure of a wrong service',
    RANGE,
    'service.port',
    (ipvs) => ipvs.services.ensure({ ...WEB, port: 70000 }),
  ],
  [
    'an update of the port',
    VALUE,
    'change.port',
    (ipvs) => ipvs.services.update(WEB, { port: 81 } as Anything),
  ],
  [
    'an update of the flags word',
    VALUE,
    'change.flags',
    (ipvs) => ipvs.services.update(WEB, { flags: 1 } as Anything),
  ],
  [
    'an update of counters',
    VALUE,
    'change.activeConnections',
    (ipvs) => ipvs.destinations.update(WEB, A, { activeConnections: 5 } as Anything),
  ],
  [
    'an IPv4-mapped destination',
    VALUE,
    'destination.address',
    destination({ address: '::ffff:198.51.100.9', forwarding: 'tunnel' }),
  ],
  ['an update with nothing', TYPE, 'change', (ipvs) => ipvs.services.update(WEB, undefined as Anything)],
  ['no destination', TYPE, 'destination', (ipvs) => ipvs.destinations.add(WEB, undefined as Anything)],
  ['a destination without a method', VALUE, 'destination.forwarding', destination({ forwarding: undefined })],
  ['an unknown method', VALUE, 'destination.forwarding', destination({ forwarding: 'nat' })],
  [
    'a method as a number (abi.md §4.1: 6 and 7)',
    TYPE,
    'destination.forwarding',
    destination({ forwarding: 6 }),
  ],
  ['weight -1', RANGE, 'destination.weight', destination({ weight: -1 })],
  ['weight 2^31', RANGE, 'destination.weight', destination({ weight: 2147483648 })],
  ['weight as a string', TYPE, 'destination.weight', destination({ weight: '1' })],
  ['destination port 70000', RANGE, 'destination.port', destination({ port: 70000 })],
  ['a destination at 300.1.1.1', VALUE, 'destination.address', destination({ address: '300.1.1.1' })],
  [
    'a masqueraded destination of the other family',
    VALUE,
    'destination.address',
    destination({ address: '2001:db8::9' }),
  ],
  [
    'a lower threshold above the upper one',
    RANGE,
    'destination.lowerThreshold',
    destination({ upperThreshold: 4, lowerThreshold: 5 }),
  ],
  ['a lower threshold alone', RANGE, 'destination.lowerThreshold', destination({ lowerThreshold: 1 })],
  [
    'an upper threshold of 2^31',
    RANGE,
    'destination.upperThreshold',
    destination({ upperThreshold: 2147483648 }),
  ],
  [
    'a tunnel without the method tunnel',
    VALUE,
    'destination.tunnel',
    destination({ tunnel: { type: 'ipip' } }),
  ],
  [
    'an unknown tunnel type',
    VALUE,
    'destination.tunnel.type',
    destination({ forwarding: 'tunnel', tunnel: { type: 'vxlan' } }),
  ],
  [
    'GUE without a port',
    TYPE,
    'destination.tunnel.port',
    destination({ forwarding: 'tunnel', tunnel: { type: 'gue' } }),
  ],
  [
    'a port for GRE',
    VALUE,
    'destination.tunnel.port',
    destination({ forwarding: 'tunnel', tunnel: { type: 'gre', port: 1 } }),
  ],
  ['an unknown property of a destination', VALUE, 'destination.wieght', destination({ wieght: 1 })],
  [
    "an update of a destination's address",
    VALUE,
    'change.address',
    (ipvs) => ipvs.destinations.update(WEB, A, { address: '198.51.100.2' } as Anything),
  ],
  [
    'an update of a weight to -1',
    RANGE,
    'change.weight',
    (ipvs) => ipvs.destinations.update(WEB, A, { weight: -1 }),
  ],
  ['a list of no service', TYPE, 'service', (ipvs) => ipvs.destinations.list(undefined as Anything)],
  [
    'an iteration of no service',
    TYPE,
    'service',
    (ipvs) => collect(ipvs.destinations.iterate(undefined as Anything)),
  ],
  [
    'a daemon of an unknown state',
    VALUE,
    'daemon.state',
    (ipvs) => ipvs.daemons.start({ state: 'both' as Anything, interface: 'lo' }),
  ],
  [
    'a daemon without an interface',
    TYPE,
    'daemon.interface',
    (ipvs) => ipvs.daemons.start({ state: 'master' } as Anything),
  ],
  [
    'an interface of 16 bytes',
    VALUE,
    'daemon.interface',
    (ipvs) => ipvs.daemons.start({ state: 'master', interface: 'a'.repeat(16) }),
  ],
  [
    'a sync id of 256',
    RANGE,
    'daemon.syncId',
    (ipvs) => ipvs.daemons.start({ state: 'master', interface: 'lo', syncId: 256 }),
  ],
  [
    'a multicast group that is none',
    VALUE,
    'daemon.multicastGroup',
    (ipvs) => ipvs.daemons.start({ state: 'master', interface: 'lo', multicastGroup: '10.0.0.1' }),
  ],
  ['a stop of an unknown daemon', VALUE, 'state', (ipvs) => ipvs.daemons.stop('both' as Anything)],
  ['a timeout of 0 s', RANGE, 'timeouts.tcp', (ipvs) => ipvs.timeouts.set({ tcp: 0 })],
  ['a timeout as a string', TYPE, 'timeouts.udp', (ipvs) => ipvs.timeouts.set({ udp: '300' as Anything })],
  ['an unknown timeout', VALUE, 'timeouts.icmp', (ipvs) => ipvs.timeouts.set({ icmp: 3 } as Anything)],
  ['a zero of a wrong service', RANGE, 'service.port', (ipvs) => ipvs.zero({ ...WEB, port: 70000 })],
  ['options as a number', TYPE, 'options', options(1000)],
  ['an unknown option', VALUE, 'options.timeoutMs', options({ timeoutMs: 1 })],
  ['a timeout of -1 ms', RANGE, 'options.timeout', options({ timeout: -1 })],
  ['a signal that is none', TYPE, 'options.signal', options({ signal: {} })],
  [
    'consistent as a number',
    TYPE,
    'options.consistent',
    (ipvs) => ipvs.snapshot({ consistent: 1 as Anything }),
  ],
  ['stats as a number', TYPE, 'options.stats', (ipvs) => ipvs.snapshot({ stats: 0 as Anything })],
]

const locals =
  (value: Anything, service: Anything = WEB) =>
  (ipvs: Ipvs) =>
    ipvs.localAddresses.set(service, value)
const local =
  (value: Anything, service: Anything = WEB) =>
  (ipvs: Ipvs) =>
    ipvs.localAddresses.add(service, value)

const LOCAL_ADDRESS_CASES: readonly Case[] = [
  ['a local address of the other family', VALUE, 'localAddress', local('2001:db8::1')],
  ['an IPv4 local address for IPv6', VALUE, 'localAddress', local('10.77.1.1', WEB6)],
  ['an IPv4-mapped local address', VALUE, 'localAddress', local('::ffff:10.77.1.1')],
  [
    'a get of an IPv4-mapped local address',
    VALUE,
    'localAddress',
    (ipvs) => ipvs.localAddresses.get(WEB, '::ffff:10.77.1.9'),
  ],
  ['an IPv4-mapped local address for IPv6', VALUE, 'localAddress', local('::FFFF:10.77.1.1', WEB6)],
  ['the local address 0.0.0.0', VALUE, 'localAddress', local('0.0.0.0')],
  ['a multicast local address', VALUE, 'localAddress', local('224.0.0.1')],
  ['the broadcast address as a local address', VALUE, 'localAddress', local('255.255.255.255')],
  ['the local address 300.1.1.1', VALUE, 'localAddress', local('300.1.1.1')],
  ['a local address as an object', TYPE, 'localAddress', local({ address: '10.77.1.1' })],
  [
    'the same local address twice in one call',
    VALUE,
    'localAddresses[1]',
    locals(['10.77.1.1', '10.77.1.1']),
  ],
  [
    'the same IPv6 local address written differently',
    VALUE,
    'localAddresses[1]',
    locals(['2001:db8::1', '2001:DB8:0::1'], WEB6),
  ],
  ['one wrong local address among others', VALUE, 'localAddresses[1]', locals(['10.77.1.1', 'x'])],
  ['local addresses as a string', TYPE, 'localAddresses', locals('10.77.1.1')],
]

export function badInputContract(harness: Harness): void {
  const can = harness.capabilities

  describe(`bad input over ${harness.name}`, () => {
    const world = useWorld(harness)
    const recorder = new Recorder()
    let recorded: Ipvs | undefined
    const client = async () => {
      recorded ??= await harness.open({ wrap: recorder.wrap })
      return recorded
    }
    beforeEach(async () => {
      await world.full.services.add({ ...WEB, scheduler: 'rr' })
      await world.full.destinations.add(WEB, { ...A, weight: 5 })
      if (can.localAddresses) await world.full.localAddresses.add(WEB, '10.77.1.9')
    })

    const cases = [...CASES, ...(can.localAddresses ? LOCAL_ADDRESS_CASES : [])]

    it.each(cases)('%s', async (_, code, field, call) => {
      const ipvs = await client()
      const before = await world.full.snapshot()
      recorder.clear()
      const error = await rejection<Error & { code: string; field: string }>(call(ipvs))
      expect({ code: error.code, field: error.field }).toEqual({ code, field })
      expect(error.name).toBe(code === RANGE ? 'RangeError' : 'TypeError')
      expect(error).toBeInstanceOf(code === RANGE ? RangeError : TypeError)
      expect(error.message).toContain(field)
      expect(recorder.requests).toEqual([])
      expect(await world.full.snapshot()).toEqual(before)
    })

    const mapped: [what: string, call: (ipvs: Ipvs) => Promise<unknown>][] = [
      ['service', add({ ...WEB, address: '::ffff:192.0.2.1' })],
      ['destination', destination({ address: '::ffff:192.0.2.1' })],
    ]
    if (can.localAddresses) mapped.push(['local address', local('::ffff:192.0.2.1')])
    it.each(mapped)('an IPv4-mapped %s is told how it is written', async (_, call) => {
      await expect(call(world.ipvs)).rejects.toThrow("'192.0.2.1'")
    })

    it('a wrong name says which one was meant', async () => {
      const add = world.ipvs.destinations.add(WEB, { ...A, fwdMethod: 'nat' } as Anything)
      await expect(add).rejects.toThrow("did you mean 'forwarding'?")
    })

    it('bad input is a rejection, never a throw', async () => {
      const ipvs = await client()
      for (const [, , , call] of cases) {
        const promise = call(ipvs)
        expect(typeof promise.then).toBe('function')
        await rejection(promise)
      }
      await ipvs.close()
    })
  })
}
