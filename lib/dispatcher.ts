/**
 * Runs programs on a transport: in the order they were called, everything of one tick in one job, one job at a time.
 */

import { performance } from 'perf_hooks'
import { DeadlineTimer } from './deadline-timer'
import type { Inflight } from './deliver'
import { deliver } from './deliver'
import type { Settle } from './entry'
import { abortError, closedError, Entry, timeoutError } from './entry'
import { IpvsError, ownError } from './errors'
import type { Admit } from './job'
import { fillJob } from './job'
import { outcomeError } from './outcome'
import type { Program } from './program'
import { FollowUp } from './program'
import { outcomeFlags } from './records/layout.gen'
import type { OutcomeRecord } from './records/reply'
import { Reply } from './records/reply'
import type { PackedRequest } from './records/request'
import { packRequests } from './records/request'
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
  /** Called before each job. */
  admission(): Admit
  /** The family is gone or has another number. Resolves when it is there again, rejects with what to tell callers. */
  reopen(): Promise<void>
}

/** The engine's own deadline comes first; this much later a call is given up although its job still runs. */
const GRACE_MS = 500

export class Dispatcher {
  private queue: Entry[] = []
  private running: Inflight[] = []
  private readonly signals = new Signals((entry) => this.giveUp(entry, abortError(entry)))
  private busy = false
  private scheduled = false
  private closed = false
  /** Entries of the running job that go on with further requests. */
  private waiting: Entry[] = []
  /** Entries of the running job that met a family that is gone. */
  private stale: Entry[] = []
  private readonly timer = new DeadlineTimer(() => this.expire())
  private idle: (() => void)[] = []

  constructor(
    private readonly transport: Transport,
    private readonly hooks: DispatcherHooks,
  ) {}

  /** Calls that have not been answered. */
  get pending(): number {
    const sent = new Set(this.running.map(({ entry }) => entry).concat(this.stale))
    return this.queue.length + Array.from(sent).filter((entry) => !entry.settled).length
  }

  /** `timeout` in milliseconds. Exactly one of `settle`'s functions is called, never before this returns. */
  submit<T>(program: Program<T>, timeout: number, signal: AbortSignal | undefined, settle: Settle<T>): void {
    const deadline = performance.now() + timeout
    const entry = new Entry(program as Program<unknown>, settle as Settle<unknown>, deadline, signal)
    const refused = this.closed ? closedError(entry) : signal?.aborted ? abortError(entry) : undefined
    if (refused) {
      process.nextTick(() => settle.reject(refused))
      return
    }
    if (signal) this.signals.listen(entry, signal)
    this.queue.push(entry)
    this.timer.watch(entry.deadline)
    this.schedule()
  }

  /** Queued calls reject, the running job ends first. Idempotent. */
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

  private schedule(): void {
    if (this.scheduled || this.busy) return
    this.scheduled = true
    // After the microtasks of this turn, so that calls made by resolved promises share the job.
    process.nextTick(() => {
      this.scheduled = false
      this.start()
    })
  }

  private start(): void {
    if (this.busy) return
    const requests = this.fill()
    if (requests.length === 0) return
    this.busy = true
    const { dialectNumber } = this.hooks.target()
    const job = packRequests(requests, dialectNumber)
    // A transport of somebody's own may throw as well as reject.
    new Promise<void>((resolve) => resolve(this.transport.run(job, (buffer) => this.receive(buffer)))).then(
      () => this.finish(undefined),
      (error) => this.finish(error),
    )
  }

  /** Takes from the queue what may go together, in order, into `running`. */
  private fill(): PackedRequest[] {
    const job = fillJob(this.queue, this.hooks.admission(), this.hooks.target().transportNumber)
    this.queue.splice(0, job.taken)
    for (const { entry, error } of job.refused) this.reject(entry, error)
    this.running = job.running
    return job.packed
  }

  /** Never throws: it is called from the addon. */
  private receive(buffer: ArrayBuffer): void {
    try {
      const reply = new Reply(buffer)
      deliver(reply, this.running)
      const { count } = reply.outcomes
      for (let i = 0; i < count; i++) this.answer(reply.outcome(i))
    } catch (error) {
      this.breakAll(error)
    }
  }

  private answer(outcome: OutcomeRecord): void {
    const inflight = this.running[outcome.operation]
    if (!inflight?.entry.inJob) return
    const { entry } = inflight
    const { operation, subject } = entry.program
    entry.open--
    if ((outcome.flags & outcomeFlags.sent) !== 0) entry.sent = true
    const familyChanged = (outcome.flags & outcomeFlags.familyChanged) !== 0
    // What was handed over cannot be taken back, so a list is not read twice.
    if (familyChanged && !entry.retried && !entry.received && !entry.settled) {
      if (!entry.stale) this.stale.push(entry)
      entry.stale = true
      return
    }
    if (outcome.error !== 0 && !entry.failed) {
      const error = outcomeError(outcome, operation, subject, this.hooks.target().dialect)
      if (error.code !== inflight.request.tolerate) entry.failed = error
    }
    if (entry.open > 0 || entry.settled || entry.stale) return
    this.conclude(entry)
  }

  /** All requests of the entry are answered. */
  private conclude(entry: Entry): void {
    const { failed, program } = entry
    let value: unknown
    try {
      if (failed) {
        const recovered = entry.followUp ? undefined : program.recover?.(failed)
        if (!recovered) {
          this.reject(entry, failed)
          return
        }
        value = recovered.value
      } else {
        value = entry.next()
      }
    } catch (error) {
      this.reject(entry, error)
      return
    }
    if (value instanceof FollowUp) {
      // What was read so far has changed nothing.
      if (!entry.followUp) entry.sent = false
      entry.requests = value.requests
      entry.next = value.done
      entry.failed = undefined
      entry.followUp = true
      entry.received = false
      entry.holds = value.holds
      entry.inJob = false
      if (value.requests.length > 0) {
        this.waiting.push(entry)
      } else {
        this.conclude(entry)
      }
      return
    }
    this.detach(entry)
    entry.settle.resolve(value)
  }

  private finish(error: unknown): void {
    if (error !== undefined) this.breakAll(error)
    for (const { entry } of this.running) {
      // A transport that ended without an outcome.
      if (!entry.settled && entry.inJob && entry.open > 0 && !entry.stale) {
        const { operation, subject } = entry.program
        this.reject(entry, ownError('ERR_IPVS_MALFORMED_REPLY', { operation, subject, sent: true }))
      }
    }
    this.running = []
    this.queue = this.waiting.concat(this.queue)
    this.waiting = []
    if (this.stale.length > 0) this.retry()
    else this.ended()
  }

  private ended(): void {
    this.busy = false
    if (this.closed) {
      this.rejectQueue()
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
    for (const entry of waiting) {
      this.reject(entry, closedError(entry))
    }
  }

  /** Sends the stale entries once more, when the family they were sent to is there again. */
  private retry(): void {
    for (const entry of this.stale) {
      entry.retried = true
      entry.stale = false
      entry.inJob = false
      entry.failed = undefined
    }
    const again = () => {
      this.queue = this.stale.filter((entry) => !entry.settled).concat(this.queue)
      this.stale = []
      this.ended()
    }
    if (this.closed) {
      again()
      return
    }
    this.hooks.reopen().then(again, (error) => {
      for (const entry of this.stale) {
        const { operation, subject } = entry.program
        const { code, message } = error as IpvsError
        const description = message.slice(message.indexOf(': ') + 2).replace(/, open$/, '')
        this.reject(entry, ownError(code as 'ERR_IPVS_NOT_LOADED', { operation, subject, description }))
      }
      again()
    })
  }

  /** The answer to this job cannot be had: nobody knows what became of it. */
  private breakAll(cause: unknown): void {
    const malformed = cause instanceof IpvsError && cause.code === 'ERR_IPVS_MALFORMED_REPLY'
    const code = malformed ? 'ERR_IPVS_MALFORMED_REPLY' : 'ERR_IPVS_OUTCOME_UNKNOWN'
    for (const { entry } of this.running) {
      const { operation, subject } = entry.program
      this.reject(entry, ownError(code, { operation, subject, sent: true, cause }))
    }
  }

  private giveUp(entry: Entry, error: IpvsError): void {
    if (entry.settled) return
    const at = this.queue.indexOf(entry)
    if (at >= 0) this.queue.splice(at, 1)
    this.reject(entry, error)
  }

  private reject(entry: Entry, error: unknown): void {
    if (entry.settled) return
    this.detach(entry)
    entry.settle.reject(error)
  }

  private detach(entry: Entry): void {
    entry.settled = true
    entry.detach?.()
    entry.detach = undefined
  }

  private expire(): void {
    const now = performance.now()
    let next = Number.POSITIVE_INFINITY
    for (const entry of this.queue.concat(this.stale)) {
      if (entry.settled) continue
      if (entry.deadline <= now) this.giveUp(entry, timeoutError(entry))
      else next = Math.min(next, entry.deadline)
    }
    for (const { entry } of this.running) {
      if (entry.settled) continue
      const deadline = entry.deadline + GRACE_MS
      if (deadline <= now) this.giveUp(entry, timeoutError(entry))
      else next = Math.min(next, deadline)
    }
    this.timer.watch(next)
  }
}
