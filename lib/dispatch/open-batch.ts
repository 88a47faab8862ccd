/** The place of a batch among the other calls of a client. */

import type { RequestBuffer } from '../border/request'
import type { CallLimits } from './call-deadlines'
import type { CallPlan } from './call-plan'
import type { Settle, SettleCommands } from './pending-call'

/** Commands of a batch that stand together in `packed`; `base` is what `settle` calls the first. */
export interface CommandRange {
  readonly packed: RequestBuffer
  readonly at: number
  readonly count: number
  readonly base: number
}

/** The place of a batch among the calls: whatever else is called while it is filled comes after it. */
export interface OpenBatch {
  submit<T>(plan: CallPlan<T>, limits: CallLimits, settle: Settle<T>): void
  sendRange(range: CommandRange, limits: CallLimits, settle: SettleCommands): void
  /** It is filled. */
  close(): void
}
