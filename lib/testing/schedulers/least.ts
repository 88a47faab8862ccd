/** lc, wlc, sed, nq (ip_vs_lc.c, ip_vs_wlc.c, ip_vs_sed.c, ip_vs_nq.c). On fullnat-v3 each CPU sees its own counts only. */

import type { DestinationObject } from '../objects/table-objects'
import type { Scheduler, SchedulerView } from './scheduler'
import { takes } from './scheduler'

export type Overhead = (destination: DestinationObject, view: SchedulerView) => number

/** An active connection weighs 256 times as much as an inactive one. */
export const connectionOverhead: Overhead = (destination, view) => {
  const { active, inactive } = view.cell(destination)
  return active * 256 + inactive
}

/** What the destination would have with one connection more. */
const expectedOverhead: Overhead = (destination, view) => view.cell(destination).active + 1

/**
 * The least overhead per weight, the first of equals. The kernel multiplies crosswise, in integers; those of JavaScript
 * do not overflow at 2^31.
 */
export function leastWeighted(
  view: SchedulerView,
  overhead: Overhead,
  destinations: readonly DestinationObject[] = view.destinations,
): DestinationObject | undefined {
  let least: DestinationObject | undefined
  let load = 0
  for (const destination of destinations) {
    if (!takes(view, destination)) continue
    const own = overhead(destination, view)
    if (!least || load * destination.weight > own * least.weight) {
      least = destination
      load = own
    }
  }
  return least
}

export const lc: Scheduler = {
  schedule(_state, view) {
    let least: DestinationObject | undefined
    let load = 0
    for (const destination of view.destinations) {
      if (!takes(view, destination)) continue
      const own = connectionOverhead(destination, view)
      if (!least || own < load) {
        least = destination
        load = own
      }
    }
    return least
  },
}

export const wlc: Scheduler = { schedule: (_state, view) => leastWeighted(view, connectionOverhead) }

export const sed: Scheduler = { schedule: (_state, view) => leastWeighted(view, expectedOverhead) }

export const nq: Scheduler = {
  schedule(_state, view) {
    const idle = view.destinations.find(
      (destination) => takes(view, destination) && view.cell(destination).active === 0,
    )
    return idle ?? leastWeighted(view, expectedOverhead)
  },
}
