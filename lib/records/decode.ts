/** Reply records as the objects of the public API. */

import type { AddressFamily } from '../address'
import { AF_INET6, formatAddress, formatIpv4Mask } from '../address'
import {
  CHECKSUM_NAMES,
  DAEMON_STATE_NAMES,
  FORWARDING_NAMES,
  familyName,
  PROTOCOL_NAMES,
  SERVICE_FLAGS,
  schedulerFlagNames,
  TUNNEL_TYPE_NAMES,
} from '../numbers'
import type {
  DaemonInfo,
  DaemonState,
  DestinationInfo,
  Info,
  LocalAddressInfo,
  Persistence,
  Protocol,
  ServiceInfo,
  Stats,
  Timeouts,
  Tunnel,
} from '../types'
import {
  Border,
  DaemonRecord,
  DestinationRecord,
  InfoRecord,
  LocalAddressRecord,
  ProbeRecord,
  replyPresence,
  ServiceRecord,
  Stats as StatsLayout,
  TimeoutsRecord,
} from './layout.gen'
import type { Reply } from './reply'

const LITTLE = true
/** Up to the NUL. Interface names may be UTF-8, all others are ASCII. */
function readName(bytes: Uint8Array, at: number): string {
  let text = ''
  for (let i = at; i < at + Border.nameSize; i++) {
    const byte = bytes[i] as number
    if (byte === 0) break
    if (byte > 127) {
      const end = bytes.indexOf(0, at)
      return Buffer.from(bytes.subarray(at, end)).toString('utf8')
    }
    text += String.fromCharCode(byte)
  }
  return text
}

function readStats(reply: Reply, at: number, presence: number): Stats {
  const { words } = reply
  const word = at / 8
  const counter = (offset: number) => words[word + offset / 8] as bigint
  const rates =
    (presence & replyPresence.rates) === 0
      ? undefined
      : {
          connections: counter(StatsLayout.connectionsPerSecond),
          inPackets: counter(StatsLayout.inPacketsPerSecond),
          outPackets: counter(StatsLayout.outPacketsPerSecond),
          inBytes: counter(StatsLayout.inBytesPerSecond),
          outBytes: counter(StatsLayout.outBytesPerSecond),
        }
  return {
    connections: counter(StatsLayout.connections),
    inPackets: counter(StatsLayout.inPackets),
    outPackets: counter(StatsLayout.outPackets),
    inBytes: counter(StatsLayout.inBytes),
    outBytes: counter(StatsLayout.outBytes),
    rates,
  }
}

function readPersistence(reply: Reply, at: number, flags: number, presence: number): Persistence | undefined {
  if ((flags & SERVICE_FLAGS.persistent) === 0) return undefined
  const { view, bytes } = reply
  const timeout = view.getUint32(at + ServiceRecord.persistenceTimeout, LITTLE)
  const mask = view.getUint32(at + ServiceRecord.netmask, LITTLE)
  const netmask = view.getUint16(at + ServiceRecord.family, LITTLE) === AF_INET6 ? mask : formatIpv4Mask(mask)
  if ((presence & replyPresence.persistenceEngine) === 0) return { timeout, netmask }
  return { timeout, netmask, engine: readName(bytes, at + ServiceRecord.persistenceEngine) }
}

/** A protocol without a name stays a number (netlink lets any in, ip_vs_ctl.c:ip_vs_genl_parse_service). */
export function decodeService(reply: Reply, index: number): ServiceInfo {
  const at = reply.services.start + index * ServiceRecord.size
  const { view, bytes } = reply
  const presence = view.getUint32(at + ServiceRecord.presence, LITTLE)
  const family = view.getUint16(at + ServiceRecord.family, LITTLE)
  const flags = view.getUint32(at + ServiceRecord.flags, LITTLE)
  const established = view.getUint32(at + ServiceRecord.establishedTimeout, LITTLE)
  const state = {
    family: familyName(family),
    scheduler: readName(bytes, at + ServiceRecord.scheduler),
    schedulerFlags: schedulerFlagNames(flags),
    persistence: readPersistence(reply, at, flags, presence),
    onePacket: (flags & SERVICE_FLAGS.onePacket) !== 0,
    synproxy: (flags & SERVICE_FLAGS.synproxy) !== 0,
    // 0 where the protocol has none (ip_vs_ctl.c:ip_vs_genl_parse_service of v3).
    establishedTimeout:
      (presence & replyPresence.establishedTimeout) !== 0 && established !== 0 ? established : undefined,
    flags,
    stats: readStats(reply, at + ServiceRecord.stats, presence),
  }
  if ((presence & replyPresence.fwmark) !== 0) {
    return { fwmark: view.getUint32(at + ServiceRecord.fwmark, LITTLE), ...state }
  }
  const protocol = view.getUint16(at + ServiceRecord.protocol, LITTLE)
  return {
    protocol: PROTOCOL_NAMES[protocol] ?? (protocol as unknown as Protocol),
    address: formatAddress(bytes, at + ServiceRecord.address, family),
    port: view.getUint16(at + ServiceRecord.port, LITTLE),
    ...state,
  }
}

function readTunnel(view: DataView, at: number, presence: number): Tunnel | undefined {
  if ((presence & replyPresence.tunnelType) === 0) return undefined
  const type = view.getUint16(at + DestinationRecord.tunnelType, LITTLE)
  const flags = view.getUint16(at + DestinationRecord.tunnelFlags, LITTLE)
  const checksum = CHECKSUM_NAMES[flags] ?? (flags as unknown as 'none')
  const name = TUNNEL_TYPE_NAMES[type] ?? (type as unknown as Tunnel['type'])
  if (name !== 'gue') return { type: name, checksum }
  return { type: name, port: view.getUint16(at + DestinationRecord.tunnelPort, LITTLE), checksum }
}

export function decodeDestination(reply: Reply, index: number): DestinationInfo {
  const at = reply.destinations.start + index * DestinationRecord.size
  const { view, bytes } = reply
  const presence = view.getUint32(at + DestinationRecord.presence, LITTLE)
  const family = view.getUint16(at + DestinationRecord.family, LITTLE)
  const method = view.getUint32(at + DestinationRecord.forwarding, LITTLE)
  const forwarding = FORWARDING_NAMES[method] ?? method
  return {
    address: formatAddress(bytes, at + DestinationRecord.address, family),
    port: view.getUint16(at + DestinationRecord.port, LITTLE),
    family: familyName(family),
    forwarding,
    weight: view.getInt32(at + DestinationRecord.weight, LITTLE),
    upperThreshold: view.getUint32(at + DestinationRecord.upperThreshold, LITTLE),
    lowerThreshold: view.getUint32(at + DestinationRecord.lowerThreshold, LITTLE),
    tunnel: forwarding === 'tunnel' ? readTunnel(view, at, presence) : undefined,
    activeConnections: view.getUint32(at + DestinationRecord.activeConnections, LITTLE),
    inactiveConnections: view.getUint32(at + DestinationRecord.inactiveConnections, LITTLE),
    persistentConnections: view.getUint32(at + DestinationRecord.persistentConnections, LITTLE),
    stats: readStats(reply, at + DestinationRecord.stats, presence),
  }
}

export function decodeLocalAddress(reply: Reply, index: number): LocalAddressInfo {
  const at = reply.localAddresses.start + index * LocalAddressRecord.size
  const family = reply.view.getUint16(at + LocalAddressRecord.family, LITTLE) as AddressFamily
  return {
    address: formatAddress(reply.bytes, at + LocalAddressRecord.address, family),
    portConflicts: reply.words[(at + LocalAddressRecord.portConflicts) / 8] as bigint,
    connections: reply.view.getUint32(at + LocalAddressRecord.connections, LITTLE),
  }
}

export function decodeDaemon(reply: Reply, index: number): DaemonInfo {
  const at = reply.daemons.start + index * DaemonRecord.size
  const { view, bytes } = reply
  const presence = view.getUint32(at + DaemonRecord.presence, LITTLE)
  const optional = (bit: number, offset: number) =>
    (presence & bit) === 0 ? undefined : view.getUint16(at + offset, LITTLE)
  const state = view.getUint32(at + DaemonRecord.state, LITTLE)
  const group = view.getUint16(at + DaemonRecord.multicastFamily, LITTLE)
  return {
    state: DAEMON_STATE_NAMES[state] ?? (state as unknown as DaemonState),
    interface: readName(bytes, at + DaemonRecord.interfaceName),
    syncId: view.getUint32(at + DaemonRecord.syncId, LITTLE),
    syncMaxLength: optional(replyPresence.syncMaxLength, DaemonRecord.syncMaxLength),
    multicastGroup:
      (presence & replyPresence.multicastGroup) === 0
        ? undefined
        : formatAddress(bytes, at + DaemonRecord.multicastGroup, group),
    multicastPort: optional(replyPresence.multicastPort, DaemonRecord.multicastPort),
    multicastTtl: optional(replyPresence.multicastTtl, DaemonRecord.multicastTtl),
  }
}

export function decodeTimeouts(reply: Reply, index: number): Timeouts {
  const at = reply.timeouts.start + index * TimeoutsRecord.size
  return {
    tcp: reply.view.getUint32(at + TimeoutsRecord.tcp, LITTLE),
    tcpFin: reply.view.getUint32(at + TimeoutsRecord.tcpFin, LITTLE),
    udp: reply.view.getUint32(at + TimeoutsRecord.udp, LITTLE),
  }
}

export function decodeInfo(reply: Reply, index: number): Info {
  const at = reply.infos.start + index * InfoRecord.size
  const presence = reply.view.getUint32(at + InfoRecord.presence, LITTLE)
  // NVERSION() of ip_vs.h
  const version = reply.view.getUint32(at + InfoRecord.version, LITTLE)
  return {
    version: `${(version >>> 16) & 255}.${(version >>> 8) & 255}.${version & 255}`,
    connectionTableSize: reply.view.getUint32(at + InfoRecord.connectionTableSize, LITTLE),
    serviceCount:
      (presence & replyPresence.serviceCount) === 0
        ? undefined
        : reply.view.getUint32(at + InfoRecord.serviceCount, LITTLE),
  }
}

/** What the probe of a connection saw; errors are positive errno. */
export interface Probe {
  readonly commands: bigint
  readonly familyId: number
  readonly netlinkError: number
  /** `Syscall` of layout.gen in which netlink failed. */
  readonly netlinkSyscall: number
  readonly sockoptVersionError: number
  readonly sockoptLocalAddressError: number
}

export function decodeProbe(reply: Reply, index: number): Probe {
  const at = reply.probes.start + index * ProbeRecord.size
  return {
    commands: reply.words[(at + ProbeRecord.commands) / 8] as bigint,
    familyId: reply.view.getUint32(at + ProbeRecord.familyId, LITTLE),
    netlinkError: reply.view.getInt32(at + ProbeRecord.netlinkError, LITTLE),
    netlinkSyscall: reply.view.getUint32(at + ProbeRecord.netlinkSyscall, LITTLE),
    sockoptVersionError: reply.view.getInt32(at + ProbeRecord.sockoptVersionError, LITTLE),
    sockoptLocalAddressError: reply.view.getInt32(at + ProbeRecord.sockoptLocalAddressError, LITTLE),
  }
}
