/**
 * Runs commands and plans on a transport: in the order they were called, everything of one tick in one trip. While trips
 * run only full ones are handed over behind them, so that the kernel never waits for JavaScript when there is much to do.
 */

import { performance } from 'perf_hooks'
import type { RequestBuffer, RequestFields } from '../border/request'
import { TRIP_REQUESTS } from '../border/request'
import type { Transport } from '../border/transport'
import type { IpvsError } from '../errors/ipvs-error'
import { ownError } from '../errors/ipvs-error'
import type { Admission } from '../kernel/machine-rules'
import { BufferPool } from './buffer-pool'
import type { Terms } from './call-deadlines'
import { CallDeadlines } from './call-deadlines'
import type { CallPlan } from './call-plan'
import type { PendingCall, Settle, SettleCommands } from './pending-call'
import { abortError, closedError, PendingCommands, PendingPlan, Promises } from './pending-call'
import type { KernelIdentity } from './settle-trip'
import { TripSettler } from './settle-trip'
import type { Trip } from './trip'
import { fillTrip } from './trip'

export interface DispatcherHooks {
  readonly kernel: KernelIdentity
  /** Called before the trips of a turn: what must not be sent now. */
  admissions(): readonly Admission[]
  /** The family is gone or has another number. Resolves when it is there again, rejects with what to tell callers. */
  reopen(): Promise<void>
}

/** Commands of a batch that stand together in `packed`; `base` is what `settle` calls the first. */
export interface CommandRange {
  readonly packed: RequestBuffer
  readonly at: number
  readonly count: number
  readonly base: number
}

/** Jobs that are handed over and not answered: what is in them can no longer be cancelled. */
const MOST_TRIPS = 16

export class Dispatcher {
  readonly buffers: BufferPool
  private queue: PendingCall[] = []
  /** Requests in the queue, those of settled calls included. */
  private queued = 0
  /** The last commands that were sent one by one: more go into the same call. */
  private last: { readonly call: PendingCommands; readonly promises: Promises } | undefined
  /** Jobs that were handed over, in order. */
  private readonly running: Trip[] = []
  private readonly deadlines = new CallDeadlines(() => this.calls())
  private readonly settler: TripSettler
  /** The family is looked for again. */
  private reopening = false
  private scheduled = false
  /** What may be sent by the trips that are handed over while the caller still makes calls. */
  private admissions: readonly Admission[] | undefined
  private closed = false
  private idle: (() => void)[] = []

  constructor(
    private readonly transport: Transport,
    private readonly hooks: DispatcherHooks,
  ) {
    this.buffers = new BufferPool(hooks.kernel.transportNumber, MOST_TRIPS)
    this.settler = new TripSettler(this.deadlines, hooks.kernel, this.buffers)
  }

  /** Calls that have not been answered. */
  get pending(): number {
    const open = [...new Set(this.calls())].filter(({ settled }) => !settled)
    return open.reduce((sum, call) => sum + call.pending, 0)
  }

  /** Exactly one of `settle`'s functions is called, never before this returns. So it is with the two below. */
  submit<T>(plan: CallPlan<T>, terms: Terms, settle: Settle<T>): void {
    const packed = this.buffers.stage(plan.request.fields)
    const term = this.deadlines.termFor(terms)
    const call = new PendingPlan(term, packed, plan as CallPlan<unknown>, settle as Settle<unknown>)
    call.at = packed.count - 1
    call.count = 1
    this.enqueue(call)
  }

  send(
    command: RequestFields,
    terms: Terms,
    resolve: (value: undefined) => void,
    reject: (error: unknown) => void,
  ): void {
    const packed = this.buffers.stage(command)
    const term = this.deadlines.termFor(terms)
    const { last } = this
    const open = last && !last.call.settled && last.call === this.queue[this.queue.length - 1]
    if (open && last.call.term === term && last.call.packed === packed) {
      last.promises.add(resolve, reject)
      last.call.extend()
      this.grown(1)
      return
    }
    const promises = new Promises()
    promises.add(resolve, reject)
    const call = new PendingCommands(term, packed, packed.count - 1, 1, promises, 0)
    this.last = { call, promises }
    this.enqueue(call)
  }

  sendRange({ packed, at, count, base }: CommandRange, terms: Terms, settle: SettleCommands): void {
    this.enqueue(new PendingCommands(this.deadlines.termFor(terms), packed, at, count, settle, base))
  }

  /** Queued calls reject, what was handed over ends first. Idempotent. */
  close(): Promise<void> {
    if (!this.closed) {
      this.closed = true
      this.rejectQueue()
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
    yield* this.queue
    for (const { calls } of this.running) yield* calls
    yield* this.settler.stale
  }

  private enqueue(call: PendingCall): void {
    const error = this.closed ? closedError : call.term.signal?.aborted ? abortError : undefined
    if (error) {
      process.nextTick(() => call.rejectAll((about) => error(call, about)))
    } else {
      this.deadlines.attach(call)
      this.queue.push(call)
      this.grown(call.count)
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

  /** There are so many more requests in the queue. */
  private grown(requests: number): void {
    this.queued += requests
    if (this.queued >= TRIP_REQUESTS) this.start()
  }

  private enqueueFirst(calls: readonly PendingCall[]): void {
    this.queue = calls.concat(this.queue)
    for (const { count } of calls) this.queued += count
  }

  /** Behind a running trip only full ones: what comes meanwhile goes together. */
  private mayStart(): boolean {
    const { length } = this.running
    if (this.reopening || this.settler.stale.length > 0 || this.queue.length === 0) return false
    if (length === 0) return true
    return this.queued >= TRIP_REQUESTS && length < MOST_TRIPS && !(this.running[length - 1] as Trip).holds
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
    const { trip, taken } = fillTrip(this.queue, performance.now(), this.admissions, (call, error) =>
      this.deadlines.reject(call, error),
    )
    for (const call of this.queue.splice(0, taken)) this.queued -= call.count
    this.buffers.startAnew(this.queue.length === 0 ? undefined : trip?.packed)
    if (!trip) return
    this.running.push(trip)
    const request = trip.packed.job(this.hooks.kernel.dialectNumber)
    // A transport of somebody's own may throw as well as reject.
    new Promise<void>((resolve) =>
      resolve(this.transport.run(request, (buffer) => this.settler.take(buffer, trip))),
    ).then(
      () => this.finish(trip),
      (error) => {
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
    this.enqueueFirst(this.settler.takeWaiting())
    if (stale.length > 0 && this.running.length === 0) this.retry(stale)
    else this.ended()
  }

  private ended(): void {
    if (!this.closed) {
      this.startTurn()
      return
    }
    this.rejectQueue()
    if (this.busy) return
    const idle = this.idle
    this.idle = []
    for (const resolve of idle) resolve()
  }

  private rejectQueue(): void {
    const waiting = this.queue
    this.queue = []
    this.queued = 0
    for (const call of waiting) this.deadlines.reject(call, (about) => closedError(call, about))
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
      this.enqueueFirst(stale.filter((call) => !call.settled))
      this.ended()
    }
    if (this.closed) {
      again()
      return
    }
    this.reopening = true
    this.hooks.reopen().then(again, (error) => {
      const { code, message } = error as IpvsError
      const description = message.slice(message.indexOf(': ') + 2).replace(/, open$/, '')
      for (const call of stale) {
        this.deadlines.reject(call, (about) =>
          ownError(code as 'ERR_IPVS_NOT_LOADED', { ...about, description }),
        )
      }
      again()
    })
  }
}
