/** Shapes of the machine around IPVS: what a kernel tells of itself outside of the files of IPVS. */

import type { Endpoint } from './observed'

/** An address of a network interface. */
export interface InterfaceAddress {
  readonly address: string
  /** Length of the prefix of its network. */
  readonly prefix: number
  /** Name of the interface; undefined for IPv4 in another network namespace, where no file tells. */
  readonly interface: string | undefined
}

/** A network interface of the machine. */
export interface MachineInterface {
  readonly name: string
  /**
   * `rp_filter` in effect, the larger one of its own and that of `all` (Linux ≥ 2.6.31): 0 off, 1 strict, 2 loose. Undefined where it
   * cannot be read.
   */
  readonly reversePathFilter: number | undefined
  /**
   * The device computes checksums of TCP and UDP over IPv6 (`NETIF_F_IPV6_CSUM`). Only 2.6.32 shows it; undefined on all other
   * kernels.
   */
  readonly ipv6Checksums: boolean | undefined
}

/** A TCP socket of this machine's own. */
export interface MachineSocket {
  readonly state: 'listen' | 'established'
  /** IPv4-mapped addresses are shown as IPv4; `0.0.0.0` or `::` listens on every address. */
  readonly local: Endpoint
  /** Undefined for one that listens. */
  readonly remote: Endpoint | undefined
}

/** A part of `MachineInfo`. */
export type MachinePart = 'addresses' | 'localNetworks' | 'interfaces' | 'forwarding' | 'sockets' | 'cpus'

/** What could not be read: it is undefined, or lacks something, for this reason. */
export interface UnreadPart {
  readonly part: MachinePart
  /** `'EACCES'` for instance. */
  readonly code: string
  readonly message: string
}

/** The machine as the network namespace of a client shows it. Each part is undefined where it cannot be told; `unread` says why. */
export interface MachineInfo {
  /** Of interfaces that are up, in the order of the system. */
  readonly addresses: readonly InterfaceAddress[] | undefined
  /**
   * IPv4 networks all of whose addresses are this machine's own, `'192.0.2.0/24'` (a route of the type local). 2.6.32 does not tell.
   */
  readonly localNetworks: readonly string[] | undefined
  /** By name. */
  readonly interfaces: readonly MachineInterface[] | undefined
  /** Whether packets for others are forwarded; `ipv6` is undefined where there is no IPv6. */
  readonly forwarding: { readonly ipv4: boolean; readonly ipv6: boolean | undefined } | undefined
  readonly sockets: readonly MachineSocket[] | undefined
  /** CPUs that are online, and the sysctl `reserve_core`; fullnat-v3 only. */
  readonly cpus: { readonly online: number; readonly reserved: number } | undefined
  readonly unread: readonly UnreadPart[]
}
