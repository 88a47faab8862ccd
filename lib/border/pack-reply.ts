/** Reply records written: the half of reply.ts and decode.ts that a kernel of our own needs (native/ipvs/reply.h). */

import type { PackedAddress } from '../model/address'
import {
  Border,
  DaemonRecord,
  DestinationRecord,
  InfoRecord,
  LAYOUT_HASH,
  LocalAddressRecord,
  Outcome,
  ProbeRecord,
  ReplyHeader,
  replyPresence,
  ServiceRecord,
  Stats as StatsLayout,
  TimeoutsRecord,
} from './layout.gen'
import type { OutcomeRecord } from './reply'
import type {
  DaemonFields,
  DestinationFields,
  InfoFields,
  LocalAddressFields,
  ProbeFields,
  ReplySections,
  ServiceFields,
  StatsFields,
  TimeoutsFields,
} from './reply-fields'

const LITTLE = true
const PRESENT: { readonly [field: string]: number } = replyPresence

/** Writes fields at offsets within one record. */
class Cursor {
  constructor(
    private readonly view: DataView,
    private readonly bytes: Uint8Array,
    readonly at: number,
  ) {}

  u16(field: number, value: number): void {
    this.view.setUint16(this.at + field, value, LITTLE)
  }

  u32(field: number, value: number): void {
    this.view.setUint32(this.at + field, value, LITTLE)
  }

  i32(field: number, value: number): void {
    this.view.setInt32(this.at + field, value, LITTLE)
  }

  u64(field: number, value: bigint): void {
    this.view.setBigUint64(this.at + field, value, LITTLE)
  }

  address(field: number, address: PackedAddress): void {
    this.view.setUint32(this.at + field, address.a)
    this.view.setUint32(this.at + field + 4, address.b)
    this.view.setUint32(this.at + field + 8, address.c)
    this.view.setUint32(this.at + field + 12, address.d)
  }

  name(field: number, text: string): void {
    this.bytes.set(Buffer.from(text).subarray(0, Border.nameSize - 1), this.at + field)
  }

  stats(start: number, { rates, wide, ...counters }: StatsFields): number {
    this.u64(start + StatsLayout.connections, counters.connections)
    this.u64(start + StatsLayout.inPackets, counters.inPackets)
    this.u64(start + StatsLayout.outPackets, counters.outPackets)
    this.u64(start + StatsLayout.inBytes, counters.inBytes)
    this.u64(start + StatsLayout.outBytes, counters.outBytes)
    const presence = replyPresence.stats | (wide ? replyPresence.stats64 : 0)
    if (!rates) return presence
    this.u64(start + StatsLayout.connectionsPerSecond, rates.connections)
    this.u64(start + StatsLayout.inPacketsPerSecond, rates.inPackets)
    this.u64(start + StatsLayout.outPacketsPerSecond, rates.outPackets)
    this.u64(start + StatsLayout.inBytesPerSecond, rates.inBytes)
    this.u64(start + StatsLayout.outBytesPerSecond, rates.outBytes)
    return presence | replyPresence.rates
  }
}

/** The presence bits of the named fields that are there. */
function presenceOf(fields: { readonly [name: string]: unknown }): number {
  let presence = 0
  for (const name of Object.keys(fields)) {
    if (fields[name] !== undefined) presence |= PRESENT[name] as number
  }
  return presence
}

function putService(to: Cursor, from: ServiceFields): void {
  const { fwmark, establishedTimeout, engine, destinationCount, localAddressCount } = from
  to.u32(ServiceRecord.operation, from.operation)
  to.u32(
    ServiceRecord.presence,
    to.stats(ServiceRecord.stats, from.stats) |
      presenceOf({
        fwmark,
        establishedTimeout,
        persistenceEngine: engine,
        destinationCount,
        localAddressCount,
      }),
  )
  if (from.address) to.address(ServiceRecord.address, from.address)
  to.u16(ServiceRecord.family, from.family)
  to.u16(ServiceRecord.protocol, from.protocol)
  to.u16(ServiceRecord.port, from.port)
  to.u32(ServiceRecord.fwmark, fwmark ?? 0)
  to.u32(ServiceRecord.flags, from.flags)
  to.u32(ServiceRecord.persistenceTimeout, from.persistenceTimeout)
  to.u32(ServiceRecord.netmask, from.netmask)
  to.u32(ServiceRecord.establishedTimeout, establishedTimeout ?? 0)
  to.u32(ServiceRecord.destinationCount, destinationCount ?? 0)
  to.u32(ServiceRecord.localAddressCount, localAddressCount ?? 0)
  to.name(ServiceRecord.scheduler, from.scheduler)
  to.name(ServiceRecord.persistenceEngine, engine ?? '')
}

function putDestination(to: Cursor, from: DestinationFields): void {
  const { tunnel } = from
  const optional = {
    targetFamily: from.named || undefined,
    tunnelType: tunnel,
    tunnelPort: tunnel,
    tunnelFlags: tunnel,
  }
  to.u32(DestinationRecord.operation, from.operation)
  to.u32(DestinationRecord.presence, to.stats(DestinationRecord.stats, from.stats) | presenceOf(optional))
  to.u32(DestinationRecord.parent, from.parent)
  to.u32(DestinationRecord.forwarding, from.forwarding)
  to.address(DestinationRecord.address, from.address)
  to.u16(DestinationRecord.family, from.address.family)
  to.u16(DestinationRecord.port, from.port)
  to.u16(DestinationRecord.tunnelType, tunnel?.type ?? 0)
  to.u16(DestinationRecord.tunnelPort, tunnel?.port ?? 0)
  to.u16(DestinationRecord.tunnelFlags, tunnel?.flags ?? 0)
  to.i32(DestinationRecord.weight, from.weight)
  to.u32(DestinationRecord.upperThreshold, from.upperThreshold)
  to.u32(DestinationRecord.lowerThreshold, from.lowerThreshold)
  to.u32(DestinationRecord.activeConnections, from.activeConnections)
  to.u32(DestinationRecord.inactiveConnections, from.inactiveConnections)
  to.u32(DestinationRecord.persistentConnections, from.persistentConnections)
}

function putLocalAddress(to: Cursor, from: LocalAddressFields): void {
  to.u64(LocalAddressRecord.portConflicts, from.portConflicts)
  to.u32(LocalAddressRecord.operation, from.operation)
  to.u32(LocalAddressRecord.parent, from.parent)
  to.address(LocalAddressRecord.address, from.address)
  to.u32(LocalAddressRecord.connections, from.connections)
  to.u16(LocalAddressRecord.family, from.address.family)
}

function putDaemon(to: Cursor, from: DaemonFields): void {
  const { syncMaxLength, multicastGroup, multicastPort, multicastTtl } = from
  to.u32(DaemonRecord.operation, from.operation)
  to.u32(DaemonRecord.presence, presenceOf({ syncMaxLength, multicastGroup, multicastPort, multicastTtl }))
  to.u32(DaemonRecord.state, from.state)
  to.u32(DaemonRecord.syncId, from.syncId)
  to.name(DaemonRecord.interfaceName, from.interface)
  if (multicastGroup) to.address(DaemonRecord.multicastGroup, multicastGroup)
  to.u16(DaemonRecord.multicastFamily, multicastGroup?.family ?? 0)
  to.u16(DaemonRecord.multicastPort, multicastPort ?? 0)
  to.u16(DaemonRecord.multicastTtl, multicastTtl ?? 0)
  to.u16(DaemonRecord.syncMaxLength, syncMaxLength ?? 0)
}

function putOutcome(to: Cursor, from: OutcomeRecord): void {
  to.u32(Outcome.operation, from.operation)
  to.i32(Outcome.error, from.error)
  to.u16(Outcome.syscall, from.syscall)
  to.u16(Outcome.flags, from.flags)
}

function putTimeouts(to: Cursor, from: TimeoutsFields): void {
  to.u32(TimeoutsRecord.operation, from.operation)
  to.u32(TimeoutsRecord.tcp, from.tcp)
  to.u32(TimeoutsRecord.tcpFin, from.tcpFin)
  to.u32(TimeoutsRecord.udp, from.udp)
}

function putInfo(to: Cursor, from: InfoFields): void {
  to.u32(InfoRecord.operation, from.operation)
  to.u32(InfoRecord.presence, presenceOf({ serviceCount: from.serviceCount }))
  to.u32(InfoRecord.version, from.version)
  to.u32(InfoRecord.connectionTableSize, from.connectionTableSize)
  to.u32(InfoRecord.serviceCount, from.serviceCount ?? 0)
}

function putProbe(to: Cursor, from: ProbeFields): void {
  to.u64(ProbeRecord.commands, from.commands)
  to.u32(ProbeRecord.operation, from.operation)
  to.i32(ProbeRecord.netlinkError, from.netlinkError)
  to.u32(ProbeRecord.familyId, from.familyId)
  to.u32(ProbeRecord.familyVersion, from.familyVersion)
  to.u32(ProbeRecord.maxAttribute, from.maxAttribute)
  to.i32(ProbeRecord.sockoptVersionError, from.sockoptVersionError)
  to.i32(ProbeRecord.sockoptLocalAddressError, from.sockoptLocalAddressError)
  to.u32(ProbeRecord.netlinkSyscall, from.netlinkSyscall)
}

interface Kind<T> {
  readonly items: readonly T[]
  readonly size: number
  readonly field: number
  readonly put: (to: Cursor, from: T) => void
}

/** `more`: the job goes on, another reply follows. The reverse of `Reply` and the decoders. */
export function packReply(sections: ReplySections, more: boolean): ArrayBuffer {
  const kind = <T>(items: readonly T[], size: number, field: number, put: Kind<T>['put']) =>
    ({ items, size, field, put }) as Kind<unknown>
  // The order of native/ipvs/reply.h.
  const kinds = [
    kind(sections.outcomes, Outcome.size, ReplyHeader.outcomes, putOutcome),
    kind(sections.services, ServiceRecord.size, ReplyHeader.services, putService),
    kind(sections.destinations, DestinationRecord.size, ReplyHeader.destinations, putDestination),
    kind(sections.localAddresses, LocalAddressRecord.size, ReplyHeader.localAddresses, putLocalAddress),
    kind(sections.daemons, DaemonRecord.size, ReplyHeader.daemons, putDaemon),
    kind(sections.timeouts, TimeoutsRecord.size, ReplyHeader.timeouts, putTimeouts),
    kind(sections.infos, InfoRecord.size, ReplyHeader.infos, putInfo),
    kind(sections.probes, ProbeRecord.size, ReplyHeader.probes, putProbe),
  ]
  const total = kinds.reduce<number>((sum, { items, size }) => sum + items.length * size, ReplyHeader.size)
  const buffer = new ArrayBuffer(total)
  const view = new DataView(buffer)
  const bytes = new Uint8Array(buffer)
  view.setUint32(ReplyHeader.magic, Border.magic, LITTLE)
  view.setUint32(ReplyHeader.layoutHash, LAYOUT_HASH, LITTLE)
  view.setUint32(ReplyHeader.more, more ? 1 : 0, LITTLE)
  let at: number = ReplyHeader.size
  for (const { items, size, field, put } of kinds) {
    view.setUint32(field, items.length, LITTLE)
    for (const item of items) {
      put(new Cursor(view, bytes, at), item)
      at += size
    }
  }
  return buffer
}
