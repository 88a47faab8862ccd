/** What becomes of the calls of a trip: they are settled, go on with further requests, or are sent again. */

import { outcomeFlags } from '../border/layout.gen'
import { Reply } from '../border/reply'
import type { RequestBuffer } from '../border/request'
import type { About } from '../border/request-subject'
import { IpvsError, type IpvsErrorCode, ownError } from '../errors/ipvs-error'
import { outcomeError } from '../kernel/outcome-error'
import type { Dialect } from '../model/call-types'
import type { OutcomeRecord } from '../model/records.gen'
import type { Activity } from './activity'
import type { BufferPool } from './buffer-pool'
import type { CallDeadlines } from './call-deadlines'
import { FollowUp } from './call-plan'
import { handOutRecords } from './hand-out-records'
import type { PendingCall } from './pending-call'
import { PendingCommands, PendingPlan } from './pending-call'
import type { Trip } from './trip'

/** What the kernel is taken for. */
export interface KernelIdentity {
  readonly dialect: Dialect
  /** `Dialect` of layout.gen. */
  readonly dialectNumber: number
  /** `Transport` of layout.gen. */
  readonly transportNumber: number
}

/** A request whose answer came has the first of these flags alone. */
const UNANSWERED = outcomeFlags.sent | outcomeFlags.timedOut | outcomeFlags.unknown

/** Everything of it is answered, and it is sent again. */
const waitsForFamily = (call: PendingCall): boolean =>
  call instanceof PendingPlan && call.stale && call.open === 0

export class TripSettler {
  /** Calls that go on with further requests, which stand together in `packed`. */
  private waiting: PendingCall[] = []
  private packed: RequestBuffer
  /** What met a family that is gone. */
  stale: PendingCall[] = []
  /** What is being settled. */
  private reply: Reply | undefined

  constructor(
    private readonly deadlines: CallDeadlines,
    private readonly kernel: KernelIdentity,
    private readonly buffers: BufferPool,
    private readonly activity: Activity,
  ) {
    this.packed = buffers.buffer()
  }

  /** The calls that go on, since this was asked last. */
  takeWaiting(): PendingCall[] {
    const { waiting } = this
    if (waiting.length === 0) return waiting
    this.waiting = []
    this.packed = this.buffers.buffer()
    return waiting
  }

  /** Never throws: it is called from the addon. */
  take(buffer: ArrayBuffer, trip: Trip): void {
    try {
      const reply = new Reply(buffer)
      this.reply = reply
      let heard = handOutRecords(reply, trip)
      let silent = false
      const { outcomes } = reply
      for (let i = 0; i < outcomes.count; ) {
        const successes = reply.successes(i)
        if (successes > 0) {
          this.succeed(trip, reply.requestOf(outcomes, i), successes)
          i += successes
          heard = true
        } else {
          const outcome = reply.outcome(i++)
          this.answer(trip, outcome.requestIndex, outcome)
          silent ||= (outcome.flags & outcomeFlags.timedOut) !== 0
          heard ||= (outcome.flags & UNANSWERED) === outcomeFlags.sent
        }
      }
      this.deadlines.heard(heard && !silent)
      if (silent) this.deadlines.silent()
    } catch (error) {
      this.breakAll(trip, error)
    } finally {
      this.reply = undefined
    }
  }

  /** The answer to this trip cannot be had: nobody knows what became of it. */
  breakAll(trip: Trip, cause: unknown): void {
    const malformed = cause instanceof IpvsError && cause.code === 'ERR_IPVS_MALFORMED_REPLY'
    const code = malformed ? 'ERR_IPVS_MALFORMED_REPLY' : 'ERR_IPVS_OUTCOME_UNKNOWN'
    this.rejectUnanswered(trip, code, cause)
  }

  /** The trip has ended; what has no outcome then never gets one. */
  endTrip(trip: Trip): void {
    this.rejectUnanswered(trip, 'ERR_IPVS_MALFORMED_REPLY')
  }

  private rejectUnanswered(trip: Trip, code: IpvsErrorCode, cause?: unknown): void {
    for (const call of trip.calls) {
      // What has gone on, or is sent again as a whole, is not about this trip any more.
      if (!call.onTrip || waitsForFamily(call)) continue
      this.deadlines.reject(call, (about) => ownError(code, { ...about, sent: true, cause }))
    }
  }

  /** Plain success of `count` requests from `from` on. */
  private succeed(trip: Trip, from: number, count: number): void {
    const { owners } = trip
    const end = from + count
    for (let at = from; at < end; ) {
      const call = owners[at]
      if (!(call instanceof PendingCommands) || call.settled) {
        this.answer(trip, at++, undefined)
        continue
      }
      const first = at
      while (at < end && owners[at] === call) owners[at++] = undefined
      call.resolve(first, at - first)
      if (call.open === 0) this.deadlines.detach(call)
    }
  }

  /** `outcome` is undefined for plain success. */
  private answer({ owners }: Trip, index: number, outcome: OutcomeRecord | undefined): void {
    const call = owners[index]
    if (!call) return
    owners[index] = undefined
    if (call instanceof PendingCommands) {
      this.answerCommands(call, index, outcome)
      return
    }
    const plan = call as PendingPlan
    const { followers } = plan
    this.answerPlan(plan, index, outcome, () => plan.aboutRequest(index))
    // Their own requests are in no trip.
    for (const follower of followers) this.answerPlan(follower, index, outcome, () => follower.about())
  }

  private answerCommands(call: PendingCommands, index: number, outcome: OutcomeRecord | undefined): void {
    if (call.settled) return
    if (!outcome) {
      call.resolve(index, 1)
    } else if ((outcome.flags & outcomeFlags.familyChanged) !== 0 && !call.retried) {
      const again = call.single(index)
      this.deadlines.attach(again)
      this.stale.push(again)
    } else if (outcome.error !== 0) {
      call.reject(index, this.activity.failed(this.errorOf(outcome, call.about(index))))
    } else {
      call.resolve(index, 1)
    }
    if (call.open === 0) this.deadlines.detach(call)
  }

  private answerPlan(
    call: PendingPlan,
    index: number,
    outcome: OutcomeRecord | undefined,
    about: () => About,
  ): void {
    call.open--
    const flags = outcome ? outcome.flags : outcomeFlags.sent
    if ((flags & outcomeFlags.sent) !== 0) call.reached = true
    // What was handed over cannot be taken back, so a list is not read twice.
    const again = !call.retried && !call.received && !call.settled
    if ((flags & outcomeFlags.familyChanged) !== 0 && again) {
      if (!call.stale) this.stale.push(call)
      call.stale = true
      return
    }
    if (outcome && outcome.error !== 0 && !call.failed) {
      const error = this.errorOf(outcome, about())
      if (error.code !== call.requests[index - call.at]?.tolerate) call.failed = error
    }
    if (call.open > 0 || call.settled || call.stale) return
    this.conclude(call)
  }

  private errorOf(outcome: OutcomeRecord, { operation, subject }: About): IpvsError {
    const kernelMessage = this.reply?.messageOf(outcome.requestIndex)
    return outcomeError(outcome, operation, subject, this.kernel.dialect, kernelMessage)
  }

  /** All requests of the plan are answered. */
  private conclude(call: PendingPlan): void {
    const { failed } = call
    let value: unknown
    try {
      if (failed) {
        const recovered = call.recover?.(failed)
        if (!recovered) {
          this.deadlines.reject(call, () => failed)
          return
        }
        value = recovered.value
      } else {
        value = call.next()
      }
      if (value instanceof FollowUp) call.goOn(value, this.packed, this.kernel.transportNumber)
    } catch (error) {
      this.deadlines.reject(call, () => error)
      return
    }
    if (value instanceof FollowUp) {
      if (call.count > 0) this.waiting.push(call)
      else this.conclude(call)
      return
    }
    this.deadlines.detach(call)
    call.resolve(value)
  }
}
