// Whatever a kernel holds, no two samples can have the same labels, the text is one that Prometheus takes, and nothing is lost in
// sums.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { DestinationInfo, ServiceKey, SnapshotService } from '../../../lib'
import { type BackendLabel, collect, type DestinationLabel, type ServiceLabel } from '../../../lib/metrics'
import { BACKEND_LABELS, DESTINATION_LABELS, SERVICE_LABELS } from '../../../lib/metrics/labels'
import { parseExposition } from './exposition-parser'
import { destination, entry, extendedOf, service, sourceOf } from './sources'

/** Few, so that they meet: the same with another protocol, mapped and unmapped, in services and in destinations. */
const address = fc.constantFrom('10.0.0.1', '10.0.0.2', '2001:db8::1', '::ffff:10.0.0.1', '::1')
const port = fc.constantFrom(0, 53, 80, 65535)
const count = fc.bigInt(BigInt(0), (BigInt(1) << BigInt(64)) - BigInt(1))
const gauge = fc.nat(0xffffffff)

const key: fc.Arbitrary<ServiceKey> = fc.oneof(
  fc.record({
    protocol: fc.oneof(
      fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const),
      fc.constantFrom(0, 1, 50, 58, 65535),
    ),
    address,
    port,
  }),
  fc.record({
    fwmark: fc.constantFrom(1, 7, 0x10001000, 0xffffffff),
    family: fc.constantFrom('ipv4' as const, 'ipv6' as const),
  }),
)
const target: fc.Arbitrary<DestinationInfo> = fc
  .record({
    address,
    port,
    weight: gauge,
    activeConnections: gauge,
    inactiveConnections: gauge,
    inBytes: count,
  })
  .map(({ address: at, port: on, inBytes, ...more }) => {
    const one = destination(at, on, more)
    return { ...one, stats: { ...one.stats, inBytes } }
  })
/** A kernel lists nothing twice; a dump that was resumed can. */
const table: fc.Arbitrary<SnapshotService[]> = fc.array(
  fc
    .record({
      key,
      connections: count,
      targets: fc.array(target, { maxLength: 6 }),
      locals: fc.array(fc.record({ address, connections: gauge, portConflicts: count }), { maxLength: 3 }),
    })
    .map(({ key: of, connections, targets, locals }) => entry(service(of, { connections }), targets, locals)),
  { maxLength: 8 },
)
const subset = <T>(all: readonly T[]) => fc.option(fc.subarray([...all]), { nil: undefined })
const names = fc.func(fc.option(fc.string({ unit: 'binary', maxLength: 6 }), { nil: undefined }))

const sumOf = (text: string, family: string): bigint =>
  (parseExposition(text).get(family)?.samples ?? []).reduce(
    (sum, { value }) => sum + BigInt(value),
    BigInt(0),
  )
const total = (numbers: readonly (bigint | number)[]): bigint =>
  numbers.reduce<bigint>((sum, one) => sum + BigInt(one), BigInt(0))

it('no two samples with the same labels; sums are those of the table', async () => {
  const rows = fc.dictionary(fc.string({ minLength: 1, maxLength: 4 }), fc.tuple(count, count), {
    maxKeys: 4,
  })
  const labels = fc.record({
    services: subset<ServiceLabel>(SERVICE_LABELS),
    destinations: subset<DestinationLabel>(DESTINATION_LABELS),
    backends: subset<BackendLabel>(BACKEND_LABELS),
    extended: fc.option(fc.constant([]), { nil: undefined }),
  })
  await fc.assert(
    fc.asyncProperty(table, labels, names, rows, async (services, chosen, name, extended) => {
      const source = sourceOf({ services, extendedStats: async () => extendedOf([0, 3], extended) })
      // The parser throws for what comes twice.
      const text = await collect(source, {
        compat: 'node_exporter',
        labels: chosen,
        name: (one) => name(JSON.stringify(one)),
      })
      const targets = services.flatMap(({ destinations }) => destinations)
      expect(sumOf(text, 'ipvs_service_connections_total')).toBe(
        total(services.map((one) => one.service.stats.connections)),
      )
      expect(sumOf(text, 'ipvs_destination_incoming_bytes_total')).toBe(
        total(targets.map(({ stats }) => stats.inBytes)),
      )
      const weights = total(targets.map(({ weight }) => weight))
      expect(sumOf(text, 'ipvs_destination_weight')).toBe(weights)
      expect(sumOf(text, 'node_ipvs_backend_weight')).toBe(weights)
      expect(sumOf(text, 'node_ipvs_backend_connections_active')).toBe(
        total(targets.map(({ activeConnections }) => activeConnections)),
      )
    }),
    { numRuns: 300 },
  )
})

it('with all labels, what differs in the table differs in the samples', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(key, { selector: (one) => JSON.stringify(one), maxLength: 12 }),
      async (keys) => {
        const services = keys.map((one) => entry(service(one)))
        const text = await collect(sourceOf({ services }))
        expect(parseExposition(text).get('ipvs_service_connections_total')?.samples.length ?? 0).toBe(
          keys.length,
        )
      },
    ),
  )
})
