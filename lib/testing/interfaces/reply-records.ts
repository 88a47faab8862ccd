/** The objects of the table as the records that the engine would make of the kernel's answers. */

import { Transport } from '../../border/layout.gen'
import type {
  CounterFields,
  DaemonFields,
  DestinationFields,
  LocalAddressFields,
  ServiceFields,
  StatsFields,
} from '../../border/reply-fields'
import type { Counters } from '../objects/counters'
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
  readonly operation: number
}

const U32 = BigInt(0xffffffff)
const U64 = (BigInt(1) << BigInt(64)) - BigInt(1)

/** Counters wrap at 2^64; those of mainline over sockopt have 32 bits, but for the bytes. */
function countersOf(counters: Counters, wide: boolean): CounterFields {
  const mask = wide ? U64 : U32
  return {
    connections: counters.connections & mask,
    inPackets: counters.inPackets & mask,
    outPackets: counters.outPackets & mask,
    inBytes: counters.inBytes & U64,
    outBytes: counters.outBytes & U64,
  }
}

/** 2.6.32 has no estimators (abi.md §2.7). Mainline sends 64 bits over netlink (IPVS_SVC_ATTR_STATS64). */
function statsOf(
  { facts, transport }: RecordContext,
  { stats, estimator }: { readonly stats: Counters; readonly estimator: Estimator },
): StatsFields {
  const wide = facts.fullnat || transport === Transport.netlink
  return { ...countersOf(stats, wide), wide, rates: facts.fullnat ? undefined : ratesOf(estimator) }
}

/** ip_vs_ctl.c:ip_vs_genl_fill_service, ip_vs_copy_service */
export function serviceRecord(context: RecordContext, service: ServiceObject): ServiceFields {
  const { facts, transport, operation } = context
  const netlink = transport === Transport.netlink
  const marked = service.fwmark !== 0
  return {
    operation,
    family: service.family,
    fwmark: marked ? service.fwmark : undefined,
    // Netlink leaves protocol, address and port of a marked service out.
    protocol: marked && netlink ? 0 : service.protocol,
    address: service.address,
    port: service.port,
    scheduler: service.scheduler,
    flags: service.flags,
    persistenceTimeout: service.persistenceTimeout,
    netmask: service.netmask,
    establishedTimeout: netlink && facts.perCpu ? service.establishedTimeout : undefined,
    engine: netlink && !facts.fullnat ? service.engine || undefined : undefined,
    destinationCount: netlink ? undefined : service.destinations.size,
    // On fullnat-v3 that of the CPU which answers, here the first (abi.md §1.7-f).
    localAddressCount: netlink || !facts.fullnat ? undefined : (service.localAddresses[0]?.list.length ?? 0),
    stats: statsOf(context, service),
  }
}

export function destinationRecord(
  context: RecordContext,
  destination: DestinationObject,
  parent: number,
): DestinationFields {
  const { facts, transport, operation } = context
  const modern = transport === Transport.netlink && !facts.fullnat
  return {
    operation,
    parent,
    address: destination.address,
    port: destination.port,
    forwarding: destination.forwarding,
    weight: destination.weight,
    upperThreshold: destination.upperThreshold,
    lowerThreshold: destination.lowerThreshold,
    tunnel: modern ? destination.tunnel : undefined,
    named: modern,
    // Sums over the CPUs.
    activeConnections: sumCells(destination, 'active'),
    inactiveConnections: sumCells(destination, 'inactive'),
    persistentConnections: sumCells(destination, 'persistent'),
    stats: statsOf(context, destination),
  }
}

export function localAddressRecord(
  { operation }: RecordContext,
  { address, portConflicts, connections }: LocalAddressObject,
  parent: number,
): LocalAddressFields {
  return { operation, parent, address, portConflicts, connections }
}

export function localAddressRecords(
  context: RecordContext,
  service: ServiceObject,
  parent: number,
): LocalAddressFields[] {
  return localAddressesOf(service).map((local) => localAddressRecord(context, local, parent))
}

/** Only mainline over netlink tells more than state, interface and id. */
export function daemonRecord(
  { facts, transport, operation }: RecordContext,
  daemon: DaemonObject,
): DaemonFields {
  const { state, interface: name, syncId } = daemon
  if (facts.fullnat || transport !== Transport.netlink) {
    const nothing = {
      syncMaxLength: undefined,
      multicastGroup: undefined,
      multicastPort: undefined,
      multicastTtl: undefined,
    }
    return { operation, state, interface: name, syncId, ...nothing }
  }
  const { syncMaxLength, multicastGroup, multicastPort, multicastTtl } = daemon
  return {
    operation,
    state,
    interface: name,
    syncId,
    syncMaxLength,
    multicastGroup,
    multicastPort,
    multicastTtl,
  }
}
