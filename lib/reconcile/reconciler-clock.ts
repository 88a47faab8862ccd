/** The time of a `Reconciler`. */

import { now } from '../model/clock'

/** A test brings its own, and waits for nothing. */
export interface ReconcilerClock {
  /** Milliseconds since 1970: for the deadlines of drains. */
  time(): number
  /** Milliseconds that only go forward, from anywhere: for everything else. */
  now(): number
  /** Calls `run` once after so many milliseconds; the function that it returns cancels that. */
  after(milliseconds: number, run: () => void): () => void
}

/** What a timer takes. */
const LONGEST_TIMER = 2147483647

/** Its timers keep the process alive, as a server does. */
export const CLOCK: ReconcilerClock = {
  time: Date.now,
  now,
  after(milliseconds, run) {
    const timer = setTimeout(run, Math.min(LONGEST_TIMER, Math.max(0, milliseconds)))
    return () => clearTimeout(timer)
  },
}
