/** How long calls live: deadlines and abort signals, and that each is settled once. */

import { performance } from 'perf_hooks'
import type { About } from '../border/request-subject'
import { Signals } from './abort-signals'
import { DeadlineTimer } from './deadline-timer'
import type { Entry } from './pending-call'
import { abortError, Term, timeoutError } from './pending-call'

/** `timeout` in milliseconds. */
export interface Terms {
  readonly timeout: number
  readonly signal: AbortSignal | undefined
}

/** The engine's own deadline comes first; this much later a call is given up although its job still runs. */
const GRACE_MS = 500

export class Lifetimes {
  private readonly signals = new Signals((signal) => this.abort(signal))
  private readonly timer = new DeadlineTimer(() => this.expire())
  /** Of the calls of this tick; their deadlines count from its end. */
  private terms: Term[] = []

  constructor(
    /** Every entry that can be unsettled; one can come twice. */
    private readonly entries: () => Iterable<Entry>,
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
  attach({ term: { signal } }: Entry): void {
    if (signal) this.signals.join(signal)
  }

  detach(entry: Entry): void {
    entry.settled = true
    const { signal } = entry.term
    if (signal) this.signals.leave(signal)
  }

  reject(entry: Entry, error: (about: About) => unknown): void {
    if (entry.settled) return
    this.detach(entry)
    entry.rejectAll(error)
  }

  private abort(signal: AbortSignal): void {
    for (const entry of this.entries()) {
      if (entry.term.signal === signal) this.reject(entry, (about) => abortError(entry, about))
    }
  }

  private expire(): void {
    const now = performance.now()
    let next = Number.POSITIVE_INFINITY
    for (const entry of this.entries()) {
      if (entry.settled) continue
      const deadline = entry.inJob ? entry.term.deadline + GRACE_MS : entry.term.deadline
      if (deadline <= now) this.reject(entry, (about) => timeoutError(entry, about))
      else next = Math.min(next, deadline)
    }
    this.timer.watch(next)
  }
}
