/** fo, ovf and twos (ip_vs_fo.c, ip_vs_ovf.c, ip_vs_twos.c), and none: mainline has them, 2.6.32 has not. */

import type { DestinationObject } from '../objects/table-objects'
import { connectionOverhead } from './least'
import type { Scheduler, SchedulerView } from './scheduler'
import { takes } from './scheduler'

function heaviest(destinations: readonly DestinationObject[]): DestinationObject | undefined {
  let best: DestinationObject | undefined
  for (const destination of destinations) if (!best || destination.weight > best.weight) best = destination
  return best
}

export const fo: Scheduler = {
  schedule: (_state, view) => heaviest(view.destinations.filter((destination) => takes(view, destination))),
}

/** Fills the heaviest one up to its weight, then the next. */
export const ovf: Scheduler = {
  schedule: (_state, view) =>
    heaviest(
      view.destinations.filter(
        (destination) => takes(view, destination) && view.cell(destination).active <= destination.weight,
      ),
    ),
}

/** The destination at a point of all weights laid end to end. */
function drawn(candidates: readonly DestinationObject[], point: number): DestinationObject | undefined {
  let left = point
  return candidates.find(({ weight }) => {
    left -= weight
    return left <= 0
  })
}

/** Two at random by weight, the less loaded of them; the lots come from the seed of the fake kernel. */
export const twos: Scheduler = {
  schedule(_state, view: SchedulerView) {
    const candidates = view.destinations.filter((destination) => takes(view, destination))
    const total = candidates.reduce((sum, { weight }) => sum + weight, 0)
    if (total === 0) return undefined
    const one = drawn(candidates, view.random(total + 1)) as DestinationObject
    const other = drawn(candidates, view.random(total + 1)) as DestinationObject
    const [load, otherLoad] = [connectionOverhead(one, view), connectionOverhead(other, view)]
    return other.weight * load > one.weight * otherLoad ? other : one
  },
}

export const none: Scheduler = { schedule: () => undefined }
