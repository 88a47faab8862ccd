// Random operations that a kernel of the given capabilities can be asked for. Few names, so that operations meet.

import fc from 'fast-check'
import type { Capabilities } from '../../../lib'
import type { Call, Operation, Together } from './operations'

export interface Surroundings {
  readonly capabilities: Capabilities
  /** Those that the kernel has. */
  readonly schedulers: readonly string[]
  /** The director's own addresses. */
  readonly own: { readonly ipv4: string; readonly ipv6: string }
}

type Key = Record<string, unknown>

const SECONDS_MAX = 2147483
const INT_MAX = 2147483647
const PORTS = [80, 443, 0, 1, 65535]

/** `share` of the values are odd ones. */
function mostly<T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>, share = 6): fc.Arbitrary<T> {
  return fc.oneof({ weight: share, arbitrary: usual }, { weight: 1, arbitrary: odd })
}

/** A record without the properties that are undefined. */
function named<T extends object>(record: fc.Arbitrary<T>): fc.Arbitrary<Partial<T>> {
  return record.map(
    (value) =>
      Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Partial<T>,
  )
}

const sometimes = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 })
const seconds = fc.oneof(fc.constantFrom(1, 2, SECONDS_MAX), fc.integer({ min: 1, max: SECONDS_MAX }))

const address = (protocol: string, ip: string, port: number): Key => ({ protocol, address: ip, port })
const fwmark = (mark: number, family: string): Key => ({ fwmark: mark, family })

/** An IPv6 service over sockopt is always refused, so only few are tried. */
function keys({ ipv6, sctp }: Capabilities): fc.Arbitrary<Key> {
  const usual = [address('tcp', '192.0.2.1', 80), address('udp', '192.0.2.1', 80), fwmark(1, 'ipv4')]
  const usual6 = [address('tcp', '2001:db8::1', 80), fwmark(1, 'ipv6')]
  // Some share a bucket with others: the tables have 256 and 4096 of them.
  const odd = [
    address('tcp', '192.0.2.1', 0),
    address('tcp', '192.0.3.1', 80),
    address(sctp ? 'sctp' : 'tcp', '255.255.255.254', 65535),
    fwmark(257, 'ipv4'),
    fwmark(4097, 'ipv4'),
    fwmark(4294967295, 'ipv4'),
  ]
  const odd6 = [
    address('udp', '2001:db8::2', 0),
    address('tcp', '::ffff:192.0.2.1', 80),
    fwmark(4097, 'ipv6'),
  ]
  return fc.oneof(
    { weight: 12, arbitrary: mostly(fc.constantFrom(...usual), fc.constantFrom(...odd), 3) },
    { weight: ipv6 ? 6 : 1, arbitrary: mostly(fc.constantFrom(...usual6), fc.constantFrom(...odd6), 3) },
  )
}

const isIpv6 = (key: Key) => key.family === 'ipv6' || String(key.address ?? '').includes(':')

/** By `key` what it may have; some of what it may not, too. */
function serviceConfigs({ capabilities, schedulers }: Surroundings, key: Key): fc.Arbitrary<object> {
  const marked = key.fwmark !== undefined
  const netmask = isIpv6(key)
    ? fc.constantFrom<string | number | undefined>(undefined, 1, 64, 127, 128)
    : fc.constantFrom<string | number | undefined>(undefined, '255.255.255.255', '255.255.0.0', '128.0.0.0')
  const engine = capabilities.persistenceEngine
    ? fc.constantFrom(undefined, undefined, 'sip')
    : fc.constant(undefined)
  const flags = capabilities.schedulerFlags
    ? sometimes(fc.subarray(['flag-1', 'flag-2', 'flag-3']))
    : fc.constant(undefined)
  const flag = (there: boolean) => (there ? sometimes(fc.boolean()) : fc.constant(undefined))
  return named(
    fc.record({
      // One that is not there makes the kernel look for a module: slow.
      scheduler: mostly(
        fc.constantFrom(...schedulers, undefined),
        fc.constantFrom('nosuch', 'x'.repeat(15)),
        40,
      ),
      persistence: sometimes(named(fc.record({ timeout: seconds, netmask, engine }))),
      onePacket: flag(marked || key.protocol === 'udp'),
      synproxy: flag(capabilities.synproxy && (marked || key.protocol === 'tcp')),
      establishedTimeout:
        capabilities.establishedTimeout && (marked || key.protocol === 'tcp')
          ? sometimes(seconds)
          : fc.constant(undefined),
      schedulerFlags: flags,
    }),
  )
}

/** Unicast, own, without a route, of the edges of networks, of no use. */
function destinationAddresses({ own }: Surroundings, ipv6: boolean): fc.Arbitrary<string> {
  const network = (own.ipv4.match(/^.*\./) as RegExpMatchArray)[0]
  const prefix = own.ipv6.replace(/1$/, '')
  if (ipv6) {
    return mostly(
      fc.constantFrom(`${prefix}2`, `${prefix}3`, `${prefix}ffff:4`, '2001:db8:9::1'),
      fc.constantFrom(own.ipv6, '::1', '::', 'fe80::1', 'fe80:1::1', 'ff02::1', '::ffff:10.0.0.1', 'fec0::1'),
      3,
    )
  }
  return mostly(
    fc.constantFrom('198.51.100.1', '198.51.100.2', '203.0.113.255', `${network}9`),
    fc.constantFrom(
      own.ipv4,
      `${network}0`,
      `${network}255`,
      '127.0.0.0',
      '127.0.0.1',
      '127.255.255.255',
      '0.0.0.0',
      '0.1.2.3',
      '224.0.0.1',
      '239.255.255.255',
      '240.0.0.1',
      '255.255.255.255',
    ),
    3,
  )
}

function tunnels(): fc.Arbitrary<object> {
  const checksum = fc.constantFrom(undefined, 'none', 'full')
  return fc.oneof(
    fc.constant({ type: 'ipip' }),
    named(fc.record({ type: fc.constant('gre'), checksum })),
    named(
      fc.record({
        type: fc.constant('gue'),
        port: fc.constantFrom(1, 6080, 65535),
        checksum: fc.constantFrom(undefined, 'none', 'full', 'remote'),
      }),
    ),
  )
}

const thresholds = fc.constantFrom(
  {},
  {},
  { upperThreshold: 10, lowerThreshold: 5 },
  { upperThreshold: INT_MAX, lowerThreshold: INT_MAX },
  { upperThreshold: 7 },
  { lowerThreshold: 1 },
)
const weights = mostly(fc.constantFrom(0, 1, 100), fc.constantFrom(undefined, 65535, 65536, INT_MAX))

function destinationConfigs({ capabilities }: Surroundings, key: Key): fc.Arbitrary<Record<string, unknown>> {
  const allowed = capabilities.forwardingMethods.filter(
    (one) => one !== 'fullnat' || key.protocol !== 'udp' || capabilities.udpFullnat,
  )
  const tunnel = capabilities.tunnelTypes ? sometimes(tunnels()) : fc.constant(undefined)
  return fc
    .tuple(fc.constantFrom(...allowed), weights, thresholds, tunnel)
    .map(([forwarding, weight, limits, encapsulation]) => ({
      forwarding,
      ...(weight === undefined ? {} : { weight }),
      ...limits,
      ...(encapsulation && forwarding === 'tunnel' ? { tunnel: encapsulation } : {}),
    }))
}

const destinationPorts = mostly(fc.constantFrom(80, 81), fc.constantFrom(...PORTS))

/** Over netlink mainline takes a tunnel to the other family. */
function destinationInputs(around: Surroundings, key: Key): fc.Arbitrary<Record<string, unknown>> {
  const other = around.capabilities.destinationFamily
    ? mostly(fc.constant(false), fc.constant(true), 9)
    : fc.constant(false)
  return fc
    .tuple(destinationConfigs(around, key), destinationPorts, other)
    .chain(([config, port, crosses]) => {
      const ipv6 = crosses && config.forwarding === 'tunnel' ? !isIpv6(key) : isIpv6(key)
      return destinationAddresses(around, ipv6).map((address) => ({ address, port, ...config }))
    })
}

/** A part of a configuration. */
function partOf<T extends Record<string, unknown>>(config: fc.Arbitrary<T>): fc.Arbitrary<object> {
  return config.chain((value) =>
    fc
      .subarray(Object.keys(value))
      .map((names) => Object.fromEntries(names.map((name) => [name, value[name]]))),
  )
}

function localAddresses(ipv6: boolean): fc.Arbitrary<string> {
  return ipv6
    ? fc.constantFrom('2001:db8:5::1', '2001:db8:5::2', '2001:db8:5::ff', 'fe80::5')
    : fc.constantFrom('10.1.0.1', '10.1.0.2', '10.1.0.5', '10.1.0.255', '127.0.0.1', '10.2.0.1')
}

const call = (name: string, ...args: readonly unknown[]): Call => ({ call: name, args })

function serviceCalls(around: Surroundings, key: Key): fc.Arbitrary<Call> {
  const config = serviceConfigs(around, key)
  const writes = (name: string) => config.map((values) => call(`services.${name}`, { ...key, ...values }))
  return fc.oneof(
    { weight: 6, arbitrary: writes('add') },
    { weight: 3, arbitrary: writes('ensure') },
    { weight: 2, arbitrary: writes('set') },
    {
      weight: 2,
      arbitrary: partOf(config as fc.Arbitrary<Record<string, unknown>>).map((change) =>
        call('services.update', key, change),
      ),
    },
    { weight: 1, arbitrary: fc.constant(call('services.remove', key)) },
  )
}

function destinationCalls(around: Surroundings, key: Key): fc.Arbitrary<Call> {
  const input = destinationInputs(around, key)
  const target = input.map(({ address, port }) => ({ address, port }))
  const writes = (name: string) => input.map((values) => call(`destinations.${name}`, key, values))
  return fc.oneof(
    { weight: 6, arbitrary: writes('add') },
    { weight: 3, arbitrary: writes('ensure') },
    { weight: 2, arbitrary: writes('set') },
    {
      weight: 2,
      arbitrary: fc
        .tuple(target, partOf(destinationConfigs(around, key)))
        .map(([name, change]) => call('destinations.update', key, name, change)),
    },
    { weight: 2, arbitrary: target.map((name) => call('destinations.remove', key, name)) },
  )
}

function localAddressCalls(key: Key): fc.Arbitrary<Call> {
  const address = localAddresses(isIpv6(key))
  const one = (name: string) => address.map((text) => call(`localAddresses.${name}`, key, text))
  return fc.oneof(
    { weight: 4, arbitrary: one('add') },
    { weight: 2, arbitrary: one('ensure') },
    { weight: 2, arbitrary: one('remove') },
    {
      weight: 2,
      arbitrary: fc
        .uniqueArray(address, { maxLength: 4 })
        .map((texts) => call('localAddresses.set', key, texts)),
    },
  )
}

function readCalls({ capabilities }: Surroundings, key: Key): fc.Arbitrary<Call> {
  const reads = [
    call('services.get', key),
    call('destinations.list', key),
    call('services.list'),
    call('timeouts.get'),
  ]
  if (capabilities.localAddresses) reads.push(call('localAddresses.list', key))
  return fc.constantFrom(...reads)
}

/** What the client refuses by itself is not worth a trip. */
function tableCalls({ capabilities }: Surroundings, key: Key): fc.Arbitrary<Call> {
  const timeouts = named(
    fc.record({ tcp: sometimes(seconds), tcpFin: sometimes(seconds), udp: sometimes(seconds) }),
  )
  const zero = capabilities.zero ? [call('zero'), call('zero', key)] : []
  return fc.oneof(
    { weight: 4, arbitrary: timeouts.map((values) => call('timeouts.set', values)) },
    { weight: 1, arbitrary: fc.constantFrom(call('flush'), ...zero, ...zero) },
  )
}

function calls(around: Surroundings, key: fc.Arbitrary<Key>): fc.Arbitrary<Call> {
  return key.chain((name) =>
    fc.oneof(
      { weight: 6, arbitrary: serviceCalls(around, name) },
      { weight: 10, arbitrary: destinationCalls(around, name) },
      { weight: around.capabilities.localAddresses ? 6 : 0, arbitrary: localAddressCalls(name) },
      { weight: 3, arbitrary: readCalls(around, name) },
      { weight: 1, arbitrary: tableCalls(around, name) },
    ),
  )
}

const BATCHED = /^(services|destinations|localAddresses)\.(add|set|update|ensure|remove)$|^zero$|^flush$/
const writesService = ({ call: name }: Call) => /^services\.(add|set|update|ensure)$/.test(name)

/**
 * Operations over the client under test; a fifth of those of a sockopt client goes over netlink instead, and whatever
 * writes services where `capabilities.serviceWrites` is false.
 */
function operations(around: Surroundings): fc.Arbitrary<Operation> {
  const { transport, serviceWrites } = around.capabilities
  const single = calls(around, keys(around.capabilities))
  const needsFull = (one: Operation): boolean =>
    !serviceWrites && ('together' in one ? one.calls.some(writesService) : writesService(one))
  const together: fc.Arbitrary<Together> = fc
    .record({
      together: fc.constantFrom('batch' as const, 'tick' as const),
      calls: fc.array(single, { minLength: 2, maxLength: 8 }),
    })
    .map((one) =>
      one.together === 'tick' ? one : { ...one, calls: one.calls.filter((item) => BATCHED.test(item.call)) },
    )
  const operation: fc.Arbitrary<Operation> = mostly<Operation>(single, together, 8)
  if (transport === 'netlink') return operation
  return fc
    .tuple(operation, mostly(fc.constant(false), fc.constant(true), 4))
    .map(([one, full]) => (full || needsFull(one) ? { ...one, full: true as const } : one))
}

/** Begins with services, so that what follows has something to meet. */
export function sequences(
  around: Surroundings,
  size: { minLength: number; maxLength: number },
): fc.Arbitrary<Operation[]> {
  const needed = around.capabilities.serviceWrites ? {} : { full: true as const }
  const added = keys(around.capabilities)
    .chain((key) => serviceConfigs(around, key).map((config) => call('services.add', { ...key, ...config })))
    .map((one): Operation => ({ ...one, ...needed }))
  return fc
    .tuple(
      fc.array(added, { minLength: 6, maxLength: 10 }),
      fc.array(operations(around), { ...size, size: 'max' }),
    )
    .map(([first, rest]) => [...first, ...rest])
}
