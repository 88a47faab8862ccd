/**
 * Runs commands and programs on a transport: in the order they were called, everything of one tick in one job. While jobs
 * run only full ones are handed over behind them, so that the kernel never waits for JavaScript when there is much to do.
 */

import { performance } from 'perf_hooks'
import type { RequestBuffer, RequestFields } from '../border/request'
import { JOB_REQUESTS } from '../border/request'
import type { Transport } from '../border/transport'
import type { IpvsError } from '../errors/ipvs-error'
import { ownError } from '../errors/ipvs-error'
import { Staging } from './buffer-pool'
import type { Terms } from './call-deadlines'
import { Lifetimes } from './call-deadlines'
import type { Program } from './call-plan'
import type { Entry, Settle, SettleCommands } from './pending-call'
import { abortError, CommandEntry, closedError, ProgramEntry, Promises } from './pending-call'
import type { Target } from './settle-trip'
import { Answers } from './settle-trip'
import type { Admission, Job } from './trip'
import { fillJob } from './trip'

export interface DispatcherHooks {
  readonly target: Target
  /** Called before the jobs of a turn; undefined where everything may be sent. */
  admission(): Admission | undefined
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
const MOST_JOBS = 16

export class Dispatcher {
  readonly staging: Staging
  private queue: Entry[] = []
  /** Requests in the queue, those of settled entries included. */
  private queued = 0
  /** The last commands that were sent one by one: more go into the same entry. */
  private last: { readonly entry: CommandEntry; readonly promises: Promises } | undefined
  /** Jobs that were handed over, in order. */
  private readonly running: Job[] = []
  private readonly lifetimes = new Lifetimes(() => this.entries())
  private readonly answers: Answers
  /** The family is looked for again. */
  private reopening = false
  private scheduled = false
  /** What may be sent by the jobs that are handed over while the caller still makes calls. */
  private admission: { readonly value: Admission | undefined } | undefined
  private closed = false
  private idle: (() => void)[] = []

  constructor(
    private readonly transport: Transport,
    private readonly hooks: DispatcherHooks,
  ) {
    this.staging = new Staging(hooks.target.transportNumber, MOST_JOBS)
    this.answers = new Answers(this.lifetimes, hooks.target, this.staging)
  }

  /** Calls that have not been answered. */
  get pending(): number {
    const open = [...new Set(this.entries())].filter(({ settled }) => !settled)
    return open.reduce((sum, entry) => sum + entry.pending, 0)
  }

  /** Exactly one of `settle`'s functions is called, never before this returns. So it is with the two below. */
  submit<T>(program: Program<T>, terms: Terms, settle: Settle<T>): void {
    const packed = this.staging.stage(program.request.fields)
    const term = this.lifetimes.termFor(terms)
    const entry = new ProgramEntry(term, packed, program as Program<unknown>, settle as Settle<unknown>)
    entry.at = packed.count - 1
    entry.count = 1
    this.enqueue(entry)
  }

  send(
    command: RequestFields,
    terms: Terms,
    resolve: (value: undefined) => void,
    reject: (error: unknown) => void,
  ): void {
    const packed = this.staging.stage(command)
    const term = this.lifetimes.termFor(terms)
    const { last } = this
    const open = last && !last.entry.settled && last.entry === this.queue[this.queue.length - 1]
    if (open && last.entry.term === term && last.entry.packed === packed) {
      last.promises.add(resolve, reject)
      last.entry.extend()
      this.grown(1)
      return
    }
    const promises = new Promises()
    promises.add(resolve, reject)
    const entry = new CommandEntry(term, packed, packed.count - 1, 1, promises, 0)
    this.last = { entry, promises }
    this.enqueue(entry)
  }

  sendRange({ packed, at, count, base }: CommandRange, terms: Terms, settle: SettleCommands): void {
    this.enqueue(new CommandEntry(this.lifetimes.termFor(terms), packed, at, count, settle, base))
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

  private *entries(): Iterable<Entry> {
    yield* this.queue
    for (const { entries } of this.running) yield* entries
    yield* this.answers.stale
  }

  private enqueue(entry: Entry): void {
    const error = this.closed ? closedError : entry.term.signal?.aborted ? abortError : undefined
    if (error) {
      process.nextTick(() => entry.rejectAll((about) => error(entry, about)))
    } else {
      this.lifetimes.attach(entry)
      this.queue.push(entry)
      this.grown(entry.count)
    }
    if (this.scheduled) return
    this.scheduled = true
    // After the microtasks of this turn, so that calls made by resolved promises share the job.
    process.nextTick(() => {
      this.scheduled = false
      this.lifetimes.startClock()
      this.startTurn()
    })
  }

  /** There are so many more requests in the queue. */
  private grown(requests: number): void {
    this.queued += requests
    if (this.queued >= JOB_REQUESTS) this.start()
  }

  private enqueueFirst(entries: readonly Entry[]): void {
    this.queue = entries.concat(this.queue)
    for (const { count } of entries) this.queued += count
  }

  /** Behind a running job only full ones: what comes meanwhile goes together. */
  private mayStart(): boolean {
    const { length } = this.running
    if (this.reopening || this.answers.stale.length > 0 || this.queue.length === 0) return false
    if (length === 0) return true
    return this.queued >= JOB_REQUESTS && length < MOST_JOBS && !(this.running[length - 1] as Job).holds
  }

  private start(): void {
    while (this.mayStart()) this.startJob()
  }

  /** A new turn: what may be sent is looked at again. */
  private startTurn(): void {
    this.admission = undefined
    this.start()
    this.admission = undefined
  }

  private startJob(): void {
    this.admission ??= { value: this.hooks.admission() }
    const { job, taken } = fillJob(this.queue, performance.now(), this.admission.value, (entry, error) =>
      this.lifetimes.reject(entry, error),
    )
    for (const entry of this.queue.splice(0, taken)) this.queued -= entry.count
    this.staging.startAnew(this.queue.length === 0 ? undefined : job?.packed)
    if (!job) return
    this.running.push(job)
    const request = job.packed.job(this.hooks.target.dialectNumber)
    // A transport of somebody's own may throw as well as reject.
    new Promise<void>((resolve) =>
      resolve(this.transport.run(request, (buffer) => this.answers.take(buffer, job))),
    ).then(
      () => this.finish(job),
      (error) => {
        this.answers.breakAll(job, error)
        this.finish(job)
      },
    )
  }

  private finish(job: Job): void {
    this.answers.endJob(job)
    this.running.splice(this.running.indexOf(job), 1)
    const { stale } = this.answers
    // What is sent again is still in it.
    if (stale.length === 0) this.staging.giveBack(job.packed)
    this.enqueueFirst(this.answers.takeWaiting())
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
    for (const entry of waiting) this.lifetimes.reject(entry, (about) => closedError(entry, about))
  }

  /** Sends the stale entries once more, when the family they were sent to is there again. */
  private retry(stale: readonly Entry[]): void {
    for (const entry of stale) {
      entry.retried = true
      entry.inJob = false
      if (entry instanceof ProgramEntry) entry.again()
    }
    const again = () => {
      this.reopening = false
      this.answers.stale = []
      this.enqueueFirst(stale.filter((entry) => !entry.settled))
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
      for (const entry of stale) {
        this.lifetimes.reject(entry, (about) =>
          ownError(code as 'ERR_IPVS_NOT_LOADED', { ...about, description }),
        )
      }
      again()
    })
  }
}
