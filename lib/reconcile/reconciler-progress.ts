/** How far a `Reconciler` has come. */

import type { DesiredState } from '../model/desired-state'
import type { Draining, Plan, PlanStep, PlanWarning } from './plan-types'
import type { ReconcilerStatus } from './reconciler-types'
import type { WantedState } from './wanted-types'

export class ReconcilerProgress {
  /** The newest that was not refused. */
  desired: { readonly state: DesiredState; readonly wanted: WantedState } | undefined
  /** Its number. */
  generation = 0
  /** How many came, refused or not. */
  wanted = 0
  /** The number of the one that the kernel was made to be. */
  reached = 0
  settled = false
  lastError: unknown
  draining: readonly Draining[] = []
  reports: readonly PlanStep[] = []
  private warnings: readonly PlanWarning[] = []
  private since: number
  /** The last round did everything. */
  private whole = false

  /** `time`: milliseconds since 1970. */
  constructor(private readonly time: () => number) {
    this.since = time()
  }

  /** The kernel was what `desired` says: what differs now is somebody else's doing. */
  get wasReached(): boolean {
    return this.whole && this.reached === this.generation
  }

  /** When the next drain ends by time, milliseconds since 1970; undefined where none does. */
  get deadline(): number | undefined {
    const times = this.draining
      .map(({ until }) => (until === undefined ? Number.NaN : Date.parse(until)))
      .filter((time) => !Number.isNaN(time))
    return times.length > 0 ? Math.min(...times) : undefined
  }

  came(): void {
    this.wanted++
    this.unsettle()
  }

  accept(state: DesiredState, wanted: WantedState): void {
    this.desired = { state, wanted }
    this.generation = this.wanted
  }

  planned(plan: Plan): void {
    this.draining = plan.draining
    this.reports = plan.steps.filter(({ verb }) => verb === 'report')
    this.warnings = plan.warnings
  }

  failed(): void {
    this.whole = false
    this.unsettle()
  }

  /** True where this state is reached for the first time. */
  succeeded(generation: number): boolean {
    const isNew = this.reached !== generation
    this.whole = true
    this.reached = generation
    if (this.wanted === generation) {
      this.lastError = undefined
      if (!this.settled) this.since = this.time()
      this.settled = true
    }
    return isNew
  }

  unsettle(): void {
    if (this.settled) this.since = this.time()
    this.settled = false
  }

  report(): Omit<ReconcilerStatus, 'phase' | 'failures' | 'nextIn'> {
    const { wanted, reached, settled, since, lastError, draining, reports, warnings } = this
    return { generation: { wanted, reached }, settled, since, lastError, draining, reports, warnings }
  }
}
