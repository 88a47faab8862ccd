/**
 * Runs commands and plans on a transport: everything of one tick in one trip, in the order of the calls wherever they
 * touch each other. While trips run only full ones are handed over behind them, so that the kernel never waits for
 * JavaScript when there is much to do.
 */

import type { RequestFields } from '../border/request'
import type { About } from '../border/request-subject'
import type { Transport } from '../border/transport'
import type { Admission } from '../kernel/machine-rules'
import type { ClientActivity } from '../model/activity'
import { Activity } from './activity'
import { BufferPool } from './buffer-pool'
import type { CallLimits } from './call-deadlines'
import { CallDeadlines } from './call-deadlines'
import type { CallPlan } from './call-plan'
import { CallQueue } from './call-queue'
import type { DispatcherHooks } from './dispatcher-hooks'
import type { OpenBatch } from './open-batch'
import type { PendingCall, Settle } from './pending-call'
import {
  abortError,
  closedError,
  isVerdict,
  type PendingCommands,
  PendingPlan,
  Promises,
  reopenError,
  verdictError,
} from './pending-call'
import { TripSettler } from './settle-trip'
import { pendingCommands, pendingPlan, tracesCalls } from './tracing'
import type { Trip } from './trip'
import { fillTrip } from './trip'

/** Trips that are handed over and not answered: what is in them can no longer be cancelled. */
const MOST_TRIPS = 16

export class Dispatcher {
  readonly buffers: BufferPool
  private readonly queue = new CallQueue()
  /** Calls that come behind the batch that is open; undefined: there is none, calls go into the queue. */
  private behind: PendingCall[] | undefined
  /** The last commands that were sent one by one: more go into the same call. */
  private last: { readonly call: PendingCommands; readonly promises: Promises } | undefined
  /** Trips that were handed over, in order. */
  private readonly running: Trip[] = []
  private readonly activity = new Activity()
  private readonly deadlines = new CallDeadlines(
    () => this.calls(),
    () => this.queue.dropped(),
    this.activity,
  )
  private readonly settler: TripSettler
  /** The family is looked for again. */
  private reopening = false
  private scheduled = false
  /** What must not be sent by the trips that are handed over while the caller still makes calls. */
  private admissions: readonly Admission[] | undefined
  /** Why nothing is sent any more: another kernel module answers. */
  private verdict: unknown
  private closed = false
  private readonly idle: (() => void)[] = []

  constructor(
    private readonly transport: Transport,
    private readonly hooks: DispatcherHooks,
  ) {
    this.buffers = new BufferPool(hooks.kernel.transportNumber, MOST_TRIPS)
    this.settler = new TripSettler(this.deadlines, hooks.kernel, this.buffers, this.activity)
  }

  /** Calls that have not been answered. */
  get pending(): number {
    const open = [...new Set(this.calls())].filter(({ settled }) => !settled)
    return open.reduce((sum, call) => sum + call.pending, 0)
  }

  report(): ClientActivity {
    return this.activity.report(this.queue.pending, this.pending)
  }

  /** Exactly one of `settle`'s functions is called, never before this returns. So it is with `send` and in a batch. */
  submit<T>(plan: CallPlan<T>, limits: CallLimits, settle: Settle<T>): void {
    this.append(this.planned(plan, limits, settle), this.behind)
  }

  send(
    command: RequestFields,
    limits: CallLimits,
    resolve: (value: undefined) => void,
    reject: (error: unknown) => void,
  ): void {
    this.activity.calls++
    const packed = this.buffers.stage(command)
    const term = this.deadlines.termFor(limits)
    const { last, behind } = this
    const before = behind ? behind[behind.length - 1] : this.queue.last
    const open = last && !last.call.settled && last.call === before && !tracesCalls()
    // A plan of a batch can have been staged behind it, and gone before it.
    const next = open && last.call.packed === packed && last.call.end === packed.count - 1
    if (next && last.call.term === term) {
      last.promises.add(resolve, reject)
      last.call.extend()
      if (!behind) {
        this.queue.requests++
        this.startFull()
      }
      return
    }
    const promises = new Promises()
    promises.add(resolve, reject)
    const call = pendingCommands(term, { packed, at: packed.count - 1, count: 1, base: 0 }, promises)
    this.last = { call, promises }
    this.append(call, behind)
  }

  /** For a function that fills the batch synchronously. */
  openBatch(): OpenBatch {
    // A batch within a batch comes after the outer one, as every other call does.
    const before = this.behind
    const behind: PendingCall[] = []
    this.behind = behind
    return {
      submit: (plan, limits, settle) => this.append(this.planned(plan, limits, settle), before),
      sendRange: (range, limits, settle) => {
        this.activity.calls += range.count
        this.append(pendingCommands(this.deadlines.termFor(limits), range, settle), before)
      },
      close: () => {
        this.behind = before
        for (const call of behind) this.append(call, before)
      },
    }
  }

  /** Queued calls reject, what was handed over ends first. Idempotent. */
  close(): Promise<void> {
    if (!this.closed) {
      this.closed = true
      this.rejectQueue(closedError)
      this.transport.close()
    }
    return new Promise((resolve) => {
      if (this.busy) this.idle.push(resolve)
      else resolve()
    })
  }

  private get busy(): boolean {
    return this.running.length > 0 || this.reopening
  }

  private *calls(): Iterable<PendingCall> {
    yield* this.queue.calls
    for (const { calls } of this.running) yield* calls
    yield* this.settler.stale
  }

  private planned<T>(plan: CallPlan<T>, limits: CallLimits, settle: Settle<T>): PendingPlan {
    this.activity.calls++
    const packed = this.buffers.stage(plan.request.fields)
    return pendingPlan(this.deadlines.termFor(limits), packed, plan, settle)
  }

  private append(call: PendingCall, behind: PendingCall[] | undefined): void {
    if (behind) behind.push(call)
    else this.enqueue(call)
  }

  private enqueue(call: PendingCall): void {
    const error = this.refusal(call)
    if (error) {
      process.nextTick(() => call.rejectAll((about) => this.activity.failed(error(call, about))))
    } else {
      this.queue.push(call)
      this.startFull()
    }
    if (this.scheduled) return
    this.scheduled = true
    // After the microtasks of this turn, so that calls made by resolved promises share the trip.
    process.nextTick(() => {
      this.scheduled = false
      this.deadlines.startClock()
      this.startTurn()
    })
  }

  /** Why it is not even queued; else it is attached. */
  private refusal(call: PendingCall): ((call: PendingCall, about: About) => unknown) | undefined {
    if (this.closed) return closedError
    if (this.verdict !== undefined) return verdictError(this.verdict)
    if (call.term.signal?.aborted) return abortError
    try {
      this.deadlines.attach(call)
    } catch (broken) {
      // A signal of somebody's own: no reason for other calls to fail.
      return () => broken
    }
    return undefined
  }

  /** Behind a running trip only full ones: what comes meanwhile goes together. */
  private mayStart(): boolean {
    const { length } = this.running
    if (this.reopening || this.settler.stale.length > 0 || this.queue.calls.length === 0) return false
    if (length === 0) return true
    return this.queue.full && length < MOST_TRIPS && !(this.running[length - 1] as Trip).holds
  }

  private startFull(): void {
    if (this.queue.full) this.start()
  }

  private start(): void {
    while (this.mayStart()) this.startTrip()
  }

  /** A new turn: what may be sent is looked at again. */
  private startTurn(): void {
    this.admissions = undefined
    this.start()
    this.admissions = undefined
  }

  private startTrip(): void {
    this.admissions ??= this.hooks.admissions()
    const refusals: (() => void)[] = []
    const { trip, rest } = fillTrip(
      this.queue.calls,
      this.admissions,
      (call, error) => refusals.push(() => this.deadlines.reject(call, error)),
      (call, parts) => {
        for (const part of parts) this.deadlines.attach(part)
        this.deadlines.detach(call)
      },
    )
    this.queue.replace(rest)
    this.buffers.startAnew(rest.length === 0 ? undefined : trip?.packed)
    if (trip) this.handOver(trip)
    for (const refuse of refusals) refuse()
  }

  private handOver(trip: Trip): void {
    this.running.push(trip)
    const end = this.activity.beginTrip(trip.packed, trip.calls.length)
    const request = trip.packed.job(this.hooks.kernel.dialectNumber)
    // A transport of somebody's own may throw as well as reject.
    new Promise<void>((resolve) =>
      resolve(this.transport.run(request, (buffer) => this.settler.take(buffer, trip))),
    ).then(
      () => {
        end()
        this.finish(trip)
      },
      (error) => {
        end(error)
        this.settler.breakAll(trip, error)
        this.finish(trip)
      },
    )
  }

  private finish(trip: Trip): void {
    this.settler.endTrip(trip)
    this.running.splice(this.running.indexOf(trip), 1)
    const { stale } = this.settler
    // What is sent again is still in it.
    if (stale.length === 0) this.buffers.giveBack(trip.packed)
    this.queue.insert(this.settler.takeWaiting())
    if (stale.length > 0 && this.running.length === 0) this.retry(stale)
    else this.ended()
  }

  private ended(): void {
    if (this.closed) this.rejectQueue(closedError)
    else this.startTurn()
    if (this.busy || !this.closed) return
    for (const resolve of this.idle.splice(0)) resolve()
  }

  private rejectQueue(error: typeof closedError): void {
    for (const call of this.queue.takeAll()) this.deadlines.reject(call, (about) => error(call, about))
  }

  /** Sends the stale calls once more, when the family they were sent to is there again. */
  private retry(stale: readonly PendingCall[]): void {
    for (const call of stale) {
      call.retried = true
      call.onTrip = false
      if (call instanceof PendingPlan) call.again()
    }
    const again = () => {
      this.reopening = false
      this.settler.stale = []
      this.queue.insert(stale.filter((call) => !call.settled))
      this.ended()
    }
    if (this.closed) {
      again()
      return
    }
    this.reopening = true
    new Promise<void>((resolve) => resolve(this.hooks.reopen())).then(again, (cause) => {
      for (const call of stale) this.deadlines.reject(call, (about) => reopenError(call, cause, about))
      if (isVerdict(cause)) {
        this.verdict = cause
        this.rejectQueue(verdictError(cause))
      }
      again()
    })
  }
}
