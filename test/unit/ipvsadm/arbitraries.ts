/** Desired states with everything that a dialect can say, as parsing its rules gives them. */

import fc from 'fast-check'
import type { DesiredDestination, DesiredService, DesiredState, RulesDialect } from '../../../lib/formats'

const named = <T extends object>(record: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  record.map(
    (value) => Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T,
  )

const sometimes = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const seconds = fc.integer({ min: 1, max: 2147483 })
const port = fc.integer({ min: 1, max: 65535 })
const ipv4 = fc
  .tuple(fc.integer({ min: 1, max: 223 }), fc.nat(255), fc.nat(255), fc.nat(255))
  .map((octets) => octets.join('.'))
const ipv6 = fc.tuple(port, port).map(([a, b]) => `2001:db8::${a.toString(16)}:${b.toString(16)}`)
const addressOf = (six: boolean) => (six ? ipv6 : ipv4)
const moduleName = fc.oneof(
  fc.constantFrom('rr', 'wrr', 'lc', 'wlc', 'sh', 'mh', 'ipvsadm'),
  fc.stringMatching(/^[a-z0-9_][a-zA-Z0-9_-]{0,14}$/),
)

const PREFIXES = ['255.255.255.0', '255.255.0.0', '128.0.0.0', '0.0.0.0', '255.255.255.254']

function persistence(six: boolean, dialect: RulesDialect) {
  return named(
    fc.record({
      timeout: seconds,
      netmask: six
        ? sometimes<string | number>(fc.integer({ min: 1, max: 127 }))
        : sometimes<string | number>(fc.constantFrom(...PREFIXES)),
      engine: dialect === 'mainline' ? sometimes(fc.constantFrom('sip', 'ipvsadm')) : fc.constant(undefined),
    }),
  )
}

function tunnels() {
  return fc.oneof(
    fc.constant(null),
    fc.record({
      type: fc.constant('gre' as const),
      checksum: fc.constantFrom('none' as const, 'full' as const),
    }),
    fc.record({
      type: fc.constant('gue' as const),
      port,
      checksum: fc.constantFrom('none' as const, 'full' as const, 'remote' as const),
    }),
  )
}

function destination(service: { six: boolean; port: number | undefined }, dialect: RulesDialect) {
  const methods = [
    'masquerade',
    'direct-route',
    'tunnel',
    ...(dialect === 'mainline' ? [] : ['fullnat']),
  ] as const
  return fc
    .record({
      forwarding: fc.constantFrom(...(methods as readonly DesiredDestination['forwarding'][])),
      crosses: fc.boolean(),
      free: fc.nat(65535),
      weight: fc.nat(65535),
      upper: sometimes(fc.integer({ min: 1, max: 2147483647 })),
      lowerShare: fc.nat(100),
      tunnel: tunnels(),
    })
    .chain(({ forwarding, crosses, free, weight, upper, lowerShare, tunnel }) => {
      const tunnelled = forwarding === 'tunnel'
      const six = dialect === 'mainline' && tunnelled && crosses ? !service.six : service.six
      const forced = service.port !== undefined && (tunnelled || forwarding === 'direct-route')
      const lower = upper === undefined ? 0 : Math.floor((upper * lowerShare) / 100)
      return addressOf(six).map(
        (address): DesiredDestination => ({
          address,
          port: forced ? (service.port as number) : free,
          forwarding,
          weight,
          ...(upper === undefined ? {} : { upperThreshold: upper }),
          ...(lower === 0 ? {} : { lowerThreshold: lower }),
          ...(tunnelled && dialect === 'mainline' ? { tunnel } : {}),
        }),
      )
    })
}

const FLAGS = ['flag-1', 'flag-2', 'flag-3'] as const

function service(dialect: RulesDialect): fc.Arbitrary<DesiredService> {
  const protocols = ['tcp', 'udp', ...(dialect === 'mainline' || dialect === 'dpvs' ? ['sctp'] : [])] as (
    | 'tcp'
    | 'udp'
    | 'sctp'
  )[]
  return fc
    .record({
      six: fc.boolean(),
      marked: fc.boolean(),
      protocol: fc.constantFrom(...protocols),
      zero: fc.nat(5),
    })
    .chain(({ six, marked, protocol, zero }) => {
      const key = marked
        ? fc
            .integer({ min: 1, max: 0xffffffff })
            .map((fwmark) => ({ fwmark, family: six ? ('ipv6' as const) : ('ipv4' as const) }))
        : fc
            .tuple(addressOf(six), port)
            .map(([address, number]) => ({ protocol, address, port: zero === 0 ? 0 : number }))
      return key.chain((name) => {
        const servicePort = 'port' in name ? name.port : undefined
        const sticky = persistence(six, dialect)
        const tcp = marked || protocol === 'tcp'
        const config = {
          scheduler: moduleName,
          persistence: servicePort === 0 ? sticky : fc.option(sticky),
          onePacket: marked || protocol === 'udp' ? fc.boolean() : fc.constant(false),
          schedulerFlags: dialect === 'mainline' ? fc.subarray([...FLAGS]) : fc.constant(undefined),
          synproxy:
            dialect === 'mainline'
              ? fc.constant(undefined)
              : dialect === 'alibaba-v3'
                ? tcp
                  ? fc.boolean()
                  : fc.constant(false)
                : sometimes(tcp ? fc.boolean() : fc.constant(false)),
          establishedTimeout:
            (dialect === 'alibaba-v3' && tcp) || (dialect === 'dpvs' && (marked || protocol !== 'udp') && tcp)
              ? sometimes(seconds)
              : fc.constant(undefined),
          destinations: fc.uniqueArray(destination({ six, port: servicePort }, dialect), {
            maxLength: 4,
            selector: (one) => `${one.address} ${one.port}`,
          }),
          localAddresses:
            dialect === 'mainline'
              ? fc.constant(undefined)
              : fc.uniqueArray(addressOf(six), {
                  minLength: dialect === 'alibaba-v3' && !marked && !six ? 0 : 1,
                  maxLength: 3,
                }),
        }
        return named(fc.record(config)).map((rest) => ({ ...name, ...rest }) as DesiredService)
      })
    })
}

const idOf = (one: DesiredService) =>
  one.fwmark === undefined ? `${one.protocol} ${one.address} ${one.port}` : `${one.fwmark} ${one.family}`

export function states(dialect: RulesDialect): fc.Arbitrary<DesiredState> {
  const interfaceName = fc
    .stringMatching(/^[a-z0-9.#-]{1,15}$/)
    .filter((name) => name !== '.' && name !== '..')
  const mainline = <T>(value: fc.Arbitrary<T>) =>
    dialect === 'mainline' ? sometimes(value) : fc.constant(undefined)
  const daemon = (state: 'master' | 'backup') =>
    named(
      fc.record({
        state: fc.constant(state),
        interface: fc.oneof(interfaceName, fc.constant('ipvsadm')),
        syncId: fc.nat(255),
        syncMaxLength: mainline(fc.integer({ min: 1, max: 65507 })),
        multicastGroup: mainline(fc.constantFrom('224.0.0.81', 'ff02::5')),
        multicastPort: mainline(port),
        multicastTtl: mainline(fc.integer({ min: 1, max: 255 })),
      }),
    )
  const timeouts = named(
    fc.record({ tcp: sometimes(seconds), tcpFin: sometimes(seconds), udp: sometimes(seconds) }),
  )
  return named(
    fc.record({
      services: fc.uniqueArray(service(dialect), { maxLength: 5, selector: idOf }),
      timeouts: sometimes(timeouts.filter((value) => Object.keys(value).length > 0)),
      daemons: fc
        .tuple(sometimes(daemon('master')), sometimes(daemon('backup')))
        .map((list) => list.filter((one) => one !== undefined))
        .map((list) => (list.length > 0 ? list : undefined)),
    }),
  ) as fc.Arbitrary<DesiredState>
}

/** In the order of the text: sorted as it is. */
export function sorted(state: DesiredState): DesiredState {
  const key = (one: object) => JSON.stringify(one)
  const services = (state.services ?? [])
    .map((one) => ({
      ...one,
      destinations: [...(one.destinations ?? [])].sort((x, y) => (key(x) < key(y) ? -1 : 1)),
    }))
    .sort((x, y) => (idOf(x) < idOf(y) ? -1 : 1))
  return { ...state, services }
}
