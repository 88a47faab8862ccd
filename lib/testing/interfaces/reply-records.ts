/** The objects of the table as the records that the engine would make of the kernel's answers. */

import { presence, Transport } from '../../border/layout.gen'
import type { WithPresence } from '../../border/pack-reply'
import type {
  DaemonRecord,
  DestinationConfigRecord,
  DestinationRecord,
  LocalAddressRecord,
  ServiceConfigRecord,
  ServiceRecord,
  StatsRecord,
} from '../../model/records.gen'
import { DESTINATION_FIELDS, SERVICE_FIELDS } from '../../model/records.gen'
import type { Counters } from '../objects/counters'
import { newCounters } from '../objects/counters'
import type { Estimator } from '../objects/estimator'
import { ratesOf } from '../objects/estimator'
import type { DialectFacts } from '../objects/kernel-numbers'
import type {
  DaemonObject,
  DestinationObject,
  LocalAddressObject,
  ServiceObject,
} from '../objects/table-objects'
import { localAddressesOf, sumCells } from '../objects/table-objects'

export interface RecordContext {
  readonly facts: DialectFacts
  /** `Transport` of layout.gen. */
  readonly transport: number
  /** Index of the request. */
  readonly requestIndex: number
}

const U32 = BigInt(0xffffffff)
const U64 = (BigInt(1) << BigInt(64)) - BigInt(1)

/**
 * Counters wrap at 2^64; those of mainline over sockopt have 32 bits, but for the bytes. 2.6.32 has no estimators (abi.md
 * §2.7). Mainline sends 64 bits over netlink (IPVS_SVC_ATTR_STATS64).
 */
function statsOf(
  { facts, transport }: RecordContext,
  { stats, estimator }: { readonly stats: Counters; readonly estimator: Estimator },
): { readonly stats: StatsRecord; readonly present: number } {
  const wide = facts.fullnat || transport === Transport.netlink
  const mask = wide ? U64 : U32
  const rates = facts.fullnat ? newCounters() : ratesOf(estimator)
  return {
    present: presence.stats | (wide ? presence.stats64 : 0) | (facts.fullnat ? 0 : presence.rates),
    stats: {
      connections: stats.connections & mask,
      inPackets: stats.inPackets & mask,
      outPackets: stats.outPackets & mask,
      inBytes: stats.inBytes & U64,
      outBytes: stats.outBytes & U64,
      connectionsPerSecond: rates.connections,
      inPacketsPerSecond: rates.inPackets,
      outPacketsPerSecond: rates.outPackets,
      inBytesPerSecond: rates.inBytes,
      outBytesPerSecond: rates.outBytes,
    },
  }
}

function pick<T>(from: T, names: readonly (keyof T)[]): T {
  const picked: Partial<T> = {}
  for (const name of names) picked[name] = from[name]
  return picked as T
}

/** ip_vs_ctl.c:ip_vs_genl_fill_service, ip_vs_copy_service */
export function serviceRecord(context: RecordContext, service: ServiceObject): WithPresence<ServiceRecord> {
  const { facts, transport, requestIndex } = context
  const netlink = transport === Transport.netlink
  const marked = service.fwmark !== 0
  return {
    ...statsOf(context, service),
    requestIndex,
    key: {
      address: service.address,
      // Netlink leaves protocol, address and port of a marked service out.
      protocol: marked && netlink ? 0 : service.protocol,
      port: service.port,
      fwmark: marked ? service.fwmark : undefined,
    },
    config: {
      ...pick<ServiceConfigRecord>(service, SERVICE_FIELDS),
      establishedTimeout: netlink && facts.perCpu ? service.establishedTimeout : undefined,
      engine: netlink && !facts.fullnat ? service.engine || undefined : undefined,
    },
    destinationCount: netlink ? undefined : service.destinations.size,
    // On fullnat-v3 that of the CPU which answers, here the first (abi.md §1.7-f).
    localAddressCount: netlink || !facts.fullnat ? undefined : (service.localAddresses[0]?.list.length ?? 0),
  }
}

export function destinationRecord(
  context: RecordContext,
  destination: DestinationObject,
  parent: number,
): WithPresence<DestinationRecord> {
  const { facts, transport, requestIndex } = context
  const modern = transport === Transport.netlink && !facts.fullnat
  const { stats, present } = statsOf(context, destination)
  return {
    stats,
    present: present | (modern ? presence.targetFamily : 0),
    requestIndex,
    parent,
    key: { address: destination.address, port: destination.port },
    config: {
      ...pick<DestinationConfigRecord>(destination, DESTINATION_FIELDS),
      tunnel: modern ? destination.tunnel : undefined,
    },
    // Sums over the CPUs.
    activeConnections: sumCells(destination, 'active'),
    inactiveConnections: sumCells(destination, 'inactive'),
    persistentConnections: sumCells(destination, 'persistent'),
  }
}

export function localAddressRecord(
  { requestIndex }: RecordContext,
  { address, portConflicts, connections }: LocalAddressObject,
  parent: number,
): LocalAddressRecord {
  return { requestIndex, parent, key: { address, port: 0 }, portConflicts, connections }
}

export function localAddressRecords(
  context: RecordContext,
  service: ServiceObject,
  parent: number,
): LocalAddressRecord[] {
  return localAddressesOf(service).map((local) => localAddressRecord(context, local, parent))
}

/** Only mainline over netlink tells more than state, interface and id. */
export function daemonRecord(
  { facts, transport, requestIndex }: RecordContext,
  daemon: DaemonObject,
): DaemonRecord {
  if (!facts.fullnat && transport === Transport.netlink) return { requestIndex, config: daemon }
  const { state, interface: name, syncId } = daemon
  const untold = {
    syncMaxLength: undefined,
    multicastGroup: undefined,
    multicastPort: undefined,
    multicastTtl: undefined,
  }
  return { requestIndex, config: { state, interface: name, syncId, ...untold } }
}
