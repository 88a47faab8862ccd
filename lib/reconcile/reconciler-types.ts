/** What a `Reconciler` tells. */

import type { Applied } from './apply-types'
import type { Draining, Plan, PlanStep, PlanWarning } from './plan-types'

/** Why a round was made. */
export type RoundCause =
  /** A desired state came. */
  | 'state'
  /** The interval has passed. */
  | 'resync'
  /** Something drains: its connections are looked at, or its time has come. */
  | 'drain'
  /** The round before failed. */
  | 'retry'
  /** `now()` was called. */
  | 'now'

/** One look at the kernel, and what was done. */
export interface Round {
  readonly cause: RoundCause
  /** The desired state that it was for; 0: there is none yet, and nothing was done. */
  readonly generation: number
  /** Undefined where it could not be made. */
  readonly plan: Plan | undefined
  /** Undefined where nothing was to be done. */
  readonly applied: Applied | undefined
  /** Of the steps of the plan, those that somebody else made necessary. */
  readonly drift: readonly PlanStep[]
  /** Why the kernel is not what it should be after all; undefined where it is. */
  readonly error: unknown
}

/** What has failed. */
export type FailurePhase = 'source' | 'state' | 'open' | 'plan' | 'remember' | 'apply'

/** What somebody else has changed. */
export interface Drift {
  /** Number of the desired state that the kernel was to be. */
  readonly generation: number
  /** What is done about it, with what was there and what will be. */
  readonly steps: readonly PlanStep[]
}

/** By event, what its listeners get. None has to be there: an error without a listener is in `status()` all the same. */
export interface ReconcilerEvents {
  /** A round has ended, however. */
  readonly round: readonly [round: Round]
  /** Somebody else has changed the kernel; told before it is mended. */
  readonly drift: readonly [drift: Drift]
  /** The kernel is what this desired state says, for the first time. */
  readonly reached: readonly [generation: number]
  /** It goes on; `failures` of `status()` says how long it waits. */
  readonly error: readonly [error: unknown, phase: FailurePhase]
}

/** How a `Reconciler` stands. */
export interface ReconcilerStatus {
  /** `'idle'` waits for what comes next; `'working'` is in a round. */
  readonly phase: 'new' | 'idle' | 'working' | 'paused' | 'stopped'
  /** How many desired states came, and the number of the one that the kernel was made to be. 0 before the first. */
  readonly generation: { readonly wanted: number; readonly reached: number }
  /** The kernel is what the newest desired state says, as far as it was seen; `reports` are what it cannot or may not be. */
  readonly settled: boolean
  /** Since when that is so, milliseconds since 1970. */
  readonly since: number
  /** Of the last failure since the kernel was what it should be. */
  readonly lastError: unknown
  /** Rounds that failed in a row. */
  readonly failures: number
  readonly draining: readonly Draining[]
  /** Steps of the last plan that are only told. */
  readonly reports: readonly PlanStep[]
  readonly warnings: readonly PlanWarning[]
  /** Milliseconds until the next round; undefined where none is planned. */
  readonly nextIn: number | undefined
}
