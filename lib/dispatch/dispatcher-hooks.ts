/** What the dispatcher asks of the client. */

import type { Admission } from '../kernel/machine-rules'
import type { KernelIdentity } from './settle-trip'

export interface DispatcherHooks {
  readonly kernel: KernelIdentity
  /** Called before the trips of a turn: what must not be sent now. */
  admissions(): readonly Admission[]
  /** The family is gone or has another number. Resolves when it is there again, rejects with what to tell callers. */
  reopen(): Promise<void>
}
