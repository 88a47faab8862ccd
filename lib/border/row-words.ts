/** Rows of a dump compared word by word: what has not changed needs no object to be told so. */

import {
  DestinationConfigLayout,
  DestinationLayout,
  LocalAddressLayout,
  presence,
  ServiceConfigLayout,
  ServiceKeyLayout,
  ServiceLayout,
  StatsLayout,
  TargetLayout,
} from './layout.gen'

/** Words from `from` to `to` (excluded) of a record. */
interface WordRange {
  readonly from: number
  readonly to: number
}

/** Which words of a record say what. */
export interface RowWords {
  /** Words of a record. */
  readonly size: number
  /** What identifies the row. Two keys with other words can still be the same: sockopt fills in more than netlink. */
  readonly key: readonly WordRange[]
  /** What the row is set to. */
  readonly config: readonly WordRange[]
  /** All that the row says: nothing of the trip it came with, nor of its place in the dump. */
  readonly row: readonly WordRange[]
  /** The first word of its `Stats` and its word `presence`; undefined: it has no such counters. */
  readonly counters: { readonly stats: number; readonly presence: number } | undefined
}

const range = (offset: number, size: number): WordRange => ({ from: offset >> 2, to: (offset + size) >> 2 })

/** All words of a record but these, each given by its offset. */
function allBut(size: number, offsets: readonly number[]): WordRange[] {
  const left = offsets.map((offset) => offset >> 2).sort((one, other) => one - other)
  const ranges: WordRange[] = []
  let from = 0
  for (const to of [...left, size >> 2]) {
    if (to > from) ranges.push({ from, to })
    from = to + 1
  }
  return ranges
}

export const SERVICE_WORDS: RowWords = {
  size: ServiceLayout.size >> 2,
  key: [range(ServiceLayout.key, ServiceKeyLayout.size)],
  config: [range(ServiceLayout.config, ServiceConfigLayout.size), range(ServiceLayout.presence, 4)],
  // The counts of sockopt are in no object.
  row: allBut(ServiceLayout.size, [
    ServiceLayout.requestIndex,
    ServiceLayout.destinationCount,
    ServiceLayout.localAddressCount,
  ]),
  counters: { stats: ServiceLayout.stats >> 2, presence: ServiceLayout.presence >> 2 },
}

export const DESTINATION_WORDS: RowWords = {
  size: DestinationLayout.size >> 2,
  key: [range(DestinationLayout.key, TargetLayout.size)],
  config: [
    range(DestinationLayout.config, DestinationConfigLayout.size),
    range(DestinationLayout.presence, 4),
  ],
  row: allBut(DestinationLayout.size, [DestinationLayout.requestIndex, DestinationLayout.parent]),
  counters: { stats: DestinationLayout.stats >> 2, presence: DestinationLayout.presence >> 2 },
}

export const LOCAL_ADDRESS_WORDS: RowWords = {
  size: LocalAddressLayout.size >> 2,
  key: [range(LocalAddressLayout.key, TargetLayout.size)],
  config: [],
  row: allBut(LocalAddressLayout.size, [LocalAddressLayout.requestIndex, LocalAddressLayout.parent]),
  counters: undefined,
}

/** Whether the records at these words have the same in all ranges. */
export function sameWords(
  ranges: readonly WordRange[],
  one: Uint32Array,
  at: number,
  other: Uint32Array,
  otherAt: number,
): boolean {
  for (const { from, to } of ranges) {
    for (let i = from; i < to; i++) if (one[at + i] !== other[otherAt + i]) return false
  }
  return true
}

/** The counters of a record, in this order: those of packets and connections first. */
export const COUNTERS = 5
const FIRST_BYTES = 3
const COUNTER_WORDS = [
  StatsLayout.connections,
  StatsLayout.inPackets,
  StatsLayout.outPackets,
  StatsLayout.inBytes,
  StatsLayout.outBytes,
].map((offset) => offset >> 2)
const CONNECTIONS = 0
const IN_PACKETS = 1
const OUT_PACKETS = 2
const IN_BYTES = 3
const OUT_BYTES = 4

const TWO_32 = 4294967296
/** The counters count from the IP header on (ip_vs_core.c:ip_vs_in_stats, skb->len), and there is none shorter. */
const SHORTEST_PACKET = 20

/** The difference of two u64: exact below 2^53, and never of the wrong sign. */
function difference(before: Uint32Array, from: number, after: Uint32Array, to: number): number {
  const high = (after[to + 1] as number) - (before[from + 1] as number)
  return high * TWO_32 + ((after[to] as number) - (before[from] as number))
}

/** `'reset'`: the counters went back, and what they gained is not known. */
export type Movement = 'idle' | 'moved' | 'reset'

/**
 * What the counters of a service or destination have gained between two records of it, written to `into` from `put` on.
 *
 * Counters of connections and packets that are 32 bits wide in the kernel (mainline over sockopt, and over netlink before
 * STATS64 came with Linux 4.1) start again at 2^32. Those of bytes have 64 bits and never do, which tells it from a reset:
 * it is a wrap where the bytes have grown by what so many packets need at least, and a reset otherwise.
 */
export function countersGained(
  { counters }: RowWords,
  before: Uint32Array,
  from: number,
  after: Uint32Array,
  to: number,
  into: Float64Array,
  put: number,
): Movement {
  if (!counters) return 'idle'
  let moved = false
  let back = false
  let bytesBack = false
  for (let i = 0; i < COUNTERS; i++) {
    const word = counters.stats + (COUNTER_WORDS[i] as number)
    const gained = difference(before, from + word, after, to + word)
    into[put + i] = gained
    if (gained === 0) continue
    moved = true
    if (gained > 0) continue
    back = true
    bytesBack = bytesBack || i >= FIRST_BYTES
  }
  if (!back) return moved ? 'moved' : 'idle'
  const known = (before[from + counters.presence] as number) | (after[to + counters.presence] as number)
  if (bytesBack || (known & presence.stats64) !== 0) return 'reset'
  for (let i = 0; i < FIRST_BYTES; i++) {
    if ((into[put + i] as number) < 0) into[put + i] = (into[put + i] as number) + TWO_32
  }
  const gained = (counter: number) => into[put + counter] as number
  const plausible =
    gained(IN_PACKETS) * SHORTEST_PACKET <= gained(IN_BYTES) &&
    gained(OUT_PACKETS) * SHORTEST_PACKET <= gained(OUT_BYTES) &&
    // Each connection begins with a packet (ip_vs_core.c:ip_vs_in).
    gained(CONNECTIONS) <= gained(IN_PACKETS)
  return plausible ? 'moved' : 'reset'
}
