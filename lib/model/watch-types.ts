/** Shapes of what `ipvs.watch()` tells. */

import type { CallOptions } from './call-types'
import type {
  DestinationInfo,
  DestinationKey,
  LocalAddressInfo,
  ServiceInfo,
  ServiceKey,
  Snapshot,
} from './types'

export interface WatchOptions extends CallOptions {
  /**
   * Milliseconds from one poll to the next, 1–2147483647. Mainline adds its counters up every two seconds
   * (ip_vs_est.c:estimation_timer): below that, rates jump between 0 and too much.
   */
  readonly interval: number
  /**
   * By what part of `interval` each wait is made longer or shorter at random, 0–0.5. Default 0.1: programs that were
   * started together do not ask at the same time for ever.
   */
  readonly jitter?: number | undefined
  /** Connections by state with each event. Default false: it reads the whole table of connections. */
  readonly connections?: boolean | undefined
  /** The first error ends the iteration: it rejects with it. Default false: errors are events, and it goes on. */
  readonly stopOnError?: boolean | undefined
}

/**
 * What `ipvs.watch()` iterates over: the state of the table, or why it could not be read. `event.error` tells them
 * apart.
 */
export type WatchEvent = WatchState | WatchFailure

/** The table as a poll saw it. */
export interface WatchState {
  readonly error?: undefined
  /** When the table was read, as `Date.now()` says it. */
  readonly at: number
  /** Milliseconds since the table of the state before was read, by a clock that only goes forward; undefined in the first. */
  readonly elapsed: number | undefined
  /**
   * The table. What has not changed is the same object in the next event, so everything in it is frozen. `consistent` is
   * undefined.
   */
  readonly snapshot: Snapshot
  /** What went by since the state before; undefined in the first. */
  readonly rates: WatchRates | undefined
  /**
   * How the table of the state before became this one, in a fixed order: by service and, in it, what vanished, the service
   * itself, destinations, local addresses, each by identity. Counters and numbers of connections are no changes. Empty in
   * the first.
   */
  readonly changes: readonly WatchChange[]
  /** Connections by state; undefined where they were not asked for or cannot be counted. */
  readonly connections: ReadonlyMap<string, number> | undefined
  /**
   * Why `connections` is undefined although they were asked for: `ERR_IPVS_UNSUPPORTED` where the kernel has no list, in
   * the first event only.
   */
  readonly connectionsError: Error | undefined
}

/** A poll that failed. The next state goes on from the last one that was told. */
export interface WatchFailure {
  readonly error: Error
  /** When it failed, as `Date.now()` says it. */
  readonly at: number
  /** How many polls have failed in a row. */
  readonly failures: number
  /** Milliseconds until the next poll. */
  readonly retryIn: number
  readonly elapsed?: undefined
  readonly snapshot?: undefined
  readonly rates?: undefined
  readonly changes?: undefined
  readonly connections?: undefined
  readonly connectionsError?: undefined
}

/** Per second, by the counters of two events. Never negative. */
export interface TrafficRates {
  /** New ones. */
  readonly connections: number
  /** From clients. */
  readonly inPackets: number
  /** To clients, as far as answers come by. */
  readonly outPackets: number
  /** From clients. */
  readonly inBytes: number
  /** To clients, as far as answers come by. */
  readonly outBytes: number
  /** Counters went back: all rates are 0 and say nothing. Of the total: something in it is left out for that reason. */
  readonly reset: boolean
}

/** Rates of everything in a snapshot. They are computed when they are asked for. */
export interface WatchRates extends Iterable<MovingRates> {
  /** The sum over the services. */
  readonly total: TrafficRates
  /** Undefined where the snapshot has no such service, or the one before had not. */
  service(service: ServiceKey): TrafficRates | undefined
  /** Undefined where the snapshot has no such destination, or the one before had not. */
  destination(service: ServiceKey, destination: DestinationKey): TrafficRates | undefined
  /** What moved or was reset, in the order of the snapshot. */
  [Symbol.iterator](): Iterator<MovingRates, undefined>
}

/** Of a service, or of a destination in it. */
export interface MovingRates {
  readonly service: ServiceInfo
  readonly destination: DestinationInfo | undefined
  readonly rates: TrafficRates
}

/** Where in the table something changed. */
type Place =
  | {
      readonly object: 'service'
      readonly service: ServiceKey
      readonly destination?: undefined
      readonly localAddress?: undefined
    }
  | {
      readonly object: 'destination'
      readonly service: ServiceKey
      readonly destination: DestinationKey
      readonly localAddress?: undefined
    }
  | {
      readonly object: 'local-address'
      readonly service: ServiceKey
      readonly destination?: undefined
      readonly localAddress: string
    }

/** A row of the table. */
export type WatchedRowInfo = ServiceInfo | DestinationInfo | LocalAddressInfo

/** It is in the table and was not. What is in a new service has a change of its own. */
export type Appeared = Place & { readonly kind: 'appeared'; readonly now: WatchedRowInfo }

/** It was in the table and is not: two dumps in a row did not have it. */
export type Vanished = Place & { readonly kind: 'vanished'; readonly before: WatchedRowInfo }

/** One property of a service or destination, as it is named there. */
export type Changed = Exclude<Place, { readonly object: 'local-address' }> & {
  readonly kind: 'changed'
  /** `'weight'`, `'scheduler'` … */
  readonly property: string
  readonly from: unknown
  readonly to: unknown
}

/** What is different from the poll before, one for each object that appeared or vanished and each property that changed. */
export type WatchChange = Appeared | Changed | Vanished
