/**
 * Runs commands and programs on a transport: in the order they were called, everything of one tick in one job. While jobs
 * run only full ones are handed over behind them, so that the kernel never waits for JavaScript when there is much to do.
 */

import { performance } from 'perf_hooks'
import { DeadlineTimer } from './deadline-timer'
import { deliver } from './deliver'
import type { Entry, Settle } from './entry'
import { abortError, CommandEntry, closedError, ProgramEntry, Promises, Term, timeoutError } from './entry'
import { IpvsError, ownError } from './errors'
import type { Admit, Job } from './job'
import { fillJob } from './job'
import { outcomeError } from './outcome'
import type { Program } from './program'
import { FollowUp } from './program'
import { outcomeFlags } from './records/layout.gen'
import type { OutcomeRecord } from './records/reply'
import { Reply } from './records/reply'
import type { RequestFields } from './records/request'
import { JOB_REQUESTS, RequestBuffer } from './records/request'
import type { About } from './records/request-subject'
import { Signals } from './signals'
import type { Transport } from './transport'
import type { Dialect } from './types'

/** What the kernel is taken for; changes when ip_vs was loaded again. */
export interface Target {
  readonly dialect: Dialect
  /** `Dialect` of layout.gen. */
  readonly dialectNumber: number
  /** `Transport` of layout.gen. */
  readonly transportNumber: number
}

export interface DispatcherHooks {
  target(): Target
  /** Called before each job; undefined where everything may be sent. */
  admission(): Admit | undefined
  /** The family is gone or has another number. Resolves when it is there again, rejects with what to tell callers. */
  reopen(): Promise<void>
}

/** `timeout` in milliseconds. */
export interface Terms {
  readonly timeout: number
  readonly signal: AbortSignal | undefined
}

/** Commands of a batch that stand together in `packed`; `base` is what `settle` calls the first. */
export interface CommandRange {
  readonly packed: RequestBuffer
  readonly at: number
  readonly count: number
  readonly base: number
}

/** The engine's own deadline comes first; this much later a call is given up although its job still runs. */
const GRACE_MS = 500
/** Jobs that are handed over and not answered: what is in them can no longer be cancelled. */
const MOST_JOBS = 16

export class Dispatcher {
  private queue: Entry[] = []
  /** Requests of calls that are queued; full ones stay with their entries. */
  private staged = new RequestBuffer()
  /** Buffers of jobs that have ended: to get the memory anew costs more than to clear it. */
  private readonly spare: RequestBuffer[] = []
  /** Requests in the queue, those of settled entries included. */
  private queued = 0
  /** The last commands that were sent one by one: more go into the same entry. */
  private last: { readonly entry: CommandEntry; readonly promises: Promises } | undefined
  /** Jobs that were handed over, in order. */
  private running: Job[] = []
  private readonly signals = new Signals((signal) => this.abort(signal))
  /** The family is looked for again. */
  private reopening = false
  private scheduled = false
  private closed = false
  /** Of the calls of this tick; their deadlines count from its end. */
  private terms: Term[] = []
  /** Entries of a running job that go on with further requests. */
  private waiting: Entry[] = []
  /** What of the running jobs met a family that is gone. */
  private stale: Entry[] = []
  private readonly timer = new DeadlineTimer(() => this.expire())
  private idle: (() => void)[] = []

  constructor(
    private readonly transport: Transport,
    private readonly hooks: DispatcherHooks,
  ) {}

  /** Calls that have not been answered. */
  get pending(): number {
    const entries = new Set([...this.unsettled()].map(({ entry }) => entry))
    return [...entries].reduce((sum, entry) => sum + entry.pending, 0)
  }

  /** Exactly one of `settle`'s functions is called, never before this returns. So it is with the two below. */
  submit<T>(program: Program<T>, terms: Terms, settle: Settle<T>): void {
    const packed = this.stage(program.request.fields)
    const term = this.termFor(terms)
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
    const packed = this.stage(command)
    const term = this.termFor(terms)
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

  sendRange({ packed, at, count, base }: CommandRange, terms: Terms, settle: Settle<undefined>): void {
    this.enqueue(new CommandEntry(this.termFor(terms), packed, at, count, settle, base))
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

  /** An empty buffer; it comes back with the job that it becomes. */
  buffer(): RequestBuffer {
    return this.spare.pop() ?? new RequestBuffer()
  }

  /** Packs one more request for this client. */
  pack(packed: RequestBuffer, fields: RequestFields): void {
    packed.push(fields, this.hooks.target().transportNumber)
  }

  private get busy(): boolean {
    return this.running.length > 0 || this.reopening
  }

  private stage(fields: RequestFields): RequestBuffer {
    if (this.staged.full) this.staged = this.buffer()
    this.pack(this.staged, fields)
    return this.staged
  }

  private termFor({ timeout, signal }: Terms): Term {
    const last = this.terms[this.terms.length - 1]
    if (last && last.timeout === timeout && last.signal === signal) return last
    const term = new Term(timeout, signal, performance.now())
    this.terms.push(term)
    this.timer.watch(term.deadline)
    return term
  }

  private enqueue(entry: Entry): void {
    const { signal } = entry.term
    const error = this.closed ? closedError : signal?.aborted ? abortError : undefined
    if (error) {
      process.nextTick(() => entry.rejectAll((about) => error(entry, about)))
    } else {
      if (signal) this.signals.join(signal)
      this.queue.push(entry)
      this.grown(entry.count)
    }
    if (this.scheduled) return
    this.scheduled = true
    // After the microtasks of this turn, so that calls made by resolved promises share the job.
    process.nextTick(() => this.turn())
  }

  private turn(): void {
    this.scheduled = false
    // What the caller itself took between its calls is not the kernel's time.
    const now = performance.now()
    for (const term of this.terms) {
      term.deadline = now + term.timeout
      this.timer.watch(term.deadline)
    }
    this.terms = []
    this.start()
  }

  /** There are so many more requests in the queue. */
  private grown(requests: number): void {
    this.queued += requests
    if (this.queued >= JOB_REQUESTS) this.start()
  }

  /** Behind a running job only full ones: what comes meanwhile goes together. */
  private mayStart(): boolean {
    const { length } = this.running
    if (this.reopening || this.stale.length > 0 || this.queue.length === 0) return false
    if (length === 0) return true
    return this.queued >= JOB_REQUESTS && length < MOST_JOBS && !(this.running[length - 1] as Job).holds
  }

  private start(): void {
    while (this.mayStart()) this.startJob()
  }

  private startJob(): void {
    const { job, taken } = fillJob(this.queue, performance.now(), this.hooks.admission(), (entry, error) =>
      this.reject(entry, error),
    )
    for (const entry of this.queue.splice(0, taken)) this.queued -= entry.count
    // What was staged is in the job, or copied into it.
    if (this.queue.length === 0 || job?.packed === this.staged) this.staged = this.buffer()
    if (!job) return
    this.running.push(job)
    const request = job.packed.job(this.hooks.target().dialectNumber)
    // A transport of somebody's own may throw as well as reject.
    new Promise<void>((resolve) =>
      resolve(this.transport.run(request, (buffer) => this.receive(buffer, job))),
    ).then(
      () => this.finish(job, undefined),
      (error) => this.finish(job, error),
    )
  }

  /** Never throws: it is called from the addon. */
  private receive(buffer: ArrayBuffer, job: Job): void {
    try {
      const reply = new Reply(buffer)
      deliver(reply, job)
      const { count } = reply.outcomes
      for (let i = 0; i < count; i++) {
        const index = reply.succeeded(i)
        if (index >= 0) this.answer(job, index, undefined)
        else this.answer(job, reply.outcome(i).operation, reply.outcome(i))
      }
    } catch (error) {
      this.breakAll(job, error)
    }
  }

  /** `outcome` is undefined for plain success. */
  private answer({ owners }: Job, index: number, outcome: OutcomeRecord | undefined): void {
    const entry = owners[index]
    if (!entry) return
    owners[index] = undefined
    if (entry instanceof CommandEntry) this.answerCommand(entry, index, outcome)
    else this.answerProgram(entry as ProgramEntry, index, outcome)
  }

  private answerCommand(entry: CommandEntry, index: number, outcome: OutcomeRecord | undefined): void {
    if (entry.settled) return
    if (!outcome) {
      entry.resolve(index)
    } else if ((outcome.flags & outcomeFlags.familyChanged) !== 0 && !entry.retried) {
      entry.open--
      const again = entry.single(index)
      // It goes on under the entry that takes its place.
      if (again.term.signal) this.signals.join(again.term.signal)
      this.stale.push(again)
    } else if (outcome.error !== 0) {
      entry.reject(index, this.errorOf(outcome, entry.about(index)))
    } else {
      entry.resolve(index)
    }
    if (entry.open === 0) this.detach(entry)
  }

  private answerProgram(entry: ProgramEntry, index: number, outcome: OutcomeRecord | undefined): void {
    entry.open--
    const flags = outcome ? outcome.flags : outcomeFlags.sent
    if ((flags & outcomeFlags.sent) !== 0) entry.reached = true
    // What was handed over cannot be taken back, so a list is not read twice.
    const again = !entry.retried && !entry.received && !entry.settled
    if ((flags & outcomeFlags.familyChanged) !== 0 && again) {
      if (!entry.stale) this.stale.push(entry)
      entry.stale = true
      return
    }
    if (outcome && outcome.error !== 0 && !entry.failed) {
      const error = this.errorOf(outcome, entry.about())
      if (error.code !== entry.requests[index - entry.at]?.tolerate) entry.failed = error
    }
    if (entry.open > 0 || entry.settled || entry.stale) return
    this.conclude(entry)
  }

  private errorOf(outcome: OutcomeRecord, { operation, subject }: About): IpvsError {
    return outcomeError(outcome, operation, subject, this.hooks.target().dialect)
  }

  /** All requests of the program are answered. */
  private conclude(entry: ProgramEntry): void {
    const { failed, program } = entry
    let value: unknown
    try {
      if (failed) {
        const recovered = entry.followUp ? undefined : program.recover?.(failed)
        if (!recovered) {
          this.reject(entry, () => failed)
          return
        }
        value = recovered.value
      } else {
        value = entry.next()
      }
    } catch (error) {
      this.reject(entry, () => error)
      return
    }
    if (value instanceof FollowUp) {
      entry.goOn(value, this.hooks.target().transportNumber)
      if (entry.count > 0) this.waiting.push(entry)
      else this.conclude(entry)
      return
    }
    this.detach(entry)
    entry.resolve(value)
  }

  private finish(job: Job, error: unknown): void {
    if (error !== undefined) this.breakAll(job, error)
    for (const entry of job.entries) {
      // A transport that ended without an outcome.
      const stale = entry instanceof ProgramEntry && entry.stale
      if (!entry.settled && entry.inJob && entry.open > 0 && !stale) {
        this.reject(entry, (about) => ownError('ERR_IPVS_MALFORMED_REPLY', { ...about, sent: true }))
      }
    }
    this.running.splice(this.running.indexOf(job), 1)
    if (this.stale.length === 0 && this.spare.length < MOST_JOBS) {
      job.packed.clear()
      this.spare.push(job.packed)
    }
    this.enqueueFirst(this.waiting)
    this.waiting = []
    if (this.stale.length > 0 && this.running.length === 0) this.retry()
    else this.ended()
  }

  private enqueueFirst(entries: readonly Entry[]): void {
    this.queue = entries.concat(this.queue)
    for (const { count } of entries) this.queued += count
  }

  private ended(): void {
    if (this.closed) {
      this.rejectQueue()
      if (this.busy) return
      const idle = this.idle
      this.idle = []
      for (const resolve of idle) resolve()
    } else {
      this.start()
    }
  }

  private rejectQueue(): void {
    const waiting = this.queue
    this.queue = []
    this.queued = 0
    for (const entry of waiting) this.reject(entry, (about) => closedError(entry, about))
  }

  /** Sends the stale entries once more, when the family they were sent to is there again. */
  private retry(): void {
    for (const entry of this.stale) {
      entry.retried = true
      entry.inJob = false
      if (entry instanceof ProgramEntry) entry.again()
    }
    const again = () => {
      this.reopening = false
      this.enqueueFirst(this.stale.filter((entry) => !entry.settled))
      this.stale = []
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
      for (const entry of this.stale) {
        this.reject(entry, (about) => ownError(code as 'ERR_IPVS_NOT_LOADED', { ...about, description }))
      }
      again()
    })
  }

  /** The answer to this job cannot be had: nobody knows what became of it. */
  private breakAll(job: Job, cause: unknown): void {
    const malformed = cause instanceof IpvsError && cause.code === 'ERR_IPVS_MALFORMED_REPLY'
    const code = malformed ? 'ERR_IPVS_MALFORMED_REPLY' : 'ERR_IPVS_OUTCOME_UNKNOWN'
    for (const entry of job.entries) {
      this.reject(entry, (about) => ownError(code, { ...about, sent: true, cause }))
    }
  }

  private reject(entry: Entry, error: (about: About) => unknown): void {
    if (entry.settled) return
    this.detach(entry)
    entry.rejectAll(error)
  }

  private detach(entry: Entry): void {
    entry.settled = true
    const { signal } = entry.term
    if (signal) this.signals.leave(signal)
  }

  private *unsettled(): Iterable<{ readonly entry: Entry; readonly inJob: boolean }> {
    for (const entry of this.queue.concat(this.stale)) if (!entry.settled) yield { entry, inJob: false }
    for (const { entries } of this.running) {
      for (const entry of entries) if (!entry.settled) yield { entry, inJob: true }
    }
  }

  private abort(signal: AbortSignal): void {
    for (const { entry } of this.unsettled()) {
      if (entry.term.signal === signal) this.reject(entry, (about) => abortError(entry, about))
    }
  }

  private expire(): void {
    const now = performance.now()
    let next = Number.POSITIVE_INFINITY
    for (const { entry, inJob } of this.unsettled()) {
      const deadline = inJob ? entry.term.deadline + GRACE_MS : entry.term.deadline
      if (deadline <= now) this.reject(entry, (about) => timeoutError(entry, about))
      else next = Math.min(next, deadline)
    }
    this.timer.watch(next)
  }
}
