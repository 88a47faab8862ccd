/** A plan: plain data, as JSON has it. */

import type { Dialect } from '../model/call-types'
import type { SysctlValue } from '../model/sysctls'
import type {
  DaemonInput,
  DestinationConfig,
  DestinationKey,
  ServiceConfig,
  ServiceKey,
  Timeouts,
} from '../model/types'

/** `'drain'` is a change that sets the weight to 0; `'report'` changes nothing and only tells. */
export type StepVerb = 'add' | 'change' | 'drain' | 'remove' | 'report'

/** Why: not for people, who read `message`. */
export type StepReason =
  | 'missing'
  | 'differs'
  | 'not-wanted'
  | 'off'
  | 'drain'
  | 'drained'
  | 'not-allowed'
  | 'too-many-removals'
  | 'unsupported'
  | 'waits'
  | 'all-down'
  | 'table-in-motion'
  | 'not-ours'

interface StepBase {
  readonly verb: StepVerb
  readonly reason: StepReason
  /** What a person reads: `'weight 1 -> 5'`. */
  readonly message: string
  /** Of what the object was when the plan was made; undefined where there was none. */
  readonly expect?: string | undefined
  /** `after` is what a kernel held: every value of it is taken, also those that nobody may ask for. */
  readonly held?: true | undefined
}

/** About a service. */
export interface ServiceStep extends StepBase {
  readonly kind: 'service'
  readonly service: ServiceKey
  readonly before?: ServiceConfig | undefined
  readonly after?: ServiceConfig | undefined
}

/** About a destination. */
export interface DestinationStep extends StepBase {
  readonly kind: 'destination'
  readonly service: ServiceKey
  readonly destination: DestinationKey
  readonly before?: DestinationConfig | undefined
  readonly after?: DestinationConfig | undefined
}

/** About a local address. */
export interface LocalAddressStep extends StepBase {
  readonly kind: 'localAddress'
  readonly service: ServiceKey
  readonly localAddress: string
}

/** About the timeouts of the kernel, seconds. */
export interface TimeoutsStep extends StepBase {
  readonly kind: 'timeouts'
  readonly before: Timeouts
  readonly after: { readonly [name in keyof Timeouts]?: number | undefined }
}

/** About a sync daemon. */
export interface DaemonStep extends StepBase {
  readonly kind: 'daemon'
  readonly before?: DaemonInput | undefined
  readonly after?: DaemonInput | undefined
}

/** Of a restored state only. */
export interface SysctlStep extends StepBase {
  readonly kind: 'sysctl'
  readonly name: string
  readonly before: SysctlValue
  readonly after: SysctlValue
}

/** One object, and what is done with it. */
export type PlanStep =
  | ServiceStep
  | DestinationStep
  | LocalAddressStep
  | TimeoutsStep
  | DaemonStep
  | SysctlStep

/** What works badly, or not at all, when the plan is done: docs/reconcile.md has the codes. */
export interface PlanWarning {
  /** `'fullnat-without-local-address'` */
  readonly code: string
  readonly message: string
  readonly service?: ServiceKey | undefined
  readonly destination?: DestinationKey | undefined
  readonly hint?: string | undefined
}

interface DrainingBase {
  readonly service: ServiceKey
  /** When it goes whatever it has, an ISO 8601 time; undefined: when its connections are gone. */
  readonly until?: string | undefined
}

/** Takes no new connections, or shall not, and waits for those that it has. */
export interface DrainingDestination extends DrainingBase {
  readonly kind: 'destination'
  readonly destination: DestinationKey
  /** When the plan was made. */
  readonly activeConnections: number
  /** When the plan was made. */
  readonly inactiveConnections: number
}

/** Not wanted any more, and in use (`drainLocalAddresses`). */
export interface DrainingLocalAddress extends DrainingBase {
  readonly kind: 'localAddress'
  readonly localAddress: string
  /** When the plan was made. */
  readonly connections: number
}

/** What drains once a plan is done. */
export type Draining = DrainingDestination | DrainingLocalAddress

/** What would make the kernel a desired state; nothing was changed yet. */
export interface Plan {
  readonly version: 1
  readonly dialect: Dialect
  /** In the order in which they are done. */
  readonly steps: readonly PlanStep[]
  readonly warnings: readonly PlanWarning[]
  /** What drains once the plan is done: it needs another look. */
  readonly draining: readonly Draining[]
  /** Objects that are as they should be. */
  readonly unchanged: number
}
