// Whatever a kernel holds and a machine shows, the doctor answers, in one order, and whoever lists first changes nothing.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { DestinationInfo, MachineInfo, ServiceKey, SnapshotService, SysctlInfo } from '../../../lib'
import { Ipvs } from '../../../lib'
import { type Diagnosis, diagnose, FINDING_CODES } from '../../../lib/diagnose'
import { SYSCTLS } from '../../../lib/kernel/sysctls'
import { FakeKernel } from '../../../lib/testing'
import { destination, entry, service } from '../metrics/sources'
import { pretending } from './directors'

/** Few, so that they meet. */
const address = fc.constantFrom('10.0.0.1', '10.0.0.2', '192.0.2.1', '2001:db8::1', 'fd00::2')
const port = fc.constantFrom(0, 22, 53, 80)
const key: fc.Arbitrary<ServiceKey> = fc.oneof(
  fc.record({ protocol: fc.constantFrom('tcp' as const, 'udp' as const, 50), address, port }),
  fc.record({ fwmark: fc.constantFrom(1, 7), family: fc.constantFrom('ipv4' as const, 'ipv6' as const) }),
)
const forwarding = fc.constantFrom(
  'masquerade',
  'local',
  'tunnel',
  'direct-route',
  'fullnat',
  'fullnat',
  'fullnat',
  6,
) as fc.Arbitrary<DestinationInfo['forwarding']>
const target: fc.Arbitrary<DestinationInfo> = fc
  .record({
    address: fc.constantFrom('10.0.0.2', '10.9.0.5', 'fd00::2'),
    port: fc.constantFrom(0, 80),
    weight: fc.nat(2),
    activeConnections: fc.constantFrom(0, 60000),
    forwarding,
  })
  .map(({ address: at, port: on, ...more }) => ({
    ...destination(at, on, more),
    ...more,
    family: at.includes(':') ? ('ipv6' as const) : ('ipv4' as const),
  }))
const locals = fc.uniqueArray(
  fc.record({ address, connections: fc.nat(9), portConflicts: fc.bigInt(BigInt(0), BigInt(9)) }),
  { maxLength: 3, selector: (one) => one.address },
)
const table: fc.Arbitrary<SnapshotService[]> = fc.uniqueArray(
  fc
    .record({
      key,
      targets: fc.uniqueArray(target, { maxLength: 4, selector: (one) => `${one.address} ${one.port}` }),
      locals,
    })
    .map(({ key: of, targets, locals: own }) => entry(service(of), targets, own)),
  {
    maxLength: 6,
    selector: ({ service: { protocol, address: at, port: on, fwmark, family } }) =>
      JSON.stringify([protocol, at, on, fwmark, fwmark && family]),
  },
)
const socket = fc.oneof(
  fc.record({
    state: fc.constant('listen' as const),
    local: fc.record({ address, port }),
    remote: fc.constant(undefined),
  }),
  fc.record({
    state: fc.constant('established' as const),
    local: fc.record({ address, port }),
    remote: fc.record({ address, port }),
  }),
)
const option = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined })
const machine: fc.Arbitrary<MachineInfo> = fc.record({
  addresses: option(
    fc.array(
      fc.record({ address, prefix: fc.nat(32), interface: option(fc.constantFrom('eth0', 'veth0')) }),
      { maxLength: 4 },
    ),
  ),
  localNetworks: option(fc.subarray(['192.0.2.0/24', '0.0.0.0/0'])),
  interfaces: option(
    fc.array(
      fc.record({
        name: fc.constantFrom('lo', 'eth0', 'veth0'),
        reversePathFilter: option(fc.nat(2)),
        ipv6Checksums: option(fc.boolean()),
      }),
      { maxLength: 3 },
    ),
  ),
  forwarding: option(fc.record({ ipv4: fc.boolean(), ipv6: option(fc.boolean()) })),
  sockets: option(fc.array(socket, { maxLength: 4 })),
  cpus: option(fc.record({ online: fc.integer({ min: 1, max: 4 }), reserved: fc.nat(5) })),
  unread: fc.constant([]),
})
/** A kernel holds what other tools wrote, too. */
const values = fc.dictionary(fc.constantFrom(...Object.keys(SYSCTLS)), fc.integer({ min: -1, max: 5 }))

const named = ({ findings }: Diagnosis) =>
  findings.map(({ code, subject, severity }) => ({ code, subject, severity }))

it('answers in one order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('mainline' as const, 'fullnat-v2' as const, 'fullnat-v3' as const),
      table,
      machine,
      values,
      async (dialect, services, seen, sysctls) => {
        const ipvs = await Ipvs.open({ transport: new FakeKernel({ dialect }).transport() })
        const ask = (listed: readonly SnapshotService[]) =>
          diagnose(
            pretending(ipvs, {
              snapshot: async () => ({ services: listed, consistent: undefined }),
              machine: async () => seen,
              sysctl: {
                list: async () =>
                  (await ipvs.sysctl.list()).map(
                    (one): SysctlInfo => ({ ...one, value: sysctls[one.name] ?? one.value }),
                  ),
              },
            }),
            { interval: 0 },
          )
        const diagnosis = await ask(services)
        expect(JSON.parse(JSON.stringify(diagnosis))).toEqual(diagnosis)
        const ranks = diagnosis.findings.map(({ code }) => FINDING_CODES.indexOf(code))
        expect(ranks).toEqual([...ranks].sort((one, other) => one - other))
        const ids = named(diagnosis).map((one) => JSON.stringify(one))
        expect(new Set(ids).size).toBe(ids.length)
        expect(named(await ask([...services].reverse()))).toEqual(named(diagnosis))
      },
    ),
    { numRuns: 400 },
  )
})

it('sockets come out of the text of the kernel as they went in', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(socket, { maxLength: 6 }), async (sockets) => {
      const ipvs = await Ipvs.open({ transport: new FakeKernel({ machine: { sockets } }).transport() })
      const isIpv6 = ({ local }: (typeof sockets)[number]) => local.address.includes(':')
      // An established connection is of one family.
      const both = sockets.filter(
        ({ local, remote }) => !remote || remote.address.includes(':') === local.address.includes(':'),
      )
      fc.pre(both.length === sockets.length)
      const found = (await ipvs.machine()).sockets
      expect(found).toEqual([...sockets.filter((one) => !isIpv6(one)), ...sockets.filter(isIpv6)])
    }),
  )
})
