/** How long calls live: deadlines and abort signals, and that each is settled once. */

import { performance } from 'perf_hooks'
import type { About } from '../border/request-subject'
import { AbortSignals } from './abort-signals'
import { DeadlineTimer } from './deadline-timer'
import type { PendingCall } from './pending-call'
import { abortError, Term, timeoutError } from './pending-call'

/** `timeout` in milliseconds. */
export interface Terms {
  readonly timeout: number
  readonly signal: AbortSignal | undefined
}

/** The engine's own deadline comes first; this much later a call is given up although its trip still runs. */
const GRACE_MS = 500

export class CallDeadlines {
  private readonly signals = new AbortSignals((signal) => this.abort(signal))
  private readonly timer = new DeadlineTimer(() => this.expire())
  /** Of the calls of this tick; their deadlines count from its end. */
  private terms: Term[] = []

  constructor(
    /** Every call that can be unsettled; one can come twice. */
    private readonly calls: () => Iterable<PendingCall>,
  ) {}

  termFor({ timeout, signal }: Terms): Term {
    const last = this.terms[this.terms.length - 1]
    if (last && last.timeout === timeout && last.signal === signal) return last
    const term = new Term(timeout, signal, performance.now())
    this.terms.push(term)
    this.timer.watch(term.deadline)
    return term
  }

  /** The tick is over. What the caller itself took between its calls is not the kernel's time. */
  startClock(): void {
    const now = performance.now()
    for (const term of this.terms) {
      term.deadline = now + term.timeout
      this.timer.watch(term.deadline)
    }
    this.terms = []
  }

  /** Until it is detached. */
  attach({ term: { signal } }: PendingCall): void {
    if (signal) this.signals.join(signal)
  }

  detach(call: PendingCall): void {
    call.settled = true
    const { signal } = call.term
    if (signal) this.signals.leave(signal)
  }

  reject(call: PendingCall, error: (about: About) => unknown): void {
    if (call.settled) return
    this.detach(call)
    call.rejectAll(error)
  }

  private abort(signal: AbortSignal): void {
    for (const call of this.calls()) {
      if (call.term.signal === signal) this.reject(call, (about) => abortError(call, about))
    }
  }

  private expire(): void {
    const now = performance.now()
    let next = Number.POSITIVE_INFINITY
    for (const call of this.calls()) {
      if (call.settled) continue
      const deadline = call.onTrip ? call.term.deadline + GRACE_MS : call.term.deadline
      if (deadline <= now) this.reject(call, (about) => timeoutError(call, about))
      else next = Math.min(next, deadline)
    }
    this.timer.watch(next)
  }
}
