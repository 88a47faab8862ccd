/** What becomes of the entries of a job: their calls are settled, go on with further requests, or are sent again. */

import { outcomeFlags } from '../border/layout.gen'
import type { OutcomeRecord } from '../border/reply'
import { Reply } from '../border/reply'
import type { RequestBuffer } from '../border/request'
import type { About } from '../border/request-subject'
import { IpvsError, ownError } from '../errors/ipvs-error'
import { outcomeError } from '../kernel/outcome-error'
import type { Dialect } from '../model/types'
import type { Staging } from './buffer-pool'
import type { Lifetimes } from './call-deadlines'
import { FollowUp } from './call-plan'
import { deliver } from './hand-out-records'
import type { Entry } from './pending-call'
import { CommandEntry, ProgramEntry } from './pending-call'
import type { Job } from './trip'

/** What the kernel is taken for. */
export interface Target {
  readonly dialect: Dialect
  /** `Dialect` of layout.gen. */
  readonly dialectNumber: number
  /** `Transport` of layout.gen. */
  readonly transportNumber: number
}

export class Answers {
  /** Entries that go on with further requests, which stand together in `packed`. */
  private waiting: Entry[] = []
  private packed: RequestBuffer
  /** What met a family that is gone. */
  stale: Entry[] = []

  constructor(
    private readonly lifetimes: Lifetimes,
    private readonly target: Target,
    private readonly staging: Staging,
  ) {
    this.packed = staging.buffer()
  }

  /** The entries that go on, since this was asked last. */
  takeWaiting(): Entry[] {
    const { waiting } = this
    if (waiting.length === 0) return waiting
    this.waiting = []
    this.packed = this.staging.buffer()
    return waiting
  }

  /** Never throws: it is called from the addon. */
  take(buffer: ArrayBuffer, job: Job): void {
    try {
      const reply = new Reply(buffer)
      deliver(reply, job)
      const { outcomes } = reply
      for (let i = 0; i < outcomes.count; ) {
        const successes = reply.successes(i)
        if (successes > 0) {
          this.succeed(job, reply.operationOf(outcomes, i), successes)
          i += successes
        } else {
          const outcome = reply.outcome(i++)
          this.answer(job, outcome.operation, outcome)
        }
      }
    } catch (error) {
      this.breakAll(job, error)
    }
  }

  /** The answer to this job cannot be had: nobody knows what became of it. */
  breakAll(job: Job, cause: unknown): void {
    const malformed = cause instanceof IpvsError && cause.code === 'ERR_IPVS_MALFORMED_REPLY'
    const code = malformed ? 'ERR_IPVS_MALFORMED_REPLY' : 'ERR_IPVS_OUTCOME_UNKNOWN'
    for (const entry of job.entries) {
      this.lifetimes.reject(entry, (about) => ownError(code, { ...about, sent: true, cause }))
    }
  }

  /** The job has ended; what has no outcome then never gets one. */
  endJob(job: Job): void {
    for (const entry of job.entries) {
      const again = entry instanceof ProgramEntry && entry.stale
      if (entry.settled || !entry.inJob || entry.open === 0 || again) continue
      this.lifetimes.reject(entry, (about) => ownError('ERR_IPVS_MALFORMED_REPLY', { ...about, sent: true }))
    }
  }

  /** Plain success of `count` requests from `from` on. */
  private succeed(job: Job, from: number, count: number): void {
    const { owners } = job
    const end = from + count
    for (let at = from; at < end; ) {
      const entry = owners[at]
      if (!(entry instanceof CommandEntry) || entry.settled) {
        this.answer(job, at++, undefined)
        continue
      }
      const first = at
      while (at < end && owners[at] === entry) owners[at++] = undefined
      entry.resolve(first, at - first)
      if (entry.open === 0) this.lifetimes.detach(entry)
    }
  }

  /** `outcome` is undefined for plain success. */
  private answer({ owners }: Job, index: number, outcome: OutcomeRecord | undefined): void {
    const entry = owners[index]
    if (!entry) return
    owners[index] = undefined
    if (entry instanceof CommandEntry) {
      this.answerCommand(entry, index, outcome)
      return
    }
    const { followers } = entry as ProgramEntry
    this.answerProgram(entry as ProgramEntry, index, outcome)
    for (const follower of followers) this.answerProgram(follower, index, outcome)
  }

  private answerCommand(entry: CommandEntry, index: number, outcome: OutcomeRecord | undefined): void {
    if (entry.settled) return
    if (!outcome) {
      entry.resolve(index, 1)
    } else if ((outcome.flags & outcomeFlags.familyChanged) !== 0 && !entry.retried) {
      entry.open--
      // It goes on under the entry that takes its place.
      const again = entry.single(index)
      this.lifetimes.attach(again)
      this.stale.push(again)
    } else if (outcome.error !== 0) {
      entry.reject(index, this.errorOf(outcome, entry.about(index)))
    } else {
      entry.resolve(index, 1)
    }
    if (entry.open === 0) this.lifetimes.detach(entry)
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
    return outcomeError(outcome, operation, subject, this.target.dialect)
  }

  /** All requests of the program are answered. */
  private conclude(entry: ProgramEntry): void {
    const { failed } = entry
    let value: unknown
    try {
      if (failed) {
        const recovered = entry.recover?.(failed)
        if (!recovered) {
          this.lifetimes.reject(entry, () => failed)
          return
        }
        value = recovered.value
      } else {
        value = entry.next()
      }
    } catch (error) {
      this.lifetimes.reject(entry, () => error)
      return
    }
    if (value instanceof FollowUp) {
      entry.goOn(value, this.packed, this.target.transportNumber)
      if (entry.count > 0) this.waiting.push(entry)
      else this.conclude(entry)
      return
    }
    this.lifetimes.detach(entry)
    entry.resolve(value)
  }
}
