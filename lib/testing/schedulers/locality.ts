/** lblc and lblcr (ip_vs_lblc.c, ip_vs_lblcr.c): one destination, or a set of them, for each virtual address. */

import type { SchedulerState } from '../objects/table-objects'
import { addressId, type DestinationObject } from '../objects/table-objects'
import type { Overhead } from './least'
import { connectionOverhead, leastWeighted } from './least'
import type { Scheduler, SchedulerView } from './scheduler'
import { takes } from './scheduler'

/** Milliseconds: the sysctls lblc_expiration and lblcr_expiration, one day. */
const EXPIRATION = 86_400_000

interface Entry {
  /** `id` of destinations, the newest first. */
  members: number[]
  lastUse: number
  lastChange: number
}

interface Cache extends SchedulerState {
  entries: { [address: string]: Entry }
}

/** 2.6.32 weighs an active connection fifty times, mainline 256 times. */
const overhead: Overhead = (destination, view) => {
  if (view.mainline) return connectionOverhead(destination, view)
  const { active, inactive } = view.cell(destination)
  return active * 50 + inactive
}

/** Above its weight while another one is below half of its own. */
function isOverloaded(view: SchedulerView, destination: DestinationObject): boolean {
  if (view.cell(destination).active <= destination.weight) return false
  return view.destinations.some((other) => view.cell(other).active * 2 < other.weight)
}

function lookUp(state: Cache, view: SchedulerView, address: string): Entry | undefined {
  const entry = state.entries[address]
  if (!entry) return undefined
  // The kernel's periodic check removes it some time later, which no packet can tell.
  if (view.now >= entry.lastUse + EXPIRATION) {
    delete state.entries[address]
    return undefined
  }
  entry.lastUse = view.now
  return entry
}

/** Those that are not in the trash. */
const membersOf = ({ members }: Entry, { destinations }: SchedulerView): DestinationObject[] =>
  members
    .map((id) => destinations.find((destination) => destination.id === id))
    .filter((destination): destination is DestinationObject => destination !== undefined)

const init = (): SchedulerState => ({ entries: {} })

export const lblc: Scheduler = {
  init,
  schedule(state, view, packet) {
    const cache = state as Cache
    const address = addressId(packet.address)
    const entry = lookUp(cache, view, address)
    const cached = entry && membersOf(entry, view)[0]
    if (cached && cached.weight > 0 && !isOverloaded(view, cached)) return cached
    const chosen = leastWeighted(view, overhead)
    if (!chosen) return undefined
    cache.entries[address] = {
      members: [chosen.id],
      lastUse: entry?.lastUse ?? view.now,
      lastChange: view.now,
    }
    return chosen
  },
}

/** ip_vs_dest_set_max: the most loaded one, whether or not it takes connections. */
function mostLoaded(
  view: SchedulerView,
  members: readonly DestinationObject[],
): DestinationObject | undefined {
  let most: DestinationObject | undefined
  for (const member of members) {
    if (member.weight <= 0) continue
    if (!most || overhead(most, view) * member.weight < overhead(member, view) * most.weight) most = member
  }
  return most
}

export const lblcr: Scheduler = {
  init,
  schedule(state, view, packet) {
    const cache = state as Cache
    const address = addressId(packet.address)
    const entry = lookUp(cache, view, address)
    if (entry) {
      const members = membersOf(entry, view)
      const least = leastWeighted(view, overhead, members)
      if (entry.members.length > 1 && view.now > entry.lastChange + EXPIRATION) {
        const most = mostLoaded(view, members)
        if (most) {
          entry.members = entry.members.filter((id) => id !== most.id)
          entry.lastChange = view.now
        }
      }
      if (least && takes(view, least) && !isOverloaded(view, least)) return least
    }
    const chosen = leastWeighted(view, overhead)
    if (!chosen) return undefined
    if (!entry) {
      cache.entries[address] = { members: [chosen.id], lastUse: view.now, lastChange: view.now }
    } else if (!entry.members.includes(chosen.id)) {
      entry.members.unshift(chosen.id)
      entry.lastChange = view.now
    }
    return chosen
  },
}
