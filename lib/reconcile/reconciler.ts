/** `Reconciler`: keeps a director what it should be, until it is stopped. */

import type { DesiredState } from '../model/desired-state'
import type { ReconcilerActivity } from '../model/reconciler-activity'
import { TraceChannel } from '../model/trace-channel'
import { nextTurn } from '../model/turn'
import type { ServiceKey } from '../model/types'
import { DesiredSource } from './desired-source'
import { Listeners } from './listeners'
import { checkOwnership, refuseUnmanaged } from './ownership'
import type { RoundResult } from './reconcile-round'
import { Rounds } from './reconcile-round'
import { ReconcileSchedule } from './reconcile-schedule'
import { ReconcilerCounts } from './reconciler-counts'
import type { CheckedReconcilerOptions, ReconcilerOptions } from './reconciler-options'
import { checkReconcilerOptions } from './reconciler-options'
import { ReconcilerProgress } from './reconciler-progress'
import type { FailurePhase, ReconcilerEvents, ReconcilerStatus, Round, RoundCause } from './reconciler-types'
import { RememberedServices } from './remembered-services'
import { wantedOrProblems } from './wanted'

/** `tracingChannel('ipvs-fullnat:reconcile')`: a `Round` as it stands, whole at `asyncEnd`. */
const trace = new TraceChannel('ipvs-fullnat:reconcile')

type Mutable<T> = { -readonly [name in keyof T]: T[name] }

/**
 * Takes desired states, and makes the kernel what the newest one says: one round at a time, again at an interval for what
 * somebody else changed, at the deadlines of drains, and after a failure with waits that grow. No method rejects, nothing is
 * thrown later, and it goes on until `stop()`.
 *
 * ```ts
 * import { Ipvs } from 'ipvs-fullnat'
 * import { type DesiredState, Reconciler } from 'ipvs-fullnat/reconcile'
 *
 * async function* states(): AsyncIterable<DesiredState> {
 *   yield { services: [] }
 * }
 * const reconciler = new Reconciler({ open: () => Ipvs.open(), desired: states() })
 * reconciler.on('error', (error, phase) => console.error(phase, error)).start()
 * // …
 * await reconciler.stop()
 * ```
 */
export class Reconciler extends Listeners<ReconcilerEvents> {
  private readonly options: CheckedReconcilerOptions
  private readonly source: DesiredSource
  private readonly schedule: ReconcileSchedule
  private readonly rounds: Rounds
  private readonly remembers: RememberedServices
  private readonly counts = new ReconcilerCounts()
  private phase: ReconcilerStatus['phase'] = 'new'
  private paused = false
  private readonly progress: ReconcilerProgress
  /** Ends the wait of the loop. */
  private wake: (() => void) | undefined
  private loop: Promise<void> | undefined
  /** Ends the waits of a source that failed. */
  private readonly ends = new Set<() => void>()
  private asked: ((round: Round | undefined) => void)[] = []
  private current: Promise<unknown> = Promise.resolve()

  /** Throws for a wrong option; nothing is opened or read before `start()`. */
  constructor(options: ReconcilerOptions) {
    super()
    const checked = checkReconcilerOptions(options)
    this.options = checked
    const { remembered, remember, waits, clock, source, restarts } = checked
    checkOwnership({ remembered })
    this.progress = new ReconcilerProgress(() => clock.time())
    this.remembers = new RememberedServices(remembered, remember)
    this.schedule = new ReconcileSchedule(waits, clock)
    this.rounds = new Rounds(checked, this.remembers)
    this.source = new DesiredSource({
      source,
      restarts,
      take: (state) => this.take(state),
      failed: (error) => this.fail(error, 'source'),
      wait: (failures) => this.pauseOf(this.schedule.backoff(failures)),
    })
  }

  /** Idempotent. */
  start(): this {
    if (this.loop || this.phase === 'stopped') return this
    this.phase = 'idle'
    this.loop = this.run()
    this.source.run()
    return this
  }

  /**
   * Nothing is done by itself until `resume()`; desired states are taken all the same. Resolves when the round that runs has
   * ended.
   */
  async pause(): Promise<void> {
    this.paused = true
    this.wake?.()
    await this.current
  }

  /** Goes on after `pause`. */
  resume(): void {
    this.paused = false
    this.wake?.()
  }

  /**
   * One round at once, without waiting for anything but the round that runs, also while it is paused. Resolves to that round,
   * failed or not; to undefined where it was stopped, or never started.
   */
  now(): Promise<Round | undefined> {
    if (!this.loop || this.phase === 'stopped') return Promise.resolve(undefined)
    return new Promise((resolve) => {
      this.asked.push(resolve)
      this.schedule.atOnce()
      this.wake?.()
    })
  }

  /**
   * Takes no more states, lets the round that runs come to its end, and closes the client; `open` is not waited for, `remember` is.
   * What was done stays: every step leaves a kernel that works, and another Reconciler goes on from there. Idempotent.
   */
  async stop(): Promise<void> {
    this.phase = 'stopped'
    this.source.stop()
    this.rounds.end()
    for (const end of Array.from(this.ends)) end()
    this.wake?.()
    await this.loop
    await this.rounds.close()
    for (const resolve of this.asked.splice(0)) resolve(undefined)
  }

  /** How it stands, without a look at the kernel. */
  status(): ReconcilerStatus {
    const { schedule } = this
    const phase = this.phase === 'idle' && this.paused ? 'paused' : this.phase
    const nextIn = phase === 'idle' ? schedule.nextIn : undefined
    return { phase, ...this.progress.report(), failures: schedule.failures, nextIn }
  }

  /** For `ipvs-fullnat/metrics`: `collect(ipvs, { reconciler })`. */
  activity(): ReconcilerActivity {
    const { wanted, reached, settled, draining, reports } = this.progress
    return {
      generation: { wanted, reached },
      settled,
      failures: this.schedule.failures,
      ...this.counts.report(),
      draining: draining.length,
      reports: reports.length,
    }
  }

  /** Services that are ours; undefined where `remembered` was not given, and every service of the scope is. */
  get remembered(): readonly ServiceKey[] | undefined {
    return this.remembers.list
  }

  private async take(state: DesiredState): Promise<void> {
    this.progress.came()
    try {
      const check = wantedOrProblems(state)
      let step = check.next()
      // Whoever calls now() when a small state has come gets a round of it.
      for (; !step.done; step = check.next()) await nextTurn()
      const wanted = step.value
      const keys = Array.from(wanted.services?.values() ?? [], ({ key }) => key)
      refuseUnmanaged(checkOwnership(this.options.planOptions(state)), keys)
      this.progress.accept(state, wanted)
    } catch (error) {
      // The kernel stays what the last good one says.
      this.fail(error, 'state')
      return
    }
    this.schedule.stateCame()
    this.wake?.()
  }

  /** Never rejects. */
  private async run(): Promise<void> {
    while (this.phase !== 'stopped') {
      const cause = this.dueCause()
      if (cause === undefined) {
        await this.untilWoken()
        continue
      }
      this.phase = 'working'
      const round = this.round(cause)
      this.current = round
      await round
    }
  }

  private dueCause(): RoundCause | undefined {
    if (this.asked.length > 0) return 'now'
    return this.paused ? undefined : this.schedule.cause
  }

  private async untilWoken(): Promise<void> {
    const wait = this.paused ? undefined : this.schedule.nextIn
    await this.pauseOf(wait, (wake) => {
      this.wake = wake
    })
    this.wake = undefined
  }

  /** Resolves after so many milliseconds, with `stop()`, or when what `early` got is called. */
  private pauseOf(milliseconds: number | undefined, early?: (end: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      let cancel = (): void => {}
      const end = (): void => {
        cancel()
        this.ends.delete(end)
        resolve()
      }
      this.ends.add(end)
      early?.(end)
      if (this.phase === 'stopped') end()
      else if (milliseconds !== undefined) cancel = this.options.clock.after(milliseconds, end)
    })
  }

  private async round(cause: RoundCause): Promise<void> {
    const asked = this.asked.splice(0)
    const { desired, generation, wasReached, draining: drainedBefore } = this.progress
    this.schedule.begin()
    const context: Mutable<Round> = {
      cause,
      generation,
      plan: undefined,
      applied: undefined,
      drift: [],
      error: undefined,
    }
    const traced = trace.active
    if (traced) trace.begin(context)
    if (desired) {
      const { failedIn, ...round } = await this.rounds.make({
        cause,
        generation,
        desired: desired.state,
        wanted: desired.wanted,
        wasReached,
        drainedBefore,
        drifted: (drift) => {
          this.progress.unsettle()
          this.emit('drift', drift)
        },
      })
      Object.assign(context, round)
      this.took({ ...round, failedIn })
    }
    // Who hears of it sees it ended.
    if (this.phase === 'working') this.phase = 'idle'
    if (traced) trace.end(context)
    for (const resolve of asked) resolve(context)
    this.emit('round', context)
  }

  /** A round has ended. */
  private took(round: RoundResult): void {
    const { plan, error, failedIn, generation } = round
    const { progress, schedule } = this
    this.counts.round(round)
    if (plan) progress.planned(plan)
    if (failedIn === undefined) {
      schedule.succeeded(progress.draining.length > 0, progress.deadline)
      if (progress.succeeded(generation)) this.emit('reached', generation)
    } else {
      schedule.failed(progress.deadline)
      progress.failed()
      this.fail(error, failedIn, true)
    }
  }

  private fail(error: unknown, phase: FailurePhase, counted = false): void {
    if (!counted) this.counts.error(error)
    this.progress.lastError = error
    this.emit('error', error, phase)
  }
}
