// What is printed as ipvsadm prints it, is read again.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DestinationInfo, ServiceInfo, SnapshotService, Stats } from '../../../lib'
import { type DesiredState, parseListing, type RulesDialect } from '../../../lib/formats'
import { formatListing } from '../../../lib/formats/ipvsadm/listing/format-listing'
import type { ServiceColumns } from '../../../lib/formats/ipvsadm/listing/service-rows'
import { states } from './arbitraries'
import { DIALECTS } from './support'

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const u32 = fc.nat(0xffffffff)
const counters = fc.record({ connections: u64, inPackets: u64, outPackets: u64, inBytes: u64, outBytes: u64 })
const stats: fc.Arbitrary<Stats> = fc.record({ counters, rates: counters }).map((one) => ({
  ...one.counters,
  rates: one.rates,
}))
const numbers = fc.record({ stats, active: u32, inactive: u32, persistent: u32, upper: u32, lower: u32 })

type Numbers = typeof numbers extends fc.Arbitrary<infer T> ? T : never

/** A table that holds the state, with numbers of its own. */
function tableOf(state: DesiredState, pick: (i: number) => Numbers) {
  let next = 0
  return (state.services ?? []).map((one): SnapshotService => {
    const family = one.fwmark === undefined ? (one.address.includes(':') ? 'ipv6' : 'ipv4') : one.family
    const { name, destinations = [], localAddresses, ...key } = one
    const service = {
      ...{ schedulerFlags: [], onePacket: false, synproxy: false, flags: 0 },
      ...key,
      ...{ family, persistence: one.persistence ?? undefined, stats: pick(next++).stats },
    } as unknown as ServiceInfo
    return {
      service,
      localAddresses: [],
      destinations: destinations.map((real) => {
        const { stats, active, inactive, persistent, upper, lower } = pick(next++)
        return {
          ...{ family: real.address.includes(':') ? 'ipv6' : 'ipv4', weight: 1, ...real },
          ...{ stats, upperThreshold: upper, lowerThreshold: lower, tunnel: real.tunnel ?? undefined },
          ...{ activeConnections: active, inactiveConnections: inactive, persistentConnections: persistent },
        } as DestinationInfo
      }),
    }
  })
}

const exact = (value: Record<string, bigint>) =>
  Object.fromEntries(
    ['connections', 'inPackets', 'outPackets', 'inBytes', 'outBytes'].map((name) => [
      name,
      { value: value[name], approximate: false },
    ]),
  )

/** What the columns show of a destination. */
function shownOf(one: DestinationInfo, columns: ServiceColumns) {
  const { address, port, forwarding, weight } = one
  const key = { address, port }
  const connections = {
    activeConnections: one.activeConnections,
    inactiveConnections: one.inactiveConnections,
  }
  switch (columns) {
    case 'stats':
      return { ...key, stats: exact(one.stats as never) }
    case 'rate':
      return { ...key, rates: exact(one.stats.rates as never) }
    case 'thresholds': {
      const { upperThreshold, lowerThreshold } = one
      return { ...key, upperThreshold, lowerThreshold, ...connections }
    }
    case 'persistent':
      return { ...key, weight, persistentConnections: one.persistentConnections, ...connections }
    default:
      return { ...key, forwarding, weight, ...connections }
  }
}

const COLUMNS: readonly ServiceColumns[] = ['usual', 'stats', 'rate', 'thresholds', 'persistent', 'tunnels']
const READ: readonly RulesDialect[] = DIALECTS

describe.each(READ)('%s', (dialect) => {
  it.each(COLUMNS)('parseListing(formatListing(table)) is the table: %s', (columns) => {
    fc.assert(
      fc.property(states(dialect), fc.array(numbers, { minLength: 1, maxLength: 20 }), (state, list) => {
        const table = tableOf(state, (i) => list[i % list.length])
        const info = { version: '1.2.1', connectionTableSize: 4096 }
        const text = formatListing(table, { dialect, columns, exact: true, sorted: false, info })
        const { services, errors, warnings } = parseListing(text, { dialect })
        expect([errors, warnings]).toEqual([[], []])
        const counted = columns === 'stats' || columns === 'rate'
        const wanted = table.map(({ service, destinations }) => ({
          ...(counted
            ? {}
            : {
                scheduler: service.scheduler,
                ...(service.persistence ? { persistence: service.persistence } : {}),
                onePacket: service.onePacket,
                synproxy: service.synproxy,
              }),
          destinations: destinations.map((one) => shownOf(one, columns)),
        }))
        expect(services).toMatchObject(wanted)
        expect(services?.length).toBe(table.length)
        for (const line of text.split('\n')) expect(line).toMatch(/^[ -~]*$/)
      }),
    )
  })
})
