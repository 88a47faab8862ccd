/** What a kernel can do (abi.md §9.3). */

import type { Dialect, TransportKind } from '../model/call-types'
import { FORWARDING_METHODS } from '../model/numbers'
import type { Forwarding } from '../model/types'
import type { FileEvidence } from './detect'

export const isFullnat = (dialect: Dialect): boolean => dialect === 'fullnat-v2' || dialect === 'fullnat-v3'

/** What this kernel can do over this transport. */
export interface Capabilities {
  readonly dialect: Dialect
  readonly transport: TransportKind
  /** Anything may be written. False for an unknown dialect, unless the client was opened with `force`. */
  readonly writes: boolean
  /**
   * Services can be added and set; false for sockopt on fullnat-v3, where it leaves a random established
   * timeout.
   */
  readonly serviceWrites: boolean
  /** Local addresses of services exist. */
  readonly localAddresses: boolean
  /** A local address serves only the CPU that its last byte chooses (fullnat-v3). */
  readonly perCpuLocalAddresses: boolean
  /** Forwarding `'fullnat'`, for TCP. */
  readonly fullnat: boolean
  /** Forwarding `'fullnat'` for UDP: fullnat-v2, but not its first release. */
  readonly udpFullnat: boolean
  /** `synproxy` of a service. */
  readonly synproxy: boolean
  /** `establishedTimeout` of a service. */
  readonly establishedTimeout: boolean
  /** `persistence.engine` of a service. */
  readonly persistenceEngine: boolean
  /** Scheduler flags have an effect. */
  readonly schedulerFlags: boolean
  /** GUE and GRE besides IP-in-IP; needs Linux 5.2 / 5.3, older ones ignore it silently. */
  readonly tunnelTypes: boolean
  /** A tunnel destination may be of the other address family. */
  readonly destinationFamily: boolean
  /** Multicast group, port, TTL and message size of a sync daemon. */
  readonly daemonOptions: boolean
  /** Sync daemons can be started; on FULLNAT kernels, where one crashes its backup, if the client was opened with `force`. */
  readonly syncDaemons: boolean
  /** Counters can be set to zero. */
  readonly zero: boolean
  /** `stats.rates` are sent. */
  readonly rates: boolean
  /** IPv6 services and destinations: not over sockopt. */
  readonly ipv6: boolean
  /** Services of SCTP. */
  readonly sctp: boolean
  /** Every network namespace has its own IPVS. */
  readonly networkNamespaces: boolean
  /** `extendedStats()`: /proc/net/ip_vs_ext_stats exists. */
  readonly extendedStats: boolean
  /** /proc/net/ip_vs_conn exists. */
  readonly connectionList: boolean
  /**
   * Schedulers that the source of this kernel has; a build can lack one (Debian's 6.1 has no `twos`), and others can be
   * loaded as modules.
   */
  readonly schedulers: readonly string[]
  /** Methods that a destination may have here. */
  readonly forwardingMethods: readonly Forwarding[]
}

const COMMON_SCHEDULERS = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'sed', 'nq']
/** abi.md §5: not in 2.6.32; `none` is mainline's word for "no scheduler". */
export const MAINLINE_SCHEDULERS = ['fo', 'ovf', 'mh', 'twos', 'none']
const METHODS = Object.keys(FORWARDING_METHODS) as Forwarding[]

export function capabilitiesOf(
  dialect: Dialect,
  transport: TransportKind,
  files: FileEvidence,
  force = false,
): Capabilities {
  const mainline = dialect === 'mainline'
  const fullnat = isFullnat(dialect)
  const v3 = dialect === 'fullnat-v3'
  const netlink = transport === 'netlink'
  const writes = dialect !== 'unknown' || force
  return Object.freeze({
    dialect,
    transport,
    writes,
    serviceWrites: writes && (netlink || mainline || dialect === 'fullnat-v2'),
    localAddresses: fullnat,
    perCpuLocalAddresses: v3,
    fullnat,
    udpFullnat: dialect === 'fullnat-v2' && (files.extStats?.includes('defence_ip_frag_gather') ?? false),
    synproxy: fullnat,
    establishedTimeout: v3 && netlink,
    persistenceEngine: mainline && netlink,
    schedulerFlags: mainline,
    tunnelTypes: mainline && netlink,
    destinationFamily: mainline && netlink,
    daemonOptions: mainline && netlink,
    syncDaemons: writes && (!fullnat || force),
    zero: !v3,
    rates: mainline,
    ipv6: netlink,
    sctp: mainline,
    networkNamespaces: mainline,
    extendedStats: fullnat,
    connectionList: mainline || dialect === 'fullnat-v2',
    schedulers: Object.freeze(
      mainline ? [...COMMON_SCHEDULERS, ...MAINLINE_SCHEDULERS] : COMMON_SCHEDULERS.slice(),
    ),
    forwardingMethods: Object.freeze(METHODS.filter((method) => fullnat || method !== 'fullnat')),
  })
}
