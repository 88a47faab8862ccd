/** mh (mainline ip_vs_mh.c): Maglev hashing, with the kernel's own keys and its default table of 4093 places. */

import { SCHEDULER_FLAGS } from '../../model/numbers'
import type { DestinationObject } from '../objects/table-objects'
import type { Scheduler, SchedulerView } from './scheduler'
import { foldAddress, takes } from './scheduler'
import { siphash13 } from './siphash'

/** CONFIG_IP_VS_MH_TAB_INDEX 12: the fifth of its primes, and 6 bits of weight. */
const SIZE = 4093
const WEIGHT_BITS = 6
/** generate_hash_secret() */
const OFFSET_KEY = BigInt(2654435761)
const SKIP_KEY = BigInt(2654446892)
/** IP_VS_SVC_F_SCHED1 and 2. */
const { 'flag-1': FALLBACK, 'flag-2': USE_PORT } = SCHEDULER_FLAGS

function divisor(one: number, other: number): number {
  return other === 0 ? one : divisor(other, one % other)
}

/** How many places one destination takes in its turn. */
function turnsOf(destinations: readonly DestinationObject[]): number[] | undefined {
  const weights = destinations.map(({ lastWeight }) => Math.max(0, lastWeight))
  const common = weights.reduce((found, weight) => (weight > 0 ? divisor(weight, found) : found), 0)
  if (common === 0) return undefined
  const bits = 32 - Math.clz32(Math.max(...weights) / common)
  const shift = Math.max(0, bits - WEIGHT_BITS)
  return weights.map((weight) => (weight / common) >> shift || Number(weight > 0))
}

function populate(destinations: readonly DestinationObject[]): DestinationObject[] {
  const table = new Array<DestinationObject | undefined>(SIZE).fill(undefined)
  const turns = turnsOf(destinations)
  if (!turns) return []
  const word = ({ address, port }: DestinationObject) => (port + foldAddress(address)) >>> 0
  const position = destinations.map((destination) => siphash13(word(destination), OFFSET_KEY) % SIZE)
  const skip = destinations.map((destination) => (siphash13(word(destination), SKIP_KEY) % (SIZE - 1)) + 1)
  let filled = 0
  for (;;) {
    for (let i = 0; i < destinations.length; i++) {
      for (let turn = 0; turn < (turns[i] as number); turn++) {
        while (table[position[i] as number]) {
          position[i] = ((position[i] as number) + (skip[i] as number)) % SIZE
        }
        table[position[i] as number] = destinations[i] as DestinationObject
        if (++filled === SIZE) return table as DestinationObject[]
      }
    }
  }
}

/** By list: every change of a destination makes a new one. */
const tables = new WeakMap<readonly DestinationObject[], DestinationObject[]>()

function tableOf({ destinations }: SchedulerView): DestinationObject[] {
  let table = tables.get(destinations)
  if (!table) {
    table = destinations.length === 0 ? [] : populate(destinations)
    tables.set(destinations, table)
  }
  return table
}

export const mh: Scheduler = {
  schedule(_state, view, { client, clientPort }) {
    const table = tableOf(view)
    const port = (view.flags & USE_PORT) !== 0 ? clientPort : 0
    const at = (offset: number) => siphash13((offset + port + foldAddress(client)) >>> 0, OFFSET_KEY) % SIZE
    const first = at(0)
    const found = table[first]
    if (!found || takes(view, found)) return found
    if ((view.flags & FALLBACK) === 0) return undefined
    for (let offset = 0; offset < SIZE; offset++) {
      const other = table[at((offset + first) % SIZE)]
      if (other && takes(view, other)) return other
    }
    return undefined
  },
}
