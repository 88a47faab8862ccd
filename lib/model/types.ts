/** Public shapes: what callers pass in and what the library returns. Kernel facts are cited by file and function. */

import type { NoStats, Stats } from './counter-types'

export * from './counter-types'
export * from './daemon-types'

/** Transport protocol of an address service. A protocol without a name here stays a number. */
export type Protocol = 'tcp' | 'udp' | 'sctp'

/** Address family of a service without an address (fwmark). */
export type Family = 'ipv4' | 'ipv6'

/** A virtual service found by its address. */
export interface AddressServiceKey {
  /**
   * A number, 0–65535, names a service of a protocol that IPVS does not balance: netlink lets other tools make one
   * (ip_vs_ctl.c:ip_vs_genl_parse_service), `list` shows it, and it can be changed and removed. `add`, `set` and `ensure` take
   * a number in what was listed only.
   */
  readonly protocol: Protocol | number
  /** The virtual address (VIP), IPv4 or IPv6. */
  readonly address: string
  /** 0–65535. 0 accepts every port and needs persistence to be of use. */
  readonly port: number
  readonly fwmark?: undefined
}

/** A virtual service found by the firewall mark of the packet. */
export interface FwmarkServiceKey {
  /** 1–4294967295. 0 means "no mark" to the kernel and is refused. */
  readonly fwmark: number
  /** Default `'ipv4'`. */
  readonly family?: Family | undefined
  readonly protocol?: undefined
  readonly address?: undefined
  readonly port?: undefined
}

/** What identifies a virtual service. `fwmark === undefined` and `address === undefined` tell the two kinds apart. */
export type ServiceKey = AddressServiceKey | FwmarkServiceKey

/** What identifies a destination (real server) within its service. */
export interface DestinationKey {
  readonly address: string
  /** 0–65535; destinations of a fwmark service commonly use 0. */
  readonly port: number
}

/** Schedulers of the three kernels, open to any other module `ip_vs_<name>`. */
export type Scheduler =
  | 'rr'
  | 'wrr'
  | 'lc'
  | 'wlc'
  | 'lblc'
  | 'lblcr'
  | 'dh'
  | 'sh'
  | 'sed'
  | 'nq'
  | 'fo'
  | 'ovf'
  | 'mh'
  | 'twos'
  | (string & {})

/** How packets reach the destination (`IP_VS_CONN_F_FWD_MASK`, 5 is FULLNAT on Alibaba's kernels). */
export type Forwarding = 'masquerade' | 'local' | 'tunnel' | 'direct-route' | 'bypass' | 'fullnat'

/**
 * Flags handed to the scheduler, mainline only: `flag-1` is `sh-fallback` / `mh-fallback`, `flag-2` is `sh-port` /
 * `mh-port` (include/uapi/linux/ip_vs.h, IP_VS_SVC_F_SCHED1…3).
 */
export type SchedulerFlag = 'flag-1' | 'flag-2' | 'flag-3'

/** Clients stick to a destination. */
export interface Persistence {
  /** Seconds that a client sticks after its last connection, 1–2147483. */
  readonly timeout: number
  /**
   * Clients within the same network stick together. IPv4: a mask such as `'255.255.255.0'`, default
   * `'255.255.255.255'`; IPv6: a prefix length 1–128, default 128.
   */
  readonly netmask?: string | number | undefined
  /** Persistence engine, mainline only: `'sip'` is the one that exists. */
  readonly engine?: string | undefined
}

/**
 * What a service does. Everything left out takes the default named with it, on `add` and on `set` alike, and stays as it is on
 * `update`. A property that is `undefined` counts as left out everywhere.
 */
export interface ServiceConfig {
  /** Default `'wlc'`. */
  readonly scheduler?: Scheduler | undefined
  /** Mainline only. Default none. */
  readonly schedulerFlags?: readonly SchedulerFlag[] | undefined
  /** Replaced as a whole. `null`: not persistent, which is the default; in `update` it ends persistence. */
  readonly persistence?: Persistence | null | undefined
  /** Schedule every UDP packet by itself. Default false. */
  readonly onePacket?: boolean | undefined
  /** Answer SYNs with cookies before a destination is chosen; TCP on FULLNAT kernels only. Default false. */
  readonly synproxy?: boolean | undefined
  /**
   * Seconds that an established connection may be idle, 1–2147483; fullnat-v3 only, TCP and fwmark services.
   * Left out, `add` takes the kernel's `timeout_established` and `set` keeps the current value.
   */
  readonly establishedTimeout?: number | undefined
}

/**
 * A service to add or to set. What was listed is one as it is (known by its `stats`): the values that a kernel holds and nobody
 * may ask for are taken from it, such as a persistence of 0 seconds. Its `flags` must agree with the properties beside it, so
 * leave `flags` out where you change one of those.
 */
export type ServiceInput = ServiceKey & ServiceConfig

/** A service as the kernel has it. It can be passed to `add` or `set` of another client as it is. */
export type ServiceInfo = AddressServiceInfo | FwmarkServiceInfo

/** A listed service of a protocol, an address and a port. */
export interface AddressServiceInfo extends ServiceState {
  /** A number where the kernel holds a protocol that IPVS does not balance (netlink does not check it). */
  readonly protocol: Protocol | number
  readonly address: string
  readonly port: number
  readonly fwmark?: undefined
}

/** A listed service of a firewall mark. */
export interface FwmarkServiceInfo extends ServiceState {
  readonly fwmark: number
  readonly protocol?: undefined
  readonly address?: undefined
  readonly port?: undefined
}

/** What a listed service has whatever its key is. */
export interface ServiceState {
  readonly family: Family
  readonly scheduler: Scheduler
  readonly schedulerFlags: readonly SchedulerFlag[]
  readonly persistence: Persistence | undefined
  /** Every UDP packet is scheduled by itself. */
  readonly onePacket: boolean
  /** False where the kernel has no SYNPROXY. */
  readonly synproxy: boolean
  /** `undefined` where the kernel has no such value (everywhere but fullnat-v3; UDP services there). */
  readonly establishedTimeout: number | undefined
  /**
   * The flags word as the kernel sent it, internal bits included. On input the bits of the other properties must agree with
   * them, and the rest is ignored.
   */
  readonly flags: number
  /** Ignored on input. */
  readonly stats: Stats
}

/** Encapsulation of a tunnel destination, mainline only. */
export interface Tunnel {
  readonly type: 'ipip' | 'gue' | 'gre'
  /** UDP port of the tunnel, GUE only. */
  readonly port?: number | undefined
  /** Default `'none'`; `'remote'` is remote checksum offload (GUE). */
  readonly checksum?: 'none' | 'full' | 'remote' | undefined
}

/** As what `Tunnel` is listed: with numbers where the kernel holds a type or flags without a name. */
export interface TunnelInfo {
  /** A number where it has no name here. */
  readonly type: Tunnel['type'] | number
  /** Where the kernel holds one, or the type is GUE. */
  readonly port?: number | undefined
  /** A number where the flags have no name here. */
  readonly checksum?: Tunnel['checksum'] | number
}

/** What a destination does. */
export interface DestinationConfig {
  /** No default: the wrong method loses every connection. */
  readonly forwarding: Forwarding
  /** 0–2147483647, 0 takes no new connections. Default 1. */
  readonly weight?: number | undefined
  /** Connections above which no new ones come, 0 for no limit. Default 0. */
  readonly upperThreshold?: number | undefined
  /** Connections below which new ones come again, at most `upperThreshold`. Default 0. */
  readonly lowerThreshold?: number | undefined
  /**
   * Only with `forwarding: 'tunnel'`, mainline only. `null`: plain IP-in-IP, which is the default; in `update` it goes back to
   * that.
   */
  readonly tunnel?: Tunnel | null | undefined
}

/** The properties of a destination to change; `undefined` is not named. */
export type DestinationChange = {
  readonly [name in keyof DestinationConfig]?: DestinationConfig[name] | undefined
}

/** A listed destination as an input, with changes or without. */
export interface ListedDestination extends Omit<DestinationInfo, 'tunnel' | 'stats'> {
  readonly tunnel?: TunnelInfo | null | undefined
  readonly stats: Stats | NoStats
}

/**
 * A destination to add or to set. What was listed is one as it is (known by its `stats`): methods and tunnels without a name
 * are taken from it.
 */
export type DestinationInput = (DestinationKey & DestinationConfig) | ListedDestination

/** A destination as the kernel has it. It can be passed to `add` or `set` as it is. */
export interface DestinationInfo {
  readonly address: string
  readonly port: number
  readonly family: Family
  /** A number where the kernel holds a method without a name (6 and 7 are accepted by every kernel). */
  readonly forwarding: Forwarding | number
  /** 0 takes no new connections. */
  readonly weight: number
  /**
   * Connections, active and inactive ones, 0 for no limit. fullnat-v3 compares it on each CPU with those of that CPU
   * alone.
   */
  readonly upperThreshold: number
  /** Connections, 0 for none. */
  readonly lowerThreshold: number
  readonly tunnel: TunnelInfo | undefined
  /** Established TCP connections; half-open ones as well on mainline (ip_vs_proto_tcp.c:set_tcp_state). */
  readonly activeConnections: number
  /** All others, those of UDP among them. */
  readonly inactiveConnections: number
  /** Templates of persistence that lead here. */
  readonly persistentConnections: number
  readonly stats: Stats
}

/** A local address of a FULLNAT service. */
export interface LocalAddressInfo {
  readonly address: string
  /** Tuples found taken while a port was searched, since the address was added. */
  readonly portConflicts: bigint
  /** Connections that use the address now. */
  readonly connections: number
}

/**
 * A local address to add. What was listed is one as it is (known by its `portConflicts`): the kernel checks nothing when another
 * tool adds one (ip_vs_ctl.c:ip_vs_new_laddr).
 */
export type LocalAddressInput = string | LocalAddressInfo

/** A service with everything in it. */
export interface SnapshotService {
  readonly service: ServiceInfo
  readonly destinations: readonly DestinationInfo[]
  /** Empty on kernels without local addresses. */
  readonly localAddresses: readonly LocalAddressInfo[]
}

/** The whole table at one time, as far as the kernel lets anybody see it: `SnapshotOptions.consistent`. */
export interface Snapshot {
  readonly services: readonly SnapshotService[]
  /**
   * True when two dumps in a row had the same services, destinations and local addresses; only asked for by
   * `snapshot({ consistent: true })`, else undefined.
   */
  readonly consistent: boolean | undefined
}

type WithoutStats<T> = T extends { readonly stats: Stats }
  ? Omit<T, 'stats'> & { readonly stats: NoStats }
  : never

/** What `snapshot({ stats: false })` says. Its objects can be passed to `add` and `set`, as all that was listed can. */
export interface SnapshotWithoutStats extends Pick<Snapshot, 'consistent'> {
  readonly services: readonly {
    readonly service: WithoutStats<ServiceInfo>
    readonly destinations: readonly WithoutStats<DestinationInfo>[]
    readonly localAddresses: readonly LocalAddressInfo[]
  }[]
}

/** Seconds. */
export interface Timeouts {
  /** Idle time of an established connection. On fullnat-v3 services have their own, which this is the default of. */
  readonly tcp: number
  /** In FIN-WAIT. */
  readonly tcpFin: number
  /** Since the last packet. */
  readonly udp: number
}

/** What the kernel says of its IPVS. */
export interface Info {
  /** `'1.2.1'` on all three kernels: it tells nothing about what they can do. */
  readonly version: string
  /** Buckets of the table of connections, no limit of them. */
  readonly connectionTableSize: number
  /** IPv4 services, over sockopt only: generic netlink does not tell. */
  readonly serviceCount: number | undefined
}
