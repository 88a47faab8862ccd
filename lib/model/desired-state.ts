/** What a director should be: plain data, as JSON or YAML has it. Importers write it, the reconcile reads it. */

import type {
  AddressServiceKey,
  DaemonInput,
  DestinationConfig,
  DestinationKey,
  FwmarkServiceKey,
  ServiceConfig,
  Timeouts,
} from './types'

/** Local addresses that several services share, as keepalived's `local_address_group` does. */
export interface DesiredPool {
  /** Addresses, ranges (`'10.1.0.1-10.1.0.20'`) and networks (`'10.1.0.0/28'`, all addresses of it). */
  readonly addresses: readonly string[]
}

/**
 * `'on'`: as configured. `'drain'`: takes no new connections, and goes when those it has are gone. `'off'`: is not there.
 * Default `'on'`.
 */
export type DesiredDestinationState = 'on' | 'drain' | 'off'

/** What a destination shall be. */
export interface DesiredDestinationConfig extends DestinationConfig {
  readonly state?: DesiredDestinationState | undefined
  /** Why it is not on: kept apart, so that one who drains does not overrule one who checks health. */
  readonly reason?: 'drain' | 'health' | 'maintenance' | undefined
  /**
   * With `state: 'drain'`: when it goes, whatever connections it still has; an ISO 8601 time. It stands here, and not with
   * whoever drains, so that a restart forgets nothing. Needed for UDP services, whose connections never end by themselves.
   */
  readonly until?: string | undefined
}

export type DesiredDestination = DestinationKey & DesiredDestinationConfig

/** A local address that goes when its connections are gone; it is never added. */
export interface DesiredLocalAddressDrain {
  readonly address: string
  /**
   * When it goes whatever connections it still has, an ISO 8601 time. As long as it is in the list of a kernel it takes new ones
   * (ip_vs_conn.c:ip_vs_get_laddr): a busy service needs it.
   */
  readonly until?: string | undefined
}

/** What a service shall be, with all that it has. */
export interface DesiredServiceConfig extends ServiceConfig {
  /** For people, and for labels of metrics; nothing of the kernel. */
  readonly name?: string | undefined
  /** Absent: no opinion, what is there stays. Empty: there are none. */
  readonly destinations?: readonly DesiredDestination[] | undefined
  /** Absent: no opinion, what is there stays. Empty: there are none. */
  readonly localAddresses?: readonly string[] | { readonly pool: string } | undefined
  /** Those that go without haste. One that is named in neither goes at once, where `localAddresses` is not absent. */
  readonly drainLocalAddresses?: readonly DesiredLocalAddressDrain[] | undefined
}

export type DesiredService = (AddressServiceKey | FwmarkServiceKey) & DesiredServiceConfig

/** Absent is "no opinion" everywhere, and different from empty. */
export interface DesiredState {
  readonly pools?: { readonly [name: string]: DesiredPool } | undefined
  readonly services?: readonly DesiredService[] | undefined
  /** Seconds; those that are named. */
  readonly timeouts?: { readonly [name in keyof Timeouts]?: number | undefined } | undefined
  readonly daemons?: readonly DaemonInput[] | undefined
}
