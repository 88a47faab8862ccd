/** rr (ip_vs_rr.c) and wrr (ip_vs_wrr.c). */

import type { DestinationObject, SchedulerState } from '../objects/table-objects'
import type { DestinationChange, Scheduler, SchedulerView } from './scheduler'
import { takes } from './scheduler'

/** `id` of the destination that was taken last; 0 is the head of the list. */
interface Ring extends SchedulerState {
  current: number
}

/** Index of the destination; -1 is the head of the list. */
const indexOf = (destinations: readonly DestinationObject[], id: number): number =>
  id === 0 ? -1 : destinations.findIndex((destination) => destination.id === id)

/**
 * After a change 2.6.32 starts over at the head (ip_vs_rr_update_svc); mainline only steps back from a destination that
 * goes (ip_vs_rr_del_dest).
 */
function moveRing(
  ring: Ring,
  { mainline }: SchedulerView,
  { kind, destination, before }: DestinationChange,
): void {
  if (!mainline) {
    ring.current = 0
  } else if (kind === 'remove' && ring.current === destination.id) {
    ring.current = before[before.indexOf(destination) - 1]?.id ?? 0
  }
}

export const rr: Scheduler = {
  init: () => ({ current: 0 }),
  changed: (state, view, change) => moveRing(state as Ring, view, change),
  schedule(state, view) {
    const ring = state as Ring
    const { destinations } = view
    const { length } = destinations
    const start = indexOf(destinations, ring.current)
    for (let step = 1; step <= length; step++) {
      const destination = destinations[(start + step + length) % length] as DestinationObject
      if (!takes(view, destination)) continue
      ring.current = destination.id
      return destination
    }
    return undefined
  },
}

interface Mark extends SchedulerState {
  /** As in `Ring`. */
  current: number
  weight: number
  max: number
  step: number
}

function divisor(one: number, other: number): number {
  return other === 0 ? one : divisor(other, one % other)
}

function weights({ destinations }: SchedulerView): { max: number; step: number } {
  let max = 0
  let step = 0
  for (const { weight } of destinations) {
    if (weight <= 0) continue
    max = Math.max(max, weight)
    step = divisor(weight, step)
  }
  return { max, step: step || 1 }
}

function markChanged(mark: Mark, view: SchedulerView): void {
  const { max, step } = weights(view)
  mark.current = 0
  mark.step = step
  if (!view.mainline) {
    mark.max = max
    if (mark.weight > max) mark.weight = 0
    return
  }
  mark.max = max - (step - 1)
  if (mark.weight > mark.max || mark.weight === 0) mark.weight = mark.max
  else if (step > 1) mark.weight = Math.floor(mark.weight / step) * step + 1
}

/** 2.6.32: walks the list, lowering the weight that is asked for at each pass over the head. */
function walkOld(mark: Mark, view: SchedulerView): DestinationObject | undefined {
  const { destinations } = view
  let at = indexOf(destinations, mark.current)
  const start = at
  for (;;) {
    if (at === -1) {
      if (destinations.length === 0) return undefined
      at = 0
      mark.weight -= mark.step
      if (mark.weight <= 0) {
        mark.weight = mark.max
        if (mark.weight === 0) {
          mark.current = 0
          return undefined
        }
      }
    } else {
      at = at + 1 === destinations.length ? -1 : at + 1
    }
    const destination = destinations[at]
    mark.current = destination?.id ?? 0
    if (destination && takes(view, destination) && destination.weight >= mark.weight) return destination
    if (at === start && mark.weight === mark.step) return undefined
  }
}

/** Mainline: the same idea, stopping for sure when every destination was looked at with the lowest weight. */
function walkNew(mark: Mark, view: SchedulerView): DestinationObject | undefined {
  const { destinations } = view
  if (mark.max === 0) return undefined
  const last = indexOf(destinations, mark.current)
  let at = last
  let stop: number | undefined
  let lastPass = false
  let restarted = false
  for (;;) {
    for (at++; at < destinations.length; at++) {
      const destination = destinations[at] as DestinationObject
      if (takes(view, destination) && destination.weight >= mark.weight) {
        mark.current = destination.id
        return destination
      }
      if (at === stop) {
        mark.current = destination.id
        return undefined
      }
    }
    at = -1
    mark.weight -= mark.step
    if (mark.weight <= 0) {
      mark.weight = mark.max
      if (lastPass || last === -1) {
        mark.current = 0
        return undefined
      }
      restarted = true
    }
    lastPass = mark.weight <= mark.step
    if (lastPass && restarted && last !== -1) stop = last
  }
}

export const wrr: Scheduler = {
  init(view) {
    const { max, step } = weights(view)
    const limit = view.mainline ? max - (step - 1) : max
    return { current: 0, weight: view.mainline ? limit : 0, max: limit, step }
  },
  changed: (state, view) => markChanged(state as Mark, view),
  schedule: (state, view) => (view.mainline ? walkNew(state as Mark, view) : walkOld(state as Mark, view)),
}
