/** What a listing shows. Not a state: a listing says less than a table holds. */

import type {
  DaemonInfo,
  DestinationKey,
  Forwarding,
  Persistence,
  SchedulerFlag,
  ServiceKey,
  Timeouts,
  Tunnel,
} from '../../../model/types'

/** ipvsadm shortens what is above 99,999,999, unless it runs with --exact (ipvsadm.c:print_largenum). */
export interface ListedNumber {
  /** As it was printed, the letter multiplied. */
  readonly value: bigint
  /** It was shortened: the real value is at most one unit (10^3 for K, 10^6 for M, 10^9 for G, 10^12 for T) higher. */
  readonly approximate: boolean
}

/** Counters with --stats, rates per second with --rate. */
export interface ListedCounters {
  readonly connections: ListedNumber
  readonly inPackets: ListedNumber
  readonly outPackets: ListedNumber
  readonly inBytes: ListedNumber
  readonly outBytes: ListedNumber
}

interface Row {
  /** From 1. */
  readonly line: number
}

/** Of a destination; what the listing has no column for is undefined. */
export interface ListedDestination extends DestinationKey, Row {
  readonly forwarding?: Forwarding | undefined
  /** 0–2147483647. */
  readonly weight?: number | undefined
  readonly tunnel?: Tunnel | undefined
  /** As `DestinationInfo` has them. */
  readonly activeConnections?: number | undefined
  /** As `DestinationInfo` has them. */
  readonly inactiveConnections?: number | undefined
  /** With --persistent-conn. */
  readonly persistentConnections?: number | undefined
  /** With --thresholds: connections, 0 for no limit. */
  readonly upperThreshold?: number | undefined
  /** With --thresholds: connections. */
  readonly lowerThreshold?: number | undefined
  /** With --stats. */
  readonly stats?: ListedCounters | undefined
  /** With --rate, per second. */
  readonly rates?: ListedCounters | undefined
}

/** A service of -L, with its destinations. */
export interface ListedService extends Row {
  readonly key: ServiceKey
  /** Undefined with --stats and --rate. */
  readonly scheduler?: string | undefined
  readonly schedulerFlags?: readonly SchedulerFlag[] | undefined
  readonly persistence?: Persistence | undefined
  /**
   * Alibaba's ipvsadm shows it with persistent services only, so false tells nothing there (ipvsadm.c:print_service_entry).
   */
  readonly onePacket?: boolean | undefined
  /** Where the listing is of Alibaba's ipvsadm. */
  readonly synproxy?: boolean | undefined
  /** alibaba-v3; undefined, too, where it prints `UnK. or DFLT. 0`. */
  readonly establishedTimeout?: number | undefined
  readonly stats?: ListedCounters | undefined
  readonly rates?: ListedCounters | undefined
  readonly destinations: readonly ListedDestination[]
}

/** A row of -L -c. */
export interface ListedConnection extends Row {
  /** `'ip'`: a persistence template of a firewall mark or of port 0. */
  readonly protocol: string
  /** Until it expires without another packet. */
  readonly expiresSeconds: number
  /** As it stands: `'ESTABLISHED'`. */
  readonly state: string
  readonly client: DestinationKey
  /** Of a template of a firewall mark: the mark as an IPv4 address, port 0. */
  readonly virtual: DestinationKey
  readonly destination: DestinationKey
  /** With --persistent-conn. */
  readonly engine?: string | undefined
  /** With --persistent-conn: what the engine goes by, a Call-ID for instance. */
  readonly engineData?: string | undefined
}

/** A service of -G, which does not tell the protocol. */
export interface ListedLocalAddresses extends Row {
  readonly address: string
  readonly port: number
  /** How many there are, as the row says. */
  readonly total: number
  /** With what `LocalAddressInfo` has. */
  readonly localAddresses: readonly {
    readonly address: string
    readonly portConflicts: bigint
    readonly connections: number
    readonly line: number
  }[]
}

/** All that a text of listings shows, by kind. */
export interface Listing {
  /** Undefined where there is no such list in the text; so are the others. */
  readonly services: readonly ListedService[] | undefined
  readonly connections: readonly ListedConnection[] | undefined
  readonly localAddresses: readonly ListedLocalAddresses[] | undefined
  readonly timeouts: Timeouts | undefined
  readonly daemons: readonly DaemonInfo[] | undefined
  /** Of IPVS, as the first line says; undefined where it is not there. */
  readonly version: string | undefined
  /** Buckets, as the first line says; undefined where it is not there. */
  readonly connectionTableSize: number | undefined
}
