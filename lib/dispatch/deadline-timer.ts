/** One timer for the earliest of many deadlines. */

import { now } from '../model/clock'

/** What a timer takes; a later deadline is looked at again then. */
const LONGEST = 2147483647
/** Not the one of a test that mocks timers: it would have to be run by hand after the timer. */
const afterEvents = setImmediate
const forget = clearImmediate

export class DeadlineTimer {
  private timer: NodeJS.Timeout | undefined
  private checking: NodeJS.Immediate | undefined
  private at = Number.POSITIVE_INFINITY

  /** `expired` is told when, of now(), the deadline was found to have passed. */
  constructor(private readonly expired: (moment: number) => void) {}

  /** `deadline` is of now(); infinity is none. */
  watch(deadline: number): void {
    if (deadline >= this.at) return
    if (this.timer) clearTimeout(this.timer)
    this.at = deadline
    this.timer = setTimeout(() => this.fire(), Math.min(LONGEST, Math.max(1, deadline - now())))
    // The job itself keeps the process alive.
    this.timer.unref()
  }

  clear(): void {
    if (this.timer) clearTimeout(this.timer)
    if (this.checking) forget(this.checking)
    this.timer = undefined
    this.checking = undefined
    this.at = Number.POSITIVE_INFINITY
  }

  /** After a stall of the event loop an answer can have come long ago: what waits to be handed over goes first. */
  private fire(): void {
    this.clear()
    const moment = now()
    this.checking = afterEvents(() => this.expired(moment))
  }
}
