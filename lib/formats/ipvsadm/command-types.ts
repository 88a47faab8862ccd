/** What a rule says, as values of the model: only what was given. */

import type {
  DaemonInput,
  DaemonState,
  DestinationConfig,
  DestinationKey,
  ServiceConfig,
  ServiceKey,
  Timeouts,
} from '../../model/types'
import type { Span } from '../text/source-text'
import type { CommandName } from './options'

interface Rule<Name extends CommandName> {
  readonly command: Name
  /** From its first word to its last. */
  readonly span: Span
}

/** -A, -E. */
export interface ServiceRule extends Rule<'add-service' | 'edit-service'> {
  readonly service: ServiceKey
  /** Only what was given; a scheduler that was not is `'wlc'` to `add-service`. */
  readonly config: ServiceConfig
  /** -M without -p: of no effect but where an edit merges into a persistent service. */
  readonly netmask: string | number | undefined
}

/** -D. */
export interface RemoveServiceRule extends Rule<'remove-service'> {
  readonly service: ServiceKey
}

/** -a, -e. */
export interface DestinationRule extends Rule<'add-destination' | 'edit-destination'> {
  readonly service: ServiceKey
  /** With the port that ipvsadm would use: that of the service with -g and -i. */
  readonly destination: DestinationKey
  /** `forwarding` is `'direct-route'` where none was given. */
  readonly config: DestinationConfig
}

/** -d. */
export interface RemoveDestinationRule extends Rule<'remove-destination'> {
  readonly service: ServiceKey
  readonly destination: DestinationKey
}

/** -P, -Q of Alibaba's and dpvs's. */
export interface LocalAddressRule extends Rule<'add-local-address' | 'remove-local-address'> {
  readonly service: ServiceKey
  readonly localAddress: string
}

/** -L, -l. */
export interface ListRule extends Rule<'list'> {
  readonly service: ServiceKey | undefined
  /** Default `'services'`. */
  readonly what: 'services' | 'connections' | 'timeouts' | 'daemons'
  /** -n. */
  readonly numeric: boolean
  /** --stats. */
  readonly stats: boolean
  /** --rate. */
  readonly rate: boolean
  /** --thresholds. */
  readonly thresholds: boolean
  /** --persistent-conn. */
  readonly persistentConnections: boolean
  /** --tun-info. */
  readonly tunnels: boolean
  /** --exact. */
  readonly exact: boolean
  /** Without --nosort. */
  readonly sorted: boolean
}

/** -G of Alibaba's and dpvs's. */
export interface ListLocalAddressesRule extends Rule<'list-local-addresses'> {
  readonly service: ServiceKey | undefined
}

/** -Z. */
export interface ZeroRule extends Rule<'zero'> {
  /** Undefined: all. */
  readonly service: ServiceKey | undefined
}

/** -S. */
export interface SaveRule extends Rule<'save'> {
  /** -n. */
  readonly numeric: boolean
}

/** --set, seconds. */
export interface SetTimeoutsRule extends Rule<'set-timeouts'> {
  /** Only those that are not 0. */
  readonly timeouts: { readonly [name in keyof Timeouts]?: number | undefined }
}

/** --start-daemon. */
export interface StartDaemonRule extends Rule<'start-daemon'> {
  readonly daemon: DaemonInput
}

/** --stop-daemon. */
export interface StopDaemonRule extends Rule<'stop-daemon'> {
  readonly state: DaemonState
}

/** -R, -C, --help, --version. */
export type PlainRule = Rule<'restore' | 'flush' | 'help' | 'version'>

/** One command line of ipvsadm; `command` says which. */
export type IpvsadmCommand =
  | ServiceRule
  | RemoveServiceRule
  | DestinationRule
  | RemoveDestinationRule
  | LocalAddressRule
  | ListRule
  | ListLocalAddressesRule
  | ZeroRule
  | SaveRule
  | SetTimeoutsRule
  | StartDaemonRule
  | StopDaemonRule
  | PlainRule
