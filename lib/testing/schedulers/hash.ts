/** dh and sh (ip_vs_dh.c, ip_vs_sh.c): a table of 256 places that the destinations are dealt out to. */

import { SCHEDULER_FLAGS } from '../../model/numbers'
import type { DestinationObject } from '../objects/table-objects'
import type { Packet, Scheduler, SchedulerView } from './scheduler'
import { foldAddress, takes } from './scheduler'

const BITS = 8
const SIZE = 1 << BITS
/** IP_VS_SVC_F_SCHED1 and 2 of mainline. */
const { 'flag-1': FALLBACK, 'flag-2': USE_PORT } = SCHEDULER_FLAGS

/** 2.6.32 keeps the low bits of the product, mainline (since 4.17) the high ones: hash_32() of linux/hash.h. */
function place(word: number, mainline: boolean): number {
  return mainline ? Math.imul(word, 0x61c88647) >>> (32 - BITS) : Math.imul(word, 2654435761) & (SIZE - 1)
}

/** The destination at a place: one after the other, in sh of mainline each as often as its weight. */
function dealt(view: SchedulerView, at: number, weighted: boolean): DestinationObject | undefined {
  const { destinations } = view
  if (destinations.length === 0) return undefined
  if (!weighted) return destinations[at % destinations.length]
  let dealtOut = 0
  for (let i = 0; ; i = (i + 1) % destinations.length) {
    const destination = destinations[i] as DestinationObject
    dealtOut += Math.max(1, destination.weight)
    if (at < dealtOut) return destination
  }
}

export const dh: Scheduler = {
  schedule(_state, view, { address }) {
    const found = dealt(view, place(foldAddress(address), view.mainline), false)
    return found && takes(view, found) ? found : undefined
  },
}

function sourcePlace(view: SchedulerView, { client, clientPort }: Packet): number {
  const port = view.mainline && (view.flags & USE_PORT) !== 0 ? clientPort : 0
  return place((foldAddress(client) + port) >>> 0, view.mainline)
}

export const sh: Scheduler = {
  schedule(_state, view, packet) {
    const { mainline, flags } = view
    const hash = sourcePlace(view, packet)
    const found = dealt(view, hash, mainline)
    if (!found || takes(view, found)) return found
    if (!mainline || (flags & FALLBACK) === 0) return undefined
    // ip_vs_sh_get_fallback: the hash is added to the offset, which starts at the hash.
    for (let offset = 0; offset < SIZE; offset++) {
      const other = dealt(view, (((offset + hash) % SIZE) + hash) & (SIZE - 1), true)
      if (other && takes(view, other)) return other
    }
    return undefined
  },
}
