// Tables with what other tools leave: every value that the interface of a kernel lets in, odd or not.

import fc from 'fast-check'
import type { Ipvs } from '../../../lib'
import type { FakeDialect } from '../../../lib/testing'

type Odd = Readonly<Record<string, unknown>>
export interface HeldService {
  readonly service: Odd
  readonly destinations: readonly Odd[]
  readonly localAddresses: readonly string[]
}

const IPV4 = ['192.0.2.1', '192.0.2.2', '0.0.0.0', '224.0.0.1'] as const
const IPV6 = ['2001:db8::1', '::', '::ffff:192.0.2.1', 'fe80::1'] as const
const LISTED = { stats: {} }

const keys: fc.Arbitrary<Odd> = fc.oneof(
  fc.record({
    protocol: fc.constantFrom('tcp', 'tcp', 'udp', 'sctp', 50, 0),
    address: fc.constantFrom(...IPV4, ...IPV6),
    port: fc.constantFrom(0, 80, 65535),
  }),
  fc.record({ fwmark: fc.constantFrom(1, 4294967295), family: fc.constantFrom('ipv4', 'ipv6') }),
)

const familyOf = ({ address, family }: Odd): 'ipv4' | 'ipv6' =>
  address === undefined ? (family as 'ipv4') : (address as string).includes(':') ? 'ipv6' : 'ipv4'

const persistence = (dialect: FakeDialect, family: string): fc.Arbitrary<Odd | null> =>
  fc.oneof(
    fc.constant(null),
    fc.record(
      {
        timeout: fc.constantFrom(0, 1, 360, 2678400, 4294967),
        netmask:
          family === 'ipv6'
            ? fc.constantFrom<string | number>(1, 64, 128)
            : fc.constantFrom<string | number>('255.255.255.255', '255.0.255.0', '0.0.0.0'),
        ...(dialect === 'mainline' ? { engine: fc.constant('sip') } : {}),
      },
      { requiredKeys: ['timeout', 'netmask'] },
    ),
  )

function config(dialect: FakeDialect, key: Odd): fc.Arbitrary<Odd> {
  const mainline = dialect === 'mainline'
  const schedulers = ['rr', 'wlc', 'sh', ...(mainline ? ['mh', 'fo', 'none'] : [])]
  const timed = dialect === 'fullnat-v3' && (key.protocol === undefined || key.protocol === 'tcp')
  return fc.record({
    scheduler: fc.constantFrom(...schedulers),
    schedulerFlags: mainline ? fc.subarray(['flag-1', 'flag-2', 'flag-3']) : fc.constant([]),
    persistence: persistence(dialect, familyOf(key)),
    onePacket: fc.boolean(),
    synproxy: mainline ? fc.constant(false) : fc.boolean(),
    ...(timed ? { establishedTimeout: fc.constantFrom(1, 90, 900, 4264247) } : {}),
  })
}

const tunnel: fc.Arbitrary<Odd> = fc.record({
  type: fc.constantFrom<string | number>('ipip', 'gue', 'gre', 9),
  port: fc.constantFrom(0, 6080),
  checksum: fc.constantFrom<string | number>('none', 'full', 'remote', 3),
})

function destinations(dialect: FakeDialect, { protocol }: Odd, family: string): fc.Arbitrary<Odd[]> {
  const mainline = dialect === 'mainline'
  const methods = ['masquerade', 'local', 'tunnel', 'direct-route', 'bypass', 6, 7]
  // The rules refuse them on kernels that do not have them, whoever held them.
  if (!mainline && protocol !== 'udp') methods.push('fullnat', 'fullnat')
  const own = family === 'ipv6' ? ['2001:db8::9', '2001:db8::a'] : ['10.9.0.1', '10.9.0.2', '10.9.0.3']
  const other = family === 'ipv6' ? '10.9.0.1' : '2001:db8::9'
  const one = fc.record({
    address: fc.constantFrom(...own, ...(mainline ? [other] : [])),
    port: fc.constantFrom(0, 80),
    // On FULLNAT kernels 'local' counts as whatever was asked for, where the family is IPv6.
    forwarding: fc.constantFrom(...methods.filter((method) => family === 'ipv4' || method !== 'local')),
    weight: fc.constantFrom(0, 1, 5, 65536, 2147483647),
    thresholds: fc.constantFrom<readonly [number, number]>(
      [0, 0],
      [10, 5],
      [2147483647, 0],
      ...(mainline ? [] : [[4294967295, 2147483648] as const]),
    ),
    tunnel,
  })
  return fc
    .uniqueArray(one, { selector: ({ address, port }) => `${address} ${port}`, maxLength: 4 })
    .map((list) =>
      list.map(({ thresholds: [upperThreshold, lowerThreshold], tunnel: inside, ...rest }) => ({
        ...rest,
        upperThreshold,
        lowerThreshold,
        ...(mainline && rest.forwarding === 'tunnel' ? { tunnel: inside } : {}),
      })),
    )
}

const service = (dialect: FakeDialect): fc.Arbitrary<HeldService> =>
  keys.chain((key) => {
    const family = familyOf(key)
    const locals =
      family === 'ipv6'
        ? ['2001:db8::101', '2001:db8::102', '::ffff:10.1.0.1', '::']
        : ['10.1.0.1', '10.1.0.2', '10.1.0.7', '0.0.0.0', '224.0.0.1']
    return fc.record({
      service: config(dialect, key).map((rest) => ({ ...key, ...rest })),
      destinations: destinations(dialect, key, family),
      localAddresses: dialect === 'mainline' ? fc.constant([]) : fc.subarray(locals),
    })
  })

export const heldTables = (dialect: FakeDialect): fc.Arbitrary<HeldService[]> =>
  fc.array(service(dialect), { maxLength: 5 })

/** What the kernel refuses is not there. */
export async function fill(ipvs: Ipvs, table: readonly HeldService[]): Promise<void> {
  await ipvs.batch((batch) => {
    for (const { service: held, destinations: inside, localAddresses } of table) {
      batch.services.add({ ...held, ...LISTED } as never)
      for (const address of localAddresses) {
        batch.localAddresses.add(held as never, { address, connections: 0, portConflicts: 0n })
      }
      for (const one of inside) batch.destinations.add(held as never, { ...one, ...LISTED } as never)
    }
  })
}
