/** Reply records as the objects of the public API. */

import type { AddressFamily } from '../model/address'
import { AF_INET6, formatAddress, formatIpv4Mask, formatPacked } from '../model/address'
import {
  CHECKSUM_NAMES,
  DAEMON_STATE_NAMES,
  FORWARDING_METHODS,
  FORWARDING_NAMES,
  familyName,
  PROTOCOL_NAMES,
  SERVICE_FLAGS,
  schedulerFlagNames,
  TUNNEL_TYPE_NAMES,
} from '../model/numbers'
import type { DestinationConfigRecord, ServiceConfigRecord } from '../model/records.gen'
import type {
  DaemonInfo,
  DaemonState,
  DestinationInfo,
  DestinationKey,
  Info,
  LocalAddressInfo,
  Persistence,
  ServiceInfo,
  ServiceKey,
  Stats,
  Timeouts,
  TunnelInfo,
} from '../model/types'
import {
  AddressLayout,
  DaemonLayout,
  DestinationConfigLayout,
  DestinationLayout,
  InfoLayout,
  LocalAddressLayout,
  presence,
  ServiceConfigLayout,
  ServiceKeyLayout,
  ServiceLayout,
  StatsLayout,
  TargetLayout,
  TimeoutLayout,
  TunnelLayout,
} from './layout.gen'
import { readDaemonConfig, readDestinationConfig, readServiceConfig, readTimeoutConfig } from './records.gen'
import type { Reply } from './reply'

/** Offsets within a record of what lies deeper. */
const SERVICE = {
  address: ServiceLayout.key + ServiceKeyLayout.address,
  family: ServiceLayout.key + ServiceKeyLayout.address + AddressLayout.family,
  protocol: ServiceLayout.key + ServiceKeyLayout.protocol,
  port: ServiceLayout.key + ServiceKeyLayout.port,
  fwmark: ServiceLayout.key + ServiceKeyLayout.fwmark,
  scheduler: ServiceLayout.config + ServiceConfigLayout.scheduler,
  flags: ServiceLayout.config + ServiceConfigLayout.flags,
  persistenceTimeout: ServiceLayout.config + ServiceConfigLayout.persistenceTimeout,
  netmask: ServiceLayout.config + ServiceConfigLayout.netmask,
  engine: ServiceLayout.config + ServiceConfigLayout.engine,
  establishedTimeout: ServiceLayout.config + ServiceConfigLayout.establishedTimeout,
} as const
const DESTINATION = {
  address: DestinationLayout.key + TargetLayout.address,
  family: DestinationLayout.key + TargetLayout.address + AddressLayout.family,
  port: DestinationLayout.key + TargetLayout.port,
  forwarding: DestinationLayout.config + DestinationConfigLayout.forwarding,
  weight: DestinationLayout.config + DestinationConfigLayout.weight,
  upperThreshold: DestinationLayout.config + DestinationConfigLayout.upperThreshold,
  lowerThreshold: DestinationLayout.config + DestinationConfigLayout.lowerThreshold,
  tunnel: DestinationLayout.config + DestinationConfigLayout.tunnel,
} as const
const LOCAL_ADDRESS = {
  address: LocalAddressLayout.key + TargetLayout.address,
  family: LocalAddressLayout.key + TargetLayout.address + AddressLayout.family,
} as const

function readStats(reply: Reply, at: number, present: number): Stats {
  const rates =
    (present & presence.rates) === 0
      ? undefined
      : {
          connections: reply.u64(at + StatsLayout.connectionsPerSecond),
          inPackets: reply.u64(at + StatsLayout.inPacketsPerSecond),
          outPackets: reply.u64(at + StatsLayout.outPacketsPerSecond),
          inBytes: reply.u64(at + StatsLayout.inBytesPerSecond),
          outBytes: reply.u64(at + StatsLayout.outBytesPerSecond),
        }
  return {
    connections: reply.u64(at + StatsLayout.connections),
    inPackets: reply.u64(at + StatsLayout.inPackets),
    outPackets: reply.u64(at + StatsLayout.outPackets),
    inBytes: reply.u64(at + StatsLayout.inBytes),
    outBytes: reply.u64(at + StatsLayout.outBytes),
    rates,
  }
}

function readPersistence(reply: Reply, at: number, flags: number, present: number): Persistence | undefined {
  if ((flags & SERVICE_FLAGS.persistent) === 0) return undefined
  const timeout = reply.u32(at + SERVICE.persistenceTimeout)
  const mask = reply.u32(at + SERVICE.netmask)
  const netmask = reply.u16(at + SERVICE.family) === AF_INET6 ? mask : formatIpv4Mask(mask)
  if ((present & presence.engine) === 0) return { timeout, netmask }
  return { timeout, netmask, engine: reply.name(at + SERVICE.engine) }
}

/**
 * In the place of counters that nobody asked for: they are most of what a listed object weighs, and a listed one is told by having
 * them (lib/input/properties.ts).
 */
const NO_STATS = Object.freeze({}) as Stats

/** A protocol without a name stays a number (netlink lets any in, ip_vs_ctl.c:ip_vs_genl_parse_service). */
export function decodeService(reply: Reply, index: number, counters = true): ServiceInfo {
  const at = reply.services.start + index * ServiceLayout.size
  const { bytes } = reply
  const present = reply.u32(at + ServiceLayout.presence)
  const family = reply.u16(at + SERVICE.family)
  const flags = reply.u32(at + SERVICE.flags)
  const established = reply.u32(at + SERVICE.establishedTimeout)
  const state = {
    family: familyName(family),
    scheduler: reply.name(at + SERVICE.scheduler),
    schedulerFlags: schedulerFlagNames(flags),
    persistence: readPersistence(reply, at, flags, present),
    onePacket: (flags & SERVICE_FLAGS.onePacket) !== 0,
    synproxy: (flags & SERVICE_FLAGS.synproxy) !== 0,
    // 0 where the protocol has none (ip_vs_ctl.c:ip_vs_genl_parse_service of v3).
    establishedTimeout:
      (present & presence.establishedTimeout) !== 0 && established !== 0 ? established : undefined,
    flags,
    stats: counters ? readStats(reply, at + ServiceLayout.stats, present) : NO_STATS,
  }
  if ((present & presence.fwmark) !== 0) {
    return { fwmark: reply.u32(at + SERVICE.fwmark), ...state }
  }
  const protocol = reply.u16(at + SERVICE.protocol)
  // Not spread: Node 20 takes a third of a microsecond for it.
  return {
    protocol: PROTOCOL_NAMES[protocol] ?? protocol,
    address: formatAddress(bytes, at + SERVICE.address, family),
    port: reply.u16(at + SERVICE.port),
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

/** What identifies a service, and nothing else of it. */
export function decodeServiceKey(reply: Reply, index: number): ServiceKey {
  const at = reply.services.start + index * ServiceLayout.size
  const family = reply.u16(at + SERVICE.family)
  if ((reply.u32(at + ServiceLayout.presence) & presence.fwmark) !== 0) {
    return { fwmark: reply.u32(at + SERVICE.fwmark), family: familyName(family) }
  }
  const protocol = reply.u16(at + SERVICE.protocol)
  return {
    protocol: PROTOCOL_NAMES[protocol] ?? protocol,
    address: formatAddress(reply.bytes, at + SERVICE.address, family),
    port: reply.u16(at + SERVICE.port),
  }
}

/** What a service is set to, as the kernel holds it: any value that it can hold. */
export function decodeServiceConfig(reply: Reply, index: number): ServiceConfigRecord {
  const at = reply.services.start + index * ServiceLayout.size
  const config = readServiceConfig(reply, at + ServiceLayout.config, reply.u32(at + ServiceLayout.presence))
  return config.establishedTimeout === 0 ? { ...config, establishedTimeout: undefined } : config
}

function readTunnel(reply: Reply, at: number, present: number): TunnelInfo | undefined {
  if ((present & presence.tunnel) === 0) return undefined
  const type = reply.u16(at + DESTINATION.tunnel + TunnelLayout.type)
  const flags = reply.u16(at + DESTINATION.tunnel + TunnelLayout.flags)
  const port = reply.u16(at + DESTINATION.tunnel + TunnelLayout.port)
  const checksum = CHECKSUM_NAMES[flags] ?? flags
  const name = TUNNEL_TYPE_NAMES[type] ?? type
  return name !== 'gue' && port === 0 ? { type: name, checksum } : { type: name, port, checksum }
}

export function decodeDestination(reply: Reply, index: number, counters = true): DestinationInfo {
  const at = reply.destinations.start + index * DestinationLayout.size
  const { bytes } = reply
  const present = reply.u32(at + DestinationLayout.presence)
  const family = reply.u16(at + DESTINATION.family)
  const method = reply.u32(at + DESTINATION.forwarding)
  const forwarding = FORWARDING_NAMES[method] ?? method
  return {
    address: formatAddress(bytes, at + DESTINATION.address, family),
    port: reply.u16(at + DESTINATION.port),
    family: familyName(family),
    forwarding,
    weight: reply.u32(at + DESTINATION.weight) | 0,
    upperThreshold: reply.u32(at + DESTINATION.upperThreshold),
    lowerThreshold: reply.u32(at + DESTINATION.lowerThreshold),
    tunnel: forwarding === 'tunnel' ? readTunnel(reply, at, present) : undefined,
    activeConnections: reply.u32(at + DestinationLayout.activeConnections),
    inactiveConnections: reply.u32(at + DestinationLayout.inactiveConnections),
    persistentConnections: reply.u32(at + DestinationLayout.persistentConnections),
    stats: counters ? readStats(reply, at + DestinationLayout.stats, present) : NO_STATS,
  }
}

/** What identifies a destination, and nothing else of it. */
export function decodeDestinationKey(reply: Reply, index: number): DestinationKey {
  const at = reply.destinations.start + index * DestinationLayout.size
  return {
    address: formatAddress(reply.bytes, at + DESTINATION.address, reply.u16(at + DESTINATION.family)),
    port: reply.u16(at + DESTINATION.port),
  }
}

/** What a destination is set to, as the kernel holds it; `tunnel` where it is one. */
export function decodeDestinationConfig(reply: Reply, index: number): DestinationConfigRecord {
  const at = reply.destinations.start + index * DestinationLayout.size
  const present = reply.u32(at + DestinationLayout.presence)
  const config = readDestinationConfig(reply, at + DestinationLayout.config, present)
  return config.forwarding === FORWARDING_METHODS.tunnel ? config : { ...config, tunnel: undefined }
}

export function decodeLocalAddress(reply: Reply, index: number): LocalAddressInfo {
  const at = reply.localAddresses.start + index * LocalAddressLayout.size
  const family = reply.u16(at + LOCAL_ADDRESS.family) as AddressFamily
  return {
    address: formatAddress(reply.bytes, at + LOCAL_ADDRESS.address, family),
    portConflicts: reply.u64(at + LocalAddressLayout.portConflicts),
    connections: reply.u32(at + LocalAddressLayout.connections),
  }
}

export function decodeDaemon(reply: Reply, index: number): DaemonInfo {
  const at = reply.daemons.start + index * DaemonLayout.size
  const config = readDaemonConfig(reply, at + DaemonLayout.config, reply.u32(at + DaemonLayout.presence))
  return {
    state: DAEMON_STATE_NAMES[config.state] ?? (config.state as unknown as DaemonState),
    interface: config.interface,
    syncId: config.syncId,
    syncMaxLength: config.syncMaxLength,
    multicastGroup: config.multicastGroup && formatPacked(config.multicastGroup),
    multicastPort: config.multicastPort,
    multicastTtl: config.multicastTtl,
  }
}

export function decodeTimeouts(reply: Reply, index: number): Timeouts {
  const at = reply.timeouts.start + index * TimeoutLayout.size
  const { tcp, tcpFin, udp } = readTimeoutConfig(
    reply,
    at + TimeoutLayout.config,
    reply.u32(at + TimeoutLayout.presence),
  )
  return { tcp: tcp ?? 0, tcpFin: tcpFin ?? 0, udp: udp ?? 0 }
}

export function decodeInfo(reply: Reply, index: number): Info {
  const at = reply.infos.start + index * InfoLayout.size
  const present = reply.u32(at + InfoLayout.presence)
  // NVERSION() of ip_vs.h
  const version = reply.u32(at + InfoLayout.version)
  return {
    version: `${(version >>> 16) & 255}.${(version >>> 8) & 255}.${version & 255}`,
    connectionTableSize: reply.u32(at + InfoLayout.connectionTableSize),
    serviceCount:
      (present & presence.serviceCount) === 0 ? undefined : reply.u32(at + InfoLayout.serviceCount),
  }
}
