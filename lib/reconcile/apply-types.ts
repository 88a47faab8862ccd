/** What became of a plan. */

import type { PlanStep } from './plan-types'

/**
 * `'done'`: by us. `'already'`: somebody else was faster, and it is as it was wanted. `'skipped'`: not tried, `why` says why.
 * `'failed'`: the kernel refused it. `'unknown'`: sent, the answer was lost, and nobody could look.
 */
export type StepStatus = 'done' | 'already' | 'skipped' | 'failed' | 'unknown'

/** Why a step was not tried. */
export type SkipReason =
  /** It only tells. */
  | 'report'
  /** The object is not what it was when the plan was made. */
  | 'changed-meanwhile'
  /** Something that had to come first for this service did not. */
  | 'depends-on-failed'
  /** `signal` was aborted before. */
  | 'aborted'

/** What became of one step. */
export interface StepOutcome {
  readonly step: PlanStep
  readonly status: StepStatus
  /** Where it was skipped. */
  readonly why?: SkipReason | undefined
  /** Why it failed, or why nobody knows: mostly an `IpvsError`. */
  readonly error?: unknown
}

/** What became of a plan. */
export interface Applied {
  /** One for each step of the plan, in its order. */
  readonly outcomes: readonly StepOutcome[]
  /** How many there are of each. */
  readonly counts: { readonly [status in StepStatus]: number }
  /** Nothing failed, nothing is unknown, nothing was skipped but reports. */
  readonly complete: boolean
}
