/** One timer for the earliest of many deadlines: a trip can hang in the kernel, where no deadline of the engine reaches. */

import { performance } from 'perf_hooks'

export class DeadlineTimer {
  private timer: NodeJS.Timeout | undefined
  private at = Number.POSITIVE_INFINITY

  constructor(private readonly expired: () => void) {}

  /** `deadline` is of performance.now(); infinity is none. */
  watch(deadline: number): void {
    if (deadline >= this.at) return
    if (this.timer) clearTimeout(this.timer)
    this.at = deadline
    this.timer = setTimeout(() => this.fire(), Math.max(1, deadline - performance.now()))
    // The trip itself keeps the process alive.
    this.timer.unref()
  }

  private fire(): void {
    this.timer = undefined
    this.at = Number.POSITIVE_INFINITY
    this.expired()
  }
}
