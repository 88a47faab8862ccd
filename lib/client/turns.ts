/** Calls that must not overlap: each waits until those before it are over. */

import type { ClientLimits } from '../dispatch/within-limits'
import { withinLimits } from '../dispatch/within-limits'

const settled = (promise: Promise<unknown>): Promise<void> =>
  promise.then(
    () => {},
    () => {},
  )

export class Turns {
  /** Until everything is over that was begun. */
  private last: Promise<void> = Promise.resolve()
  /** What the one whose turn it is has begun and perhaps no longer waits for. */
  private held: Promise<void> = Promise.resolve()

  /** Runs `task` in its turn. The wait for it has no deadline, but ends with the call's signal and with the client. */
  async take<T>(
    { operation, limits }: { readonly operation: string; readonly limits: ClientLimits },
    task: () => Promise<T>,
  ): Promise<T> {
    const before = this.last
    let over: () => void = () => {}
    const mine = new Promise<void>((resolve) => {
      over = resolve
    })
    this.last = before.then(() => mine)
    try {
      await withinLimits(() => before, { ...limits, timeout: 0 }, operation)
      return await task()
    } finally {
      this.held.then(over)
    }
  }

  /** The turn does not end before `started` does, whoever waits for it. */
  hold<T>(started: Promise<T>): Promise<T> {
    this.held = settled(started)
    return started
  }
}
