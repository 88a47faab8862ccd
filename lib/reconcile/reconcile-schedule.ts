/** When a `Reconciler` makes its next round, and why. */

import type { ReconcilerClock } from './reconciler-clock'
import type { Waits } from './reconciler-options'
import type { RoundCause } from './reconciler-types'

/** The more urgent first, where several are due. */
const CAUSES: readonly RoundCause[] = ['now', 'state', 'retry', 'drain', 'resync']

export class ReconcileSchedule {
  /** Rounds that failed in a row. */
  failures = 0
  /** By cause, of the clock's now(). */
  private readonly due = new Map<RoundCause, number>()

  constructor(
    private readonly waits: Waits,
    private readonly clock: ReconcilerClock,
  ) {}

  /** A state came. Those that come later within `debounce` do not put it off: a source that never rests must not. */
  stateCame(): void {
    if (!this.due.has('state')) this.due.set('state', this.clock.now() + this.waits.debounce)
  }

  atOnce(): void {
    this.due.set('now', this.clock.now())
  }

  /** Whatever was due is done with this round. */
  begin(): void {
    this.due.clear()
  }

  /** `deadline`: when the next drain ends by time, milliseconds since 1970; undefined where nothing drains. */
  succeeded(draining: boolean, deadline: number | undefined): void {
    const { interval, drainInterval } = this.waits
    this.failures = 0
    const now = this.clock.now()
    this.due.set('resync', now + this.varied(interval))
    if (!draining) return
    const left = deadline === undefined ? Number.POSITIVE_INFINITY : Math.max(0, deadline - this.clock.time())
    this.due.set('drain', now + Math.min(left, this.varied(drainInterval)))
  }

  /** `deadline` as above: a drain ends in time whatever else fails. */
  failed(deadline: number | undefined): void {
    const now = this.clock.now()
    this.failures++
    this.due.set('retry', now + this.backoff(this.failures))
    const left = (deadline ?? Number.NEGATIVE_INFINITY) - this.clock.time()
    // One that is over was tried with this round, or could not be.
    if (left > 0) this.due.set('drain', now + left)
  }

  /** Milliseconds to wait after so many failures. */
  backoff(failures: number): number {
    const { first, most } = this.waits
    return this.varied(Math.min(most, first * 2 ** (failures - 1)))
  }

  /** Milliseconds; undefined where nothing is planned. */
  get nextIn(): number | undefined {
    if (this.due.size === 0) return undefined
    return Math.max(0, Math.min(...Array.from(this.due.values())) - this.clock.now())
  }

  /** What a round is made for now; undefined where it is too early. */
  get cause(): RoundCause | undefined {
    const now = this.clock.now()
    return CAUSES.find((cause) => (this.due.get(cause) ?? Number.POSITIVE_INFINITY) <= now)
  }

  private varied(wait: number): number {
    return wait * (1 + this.waits.jitter * (2 * Math.random() - 1))
  }
}
