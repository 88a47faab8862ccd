/** A desired state once it is checked: by identity, defaults filled in, pools expanded. */

import type { DesiredDestination, DesiredDestinationState } from '../model/desired-state'
import type { NormalizedServiceChange, NormalizedServiceKey } from '../model/normalized'
import type {
  DaemonInput,
  DestinationConfig,
  DestinationKey,
  ServiceConfig,
  ServiceKey,
  Timeouts,
  Tunnel,
} from '../model/types'

/** One object each: a state can have hundreds of thousands. */
export interface WantedDestination extends DestinationKey {
  readonly forwarding: DestinationConfig['forwarding']
  readonly weight: number
  readonly upperThreshold: number
  readonly lowerThreshold: number
  readonly tunnel: Tunnel | undefined
  readonly state: DesiredDestinationState
  readonly reason: DesiredDestination['reason']
  /** Milliseconds since 1970; when it goes whatever connections it has. */
  readonly until: number | undefined
  /** It has been listed: its values are what a kernel held. */
  readonly held: boolean
}

export interface WantedService {
  readonly key: ServiceKey
  readonly name: string | undefined
  /** It has been listed, and so have its local addresses. */
  readonly held: boolean
  /** What the caller named; what is left out has its default. */
  readonly config: ServiceConfig
  /** Undefined: no opinion. In the order in which they were named. */
  readonly destinations: readonly WantedDestination[] | undefined
  /** Undefined: no opinion. Canonical. */
  readonly localAddresses: ReadonlySet<string> | undefined
  /** Canonical; when each goes whatever it has, milliseconds since 1970. */
  readonly drainLocalAddresses: ReadonlyMap<string, number | undefined>
  readonly checked: { readonly service: NormalizedServiceKey; readonly change: NormalizedServiceChange }
}

export interface WantedState {
  /** By `serviceKeyId`; undefined: no opinion. */
  readonly services: ReadonlyMap<string, WantedService> | undefined
  readonly timeouts: { readonly [name in keyof Timeouts]?: number | undefined } | undefined
  readonly daemons: readonly DaemonInput[] | undefined
}
