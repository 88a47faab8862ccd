/** How long calls live: a silent kernel and abort signals end them, and each is settled once. */

import type { About } from '../border/request-subject'
import { now } from '../model/clock'
import { AbortSignals } from './abort-signals'
import type { Activity } from './activity'
import { DeadlineTimer } from './deadline-timer'
import type { PendingCall } from './pending-call'
import { abortError, Term, timeoutError } from './pending-call'

/** `timeout`: milliseconds that the kernel may be silent, 0 for no limit. */
export interface CallLimits {
  readonly timeout: number
  readonly signal: AbortSignal | undefined
}

/** The engine notices a silent kernel first; this much later a call is given up although its trip still runs. */
const GRACE_MS = 500

export class CallDeadlines {
  private readonly signals = new AbortSignals<PendingCall>((call) =>
    this.reject(call, (about) => abortError(call, about)),
  )
  private readonly timer = new DeadlineTimer((moment) => this.expire(moment))
  /** Of the calls of this tick. */
  private terms: Term[] = []
  /** Calls that are attached. */
  private attached = 0
  /** The kernel answered something. */
  private heardAt = 0
  /** The transport gave a sign of life: the engine is awake, and knows better how long the kernel has been silent. */
  private aliveAt = 0

  constructor(
    /** Every call that can be unsettled; one can come twice. */
    private readonly calls: () => Iterable<PendingCall>,
    /** Calls that were not handed over are settled now. */
    private readonly dropped: () => void,
    private readonly activity: Activity,
  ) {}

  termFor({ timeout, signal }: CallLimits): Term {
    const last = this.terms[this.terms.length - 1]
    if (last && last.timeout === timeout && last.signal === signal) return last
    const term = new Term(timeout, signal, now())
    this.terms.push(term)
    return term
  }

  /** The tick is over. What the caller itself took between its calls is not the kernel's time. */
  startClock(): void {
    const since = now()
    for (const term of this.terms) {
      term.since = since
      if (this.attached > 0) this.timer.watch(since + limitOf(term) + GRACE_MS)
    }
    this.terms = []
  }

  /** The engine gave a sign; `kernel` when it passes on an answer of the kernel. */
  heard(kernel: boolean): void {
    this.aliveAt = now()
    if (kernel) this.heardAt = this.aliveAt
  }

  /** The engine has found the kernel silent: calls that wait behind it have waited as long. */
  silent(): void {
    this.rejectOverdue(0, now())
  }

  /** Until it is detached. */
  attach(call: PendingCall): void {
    const { signal } = call.term
    if (signal) this.signals.join(signal, call)
    this.attached++
  }

  detach(call: PendingCall): void {
    if (call.settled) return
    call.settled = true
    this.attached--
    const { signal } = call.term
    if (signal) this.signals.leave(signal, call)
    if (this.attached === 0) this.timer.clear()
  }

  /** `error` makes one for each call that it stands for. */
  reject(call: PendingCall, error: (about: About) => unknown): void {
    if (call.settled) return
    this.detach(call)
    call.rejectAll((about) => {
      try {
        return this.activity.failed(error(about))
      } catch (broken) {
        // Whatever goes wrong while an error is made, the call ends.
        return this.activity.failed(broken)
      }
    })
    if (!call.onTrip) this.dropped()
  }

  /** Of now(): when the call has to end, unless there is an answer before. */
  private dueAt(call: PendingCall, grace: number): number {
    const { term } = call
    const since = Math.max(term.since, this.heardAt, call.onTrip ? this.aliveAt : 0)
    return since + limitOf(term) + (call.onTrip ? GRACE_MS : grace)
  }

  private rejectOverdue(grace: number, moment: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const call of Array.from(this.calls())) {
      if (call.settled) continue
      const due = this.dueAt(call, grace)
      if (due <= moment) this.reject(call, (about) => timeoutError(call, about))
      else next = Math.min(next, due)
    }
    return next
  }

  private expire(moment: number): void {
    this.timer.watch(this.rejectOverdue(GRACE_MS, moment))
  }
}

const limitOf = ({ timeout }: Term): number => (timeout === 0 ? Number.POSITIVE_INFINITY : timeout)
