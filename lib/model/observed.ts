/** Shapes of what the kernel shows in its text files: connections, statistics, helpers, sysctls. */

import type { KnownExtendedCounter } from './extended-counter-names'
import type { Protocol, Rates } from './types'

/** An address and a port. */
export interface Endpoint {
  readonly address: string
  readonly port: number
}

/**
 * Protocol of a connection: `'ip'` is that of the templates of fwmark services (ip_vs_core.c:ip_vs_sched_persist); a number
 * where the kernel has no name for it (ip_vs_proto.c:ip_vs_proto_name, `IP_132`).
 */
export type ConnectionProtocol = Protocol | 'ah' | 'esp' | 'icmp' | 'icmpv6' | 'ip' | number | (string & {})

/** The kernel's words in lower case, `_` as `-` (ip_vs_proto_tcp.c:tcp_state_name_table and the others); open to any other. */
export type ConnectionState =
  | 'none'
  | 'established'
  | 'syn-sent'
  | 'syn-recv'
  | 'fin-wait'
  | 'time-wait'
  | 'close'
  | 'close-wait'
  | 'last-ack'
  | 'listen'
  | 'synack'
  | 'udp'
  | (string & {})

/** A connection, or a persistence template, as a line of /proc/net/ip_vs_conn shows it. */
export interface ConnectionInfo {
  readonly protocol: ConnectionProtocol
  readonly client: Endpoint
  /** Where the client sent its packets; undefined in the template of a fwmark service. */
  readonly virtual: Endpoint | undefined
  /** Of the service whose template it is; the connections of a fwmark service do not show it. */
  readonly fwmark: number | undefined
  /** What the destination sees as its client: FULLNAT only. */
  readonly localAddress: Endpoint | undefined
  readonly destination: Endpoint
  readonly state: ConnectionState
  /** Seconds until it expires without another packet; 0 where that time has passed. */
  readonly expires: number
  /** `'sync'`: it came from the sync daemon of another director. Only where it was asked for. */
  readonly origin: 'local' | 'sync' | undefined
  /** Persistence engine of a template, mainline only. */
  readonly engine: { readonly name: string; readonly data: string } | undefined
  /** It binds a client, or its network, to a destination, and is no connection itself. */
  readonly template: boolean
}

/** Counters of everything that IPVS forwarded. */
export interface TrafficTotals {
  /** Connections that were scheduled. */
  readonly connections: bigint
  /** From clients. */
  readonly inPackets: bigint
  /** To clients, as far as answers come by. */
  readonly outPackets: bigint
  /** From clients, of IP packets. */
  readonly inBytes: bigint
  /** To clients, of IP packets. */
  readonly outBytes: bigint
}

export interface CpuTraffic extends TrafficTotals {
  readonly cpu: number
}

/** /proc/net/ip_vs_stats and ip_vs_stats_percpu. */
export interface TrafficStatistics {
  /** FULLNAT kernels: the sum of the CPUs that are online; what others counted is missing (ip_vs_ctl.c:ip_vs_stats_show). */
  readonly total: TrafficTotals
  /** By number. Empty where the kernel does not show them. */
  readonly cpus: readonly CpuTraffic[]
  /** Per second, by the kernel's estimator; undefined where there is none (FULLNAT kernels). */
  readonly rates: Rates | undefined
}

/** Name of a row of /proc/net/ip_vs_ext_stats; open to those of other kernels. */
export type ExtendedCounterName = KnownExtendedCounter | (string & {})

/** What an extended counter is about. */
export type ExtendedCounterGroup =
  | 'toa'
  | 'fullnat'
  | 'synproxy'
  | 'defence'
  | 'fast-xmit'
  | 'reset'
  | 'xmit'
  | 'scheduling'

/** A row of /proc/net/ip_vs_ext_stats. */
export interface ExtendedCounter {
  /** As the kernel writes it. */
  readonly name: ExtendedCounterName
  /** Of the CPUs that are online, modulo 2^64 as each of them. */
  readonly total: bigint
  /** In the order of `cpus` of the whole. */
  readonly perCpu: readonly bigint[]
  /** What it is about; undefined for a row that this library does not know. */
  readonly group: ExtendedCounterGroup | undefined
  /** What it counts; undefined for a row that this library does not know. */
  readonly meaning: string | undefined
  /** What to do when it grows; undefined where it is no trouble. */
  readonly advice: string | undefined
}

/** /proc/net/ip_vs_ext_stats of FULLNAT kernels. Nothing resets it but loading ip_vs anew; it wraps at 2^64. */
export interface ExtendedStatistics {
  /** Numbers of the CPUs that are online, ascending; with gaps where one is offline. */
  readonly cpus: readonly number[]
  /** In the kernel's order. */
  readonly counters: readonly ExtendedCounter[]
  /** One of `counters`; undefined where this kernel has no such row. */
  get(name: ExtendedCounterName): ExtendedCounter | undefined
}

/** A line of /proc/net/ip_vs_app: an application helper, `ftp` for instance. */
export interface ApplicationHelper {
  readonly protocol: Protocol | (string & {})
  readonly port: number
  /** Connections that use it. */
  readonly uses: number
  readonly name: string
}

/** A hash table of the kernel. */
export interface HashTableStatus {
  /** 0: there is no table yet. */
  readonly buckets: number
  /** `buckets` is 2 to this power. */
  readonly bits: number
  /** The table grows and shrinks so that there are 2 to this power entries for each bucket (sysctls `conn_lfactor`, `svc_lfactor`). */
  readonly loadFactor: number
  /** Undefined where the kernel did not count: nothing is in the table, or it was changing all the time. */
  readonly emptyBuckets: number | undefined
  /**
   * Buckets by the length of their chain, shortest first; lengths without a bucket are left out. 7 stands for 7 and more.
   * Connections are in their table twice, by what the client sends and by what the destination answers.
   */
  readonly chains: readonly { readonly length: number; readonly buckets: number }[]
}

/** A line that this library does not know, as it is. */
export interface StatusLine {
  readonly name: string
  /** What stands behind the colon. */
  readonly value: string
}

/** /proc/net/ip_vs_status of newer mainline kernels: how full the tables are. */
export interface KernelStatus {
  /** Templates of persistence included. */
  readonly connections: number
  readonly connectionTable: HashTableStatus
  /** Of this network namespace. */
  readonly services: number
  readonly serviceTable: HashTableStatus
  /** Of the threads that compute rates (ip_vs_est.c). */
  readonly estimation: {
    readonly threads: number
    readonly threadsMax: number
    /** Estimators that a thread visits in one go at most. */
    readonly chainLength: number
    /** Estimators that one thread can have. */
    readonly perThread: number
  }
  readonly other: readonly StatusLine[]
}
