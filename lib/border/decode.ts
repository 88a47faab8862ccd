/** Reply records as the objects of the public API. */

import type { AddressFamily } from '../model/address'
import { AF_INET6, formatAddress, formatIpv4Mask } from '../model/address'
import {
  CHECKSUM_NAMES,
  DAEMON_STATE_NAMES,
  FORWARDING_NAMES,
  familyName,
  PROTOCOL_NAMES,
  SERVICE_FLAGS,
  schedulerFlagNames,
  TUNNEL_TYPE_NAMES,
} from '../model/numbers'
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
} from '../model/types'
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

const ZERO = BigInt(0)

const u32 = ({ numbers }: Reply, at: number): number => numbers[at >> 2] as number
const u16 = ({ halves }: Reply, at: number): number => halves[at >> 1] as number
/** Most counters of a table are 0, and each bigint that is made is an object. */
const u64 = ({ numbers, words }: Reply, at: number): bigint => {
  const word = at >> 2
  return numbers[word] === 0 && numbers[word + 1] === 0 ? ZERO : (words[word >> 1] as bigint)
}

/** The name that was read last, and its bytes as words: the schedulers of a table repeat themselves. */
const last = { words: [0, 0, 0, 0], text: '' }

/** Up to the NUL. Interface names may be UTF-8, all others are ASCII. */
function readName({ bytes, numbers }: Reply, at: number): string {
  const word = at >> 2
  if (last.words.every((known, i) => known === numbers[word + i])) return last.text
  const field = bytes.subarray(at, at + Border.nameSize)
  const end = field.indexOf(0)
  last.words = Array.from(numbers.subarray(word, word + Border.nameSize / 4))
  last.text = Buffer.from(end < 0 ? field : field.subarray(0, end)).toString('utf8')
  return last.text
}

function readStats(reply: Reply, at: number, presence: number): Stats {
  const counter = (offset: number) => u64(reply, at + offset)
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
  const timeout = u32(reply, at + ServiceRecord.persistenceTimeout)
  const mask = u32(reply, at + ServiceRecord.netmask)
  const netmask = u16(reply, at + ServiceRecord.family) === AF_INET6 ? mask : formatIpv4Mask(mask)
  if ((presence & replyPresence.persistenceEngine) === 0) return { timeout, netmask }
  return { timeout, netmask, engine: readName(reply, at + ServiceRecord.persistenceEngine) }
}

/** A protocol without a name stays a number (netlink lets any in, ip_vs_ctl.c:ip_vs_genl_parse_service). */
export function decodeService(reply: Reply, index: number): ServiceInfo {
  const at = reply.services.start + index * ServiceRecord.size
  const { bytes } = reply
  const presence = u32(reply, at + ServiceRecord.presence)
  const family = u16(reply, at + ServiceRecord.family)
  const flags = u32(reply, at + ServiceRecord.flags)
  const established = u32(reply, at + ServiceRecord.establishedTimeout)
  const state = {
    family: familyName(family),
    scheduler: readName(reply, at + ServiceRecord.scheduler),
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
    return { fwmark: u32(reply, at + ServiceRecord.fwmark), ...state }
  }
  const protocol = u16(reply, at + ServiceRecord.protocol)
  // Not spread: Node 20 takes a third of a microsecond for it.
  return {
    protocol: PROTOCOL_NAMES[protocol] ?? (protocol as unknown as Protocol),
    address: formatAddress(bytes, at + ServiceRecord.address, family),
    port: u16(reply, at + ServiceRecord.port),
    family: state.family,
    scheduler: state.scheduler,
    schedulerFlags: state.schedulerFlags,
    persistence: state.persistence,
    onePacket: state.onePacket,
    synproxy: state.synproxy,
    establishedTimeout: state.establishedTimeout,
    flags: state.flags,
    stats: state.stats,
  }
}

function readTunnel(reply: Reply, at: number, presence: number): Tunnel | undefined {
  if ((presence & replyPresence.tunnelType) === 0) return undefined
  const type = u16(reply, at + DestinationRecord.tunnelType)
  const flags = u16(reply, at + DestinationRecord.tunnelFlags)
  const checksum = CHECKSUM_NAMES[flags] ?? (flags as unknown as 'none')
  const name = TUNNEL_TYPE_NAMES[type] ?? (type as unknown as Tunnel['type'])
  if (name !== 'gue') return { type: name, checksum }
  return { type: name, port: u16(reply, at + DestinationRecord.tunnelPort), checksum }
}

export function decodeDestination(reply: Reply, index: number): DestinationInfo {
  const at = reply.destinations.start + index * DestinationRecord.size
  const { bytes } = reply
  const presence = u32(reply, at + DestinationRecord.presence)
  const family = u16(reply, at + DestinationRecord.family)
  const method = u32(reply, at + DestinationRecord.forwarding)
  const forwarding = FORWARDING_NAMES[method] ?? method
  return {
    address: formatAddress(bytes, at + DestinationRecord.address, family),
    port: u16(reply, at + DestinationRecord.port),
    family: familyName(family),
    forwarding,
    weight: u32(reply, at + DestinationRecord.weight) | 0,
    upperThreshold: u32(reply, at + DestinationRecord.upperThreshold),
    lowerThreshold: u32(reply, at + DestinationRecord.lowerThreshold),
    tunnel: forwarding === 'tunnel' ? readTunnel(reply, at, presence) : undefined,
    activeConnections: u32(reply, at + DestinationRecord.activeConnections),
    inactiveConnections: u32(reply, at + DestinationRecord.inactiveConnections),
    persistentConnections: u32(reply, at + DestinationRecord.persistentConnections),
    stats: readStats(reply, at + DestinationRecord.stats, presence),
  }
}

export function decodeLocalAddress(reply: Reply, index: number): LocalAddressInfo {
  const at = reply.localAddresses.start + index * LocalAddressRecord.size
  const family = u16(reply, at + LocalAddressRecord.family) as AddressFamily
  return {
    address: formatAddress(reply.bytes, at + LocalAddressRecord.address, family),
    portConflicts: u64(reply, at + LocalAddressRecord.portConflicts),
    connections: u32(reply, at + LocalAddressRecord.connections),
  }
}

export function decodeDaemon(reply: Reply, index: number): DaemonInfo {
  const at = reply.daemons.start + index * DaemonRecord.size
  const { bytes } = reply
  const presence = u32(reply, at + DaemonRecord.presence)
  const optional = (bit: number, offset: number) =>
    (presence & bit) === 0 ? undefined : u16(reply, at + offset)
  const state = u32(reply, at + DaemonRecord.state)
  const group = u16(reply, at + DaemonRecord.multicastFamily)
  return {
    state: DAEMON_STATE_NAMES[state] ?? (state as unknown as DaemonState),
    interface: readName(reply, at + DaemonRecord.interfaceName),
    syncId: u32(reply, at + DaemonRecord.syncId),
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
    tcp: u32(reply, at + TimeoutsRecord.tcp),
    tcpFin: u32(reply, at + TimeoutsRecord.tcpFin),
    udp: u32(reply, at + TimeoutsRecord.udp),
  }
}

export function decodeInfo(reply: Reply, index: number): Info {
  const at = reply.infos.start + index * InfoRecord.size
  const presence = u32(reply, at + InfoRecord.presence)
  // NVERSION() of ip_vs.h
  const version = u32(reply, at + InfoRecord.version)
  return {
    version: `${(version >>> 16) & 255}.${(version >>> 8) & 255}.${version & 255}`,
    connectionTableSize: u32(reply, at + InfoRecord.connectionTableSize),
    serviceCount:
      (presence & replyPresence.serviceCount) === 0 ? undefined : u32(reply, at + InfoRecord.serviceCount),
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
    familyId: u32(reply, at + ProbeRecord.familyId),
    netlinkError: u32(reply, at + ProbeRecord.netlinkError) | 0,
    netlinkSyscall: u32(reply, at + ProbeRecord.netlinkSyscall),
    sockoptVersionError: u32(reply, at + ProbeRecord.sockoptVersionError) | 0,
    sockoptLocalAddressError: u32(reply, at + ProbeRecord.sockoptLocalAddressError) | 0,
  }
}
