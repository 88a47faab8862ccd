/** The shape of a dumped kernel. */

import type { DestinationConfigRecord, ServiceConfigRecord } from '../../model/records.gen'
import type { SysctlValue } from '../../model/sysctls'
import type { ConnectionState, TemplateObject } from '../objects/connection-objects'
import type { Counters } from '../objects/counters'
import type { FakeDialect } from '../objects/options'
import type { Cell, DaemonObject, SchedulerState } from '../objects/table-objects'
import type { ProcSys } from '../table/state'

export type CountersDump = { [name in keyof Counters]: string }
export interface EstimatorDump {
  readonly last: CountersDump
  readonly average: CountersDump
}
export interface EndpointDump {
  readonly address: string
  readonly port: number
}

/** JSON drops what is undefined. */
type Dumped<T> = { readonly [name in keyof T as undefined extends T[name] ? never : name]: T[name] } & {
  readonly [name in keyof T as undefined extends T[name] ? name : never]?: T[name]
}

export interface DestinationDump extends EndpointDump, Dumped<DestinationConfigRecord> {
  readonly id: number
  readonly owner: string
  readonly service: number
  readonly lastWeight: number
  readonly available: boolean
  readonly references: number
  readonly idleSince?: number | undefined
  /** By CPU. */
  readonly cells: readonly (Cell | null)[]
  readonly stats: CountersDump
  readonly estimator: EstimatorDump
}

export interface LocalAddressDump {
  readonly id: number
  readonly address: string
  readonly cpu: number
  readonly portConflicts: string
  readonly connections: number
  readonly port: number
}

export interface ServiceDump extends EndpointDump, Dumped<ServiceConfigRecord> {
  readonly id: number
  readonly key: string
  readonly family: number
  readonly fwmark: number
  readonly protocol: number
  /** Oldest first. */
  readonly destinations: readonly DestinationDump[]
  /** By CPU. */
  readonly localAddresses: readonly ({
    readonly list: readonly LocalAddressDump[]
    readonly current: number
  } | null)[]
  readonly schedulerStates: readonly (SchedulerState | null)[]
  readonly stats: CountersDump
  readonly estimator: EstimatorDump
}

export interface ConnectionDump {
  readonly id: number
  readonly protocol: number
  readonly client: EndpointDump
  readonly virtual: EndpointDump
  readonly service: string
  /** `id` of the destination. */
  readonly destination: number
  readonly destinationPort: number
  readonly forwarding: number
  /** The address itself, since it can have been removed. */
  readonly local?: { readonly object: LocalAddressDump; readonly port: number } | undefined
  readonly cpu: number
  readonly establishedTimeout?: number | undefined
  readonly template?: string | undefined
  readonly state: ConnectionState
  readonly active: boolean
  readonly expires: number
}

export interface KernelCountersDump {
  /** By CPU. */
  readonly traffic: readonly CountersDump[]
  readonly zero: CountersDump
  readonly estimator: EstimatorDump
  /** By CPU; what is missing is 0. */
  readonly extended: readonly { readonly [name: string]: string }[]
}

/** Plain JSON. Numbers of the kernel where it has numbers; counters, which can be larger, as text. */
export interface KernelDump {
  readonly format: 1
  readonly dialect: FakeDialect
  /** How many. */
  readonly cpus: number
  /** Milliseconds. */
  readonly now: number
  /** For the next object. */
  readonly nextId: number
  /** State of the generator of random numbers. */
  readonly random: number
  /** The sysctl: so many CPUs, from 0 on, have no local addresses. */
  readonly reserveCore: number
  /** ip_vs is loaded. */
  readonly loaded: boolean
  /** Of generic netlink; another one with each load of the module. */
  readonly familyId: number
  /** Clients have CAP_NET_ADMIN. */
  readonly permitted: boolean
  /** By name, but for `timeouts` and `reserveCore`; older dumps have none. */
  readonly sysctls?: { readonly [name: string]: SysctlValue }
  /** How /proc/sys is mounted; older dumps do not say. */
  readonly procSys?: ProcSys
  /** Seconds. */
  readonly timeouts: { readonly tcp: number; readonly tcpFin: number; readonly udp: number }
  /** As `DaemonInfo` has them, with what the kernel fills in. */
  readonly daemons: readonly (Omit<DaemonObject, 'multicastGroup'> & { readonly multicastGroup: string })[]
  readonly counters: KernelCountersDump
  readonly services: readonly ServiceDump[]
  readonly trash: readonly DestinationDump[]
  readonly connections: readonly ConnectionDump[]
  /** `destination` is the `id` of one. */
  readonly templates: readonly (Omit<TemplateObject, 'destination'> & { readonly destination: number })[]
}
