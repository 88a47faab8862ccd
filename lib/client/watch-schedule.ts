/** When to poll next. */

import type { NormalizedWatchOptions } from './watch-options'

/** Milliseconds: after errors nobody waits longer than this, or than the interval where that is longer. */
const LONGEST_BACKOFF = 60_000

export class WatchSchedule {
  /** Of now(): the next poll. */
  due = Number.NEGATIVE_INFINITY
  /** Polls that failed in a row. */
  failures = 0

  constructor(private readonly options: Pick<NormalizedWatchOptions, 'interval' | 'jitter'>) {}

  /** A poll that took so long that others would have come in its time is followed by the one after them. */
  succeeded(started: number, ended: number): void {
    this.failures = 0
    const wait = this.varied(this.options.interval)
    this.due = started + wait * Math.max(1, Math.ceil((ended - started) / wait))
  }

  /** Twice as long after each failure; returns the milliseconds. */
  failed(ended: number): number {
    const { interval } = this.options
    const wait = this.varied(Math.min(Math.max(interval, LONGEST_BACKOFF), interval * 2 ** this.failures))
    this.failures++
    this.due = ended + wait
    return wait
  }

  private varied(wait: number): number {
    return wait * (1 + this.options.jitter * (2 * Math.random() - 1))
  }
}
