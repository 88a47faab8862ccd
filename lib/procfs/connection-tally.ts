/** How many rows have the same destination, local address or state, without anything made for each row. */

import type { ConnectionCountBy } from '../model/connection-filter'
import { formatDestinationKey } from '../model/keys'
import type { ConnectionRow } from './connection-row'
import { ConnectionObjects, DESTINATION, LOCAL } from './connection-row'
import { ENDPOINT_WORDS, FAMILY, PORT } from './hex'

const FIRST_CAPACITY = 256

/** Counts by endpoint: a hash table in typed arrays, grown when it is half full. */
class EndpointCounts {
  private capacity = FIRST_CAPACITY
  private keys = new Int32Array(FIRST_CAPACITY * ENDPOINT_WORDS)
  private counts = new Float64Array(FIRST_CAPACITY)
  private used = 0

  /** One more of the endpoint at `at`, or of the address alone. */
  add(words: Int32Array, at: number, withPort: boolean, more = 1): void {
    const port = withPort ? (words[at + PORT] as number) : 0
    let slot = this.hash(words, at, port)
    while (this.counts[slot] !== 0 && !this.same(slot, words, at, port))
      slot = (slot + 1) & (this.capacity - 1)
    if (this.counts[slot] === 0) {
      const base = slot * ENDPOINT_WORDS
      for (let i = 0; i < ENDPOINT_WORDS; i++) this.keys[base + i] = words[at + i] as number
      this.keys[base + PORT] = port
      this.used++
    }
    this.counts[slot] = (this.counts[slot] as number) + more
    if (this.used * 2 > this.capacity) this.grow()
  }

  each(visit: (words: Int32Array, at: number, count: number) => void): void {
    for (let slot = 0; slot < this.capacity; slot++) {
      const count = this.counts[slot] as number
      if (count > 0) visit(this.keys, slot * ENDPOINT_WORDS, count)
    }
  }

  private hash(words: Int32Array, at: number, port: number): number {
    let hash = port
    for (let i = 0; i < PORT; i++) hash = Math.imul(hash ^ (words[at + i] as number), 0x9e3779b1)
    return (hash ^ (hash >>> 15)) & (this.capacity - 1)
  }

  private same(slot: number, words: Int32Array, at: number, port: number): boolean {
    const { keys } = this
    const base = slot * ENDPOINT_WORDS
    for (let i = 0; i < PORT; i++) if (keys[base + i] !== words[at + i]) return false
    return keys[base + PORT] === port && keys[base + FAMILY] === words[at + FAMILY]
  }

  private grow(): void {
    const { keys, counts, capacity } = this
    this.capacity = capacity * 2
    this.keys = new Int32Array(this.capacity * ENDPOINT_WORDS)
    this.counts = new Float64Array(this.capacity)
    this.used = 0
    for (let slot = 0; slot < capacity; slot++) {
      const count = counts[slot] as number
      if (count > 0) this.add(keys, slot * ENDPOINT_WORDS, true, count)
    }
  }
}

export interface ConnectionTally {
  add(row: ConnectionRow): void
  /** The largest first. */
  result(): Map<string, number>
}

const sorted = (entries: [string, number][]): Map<string, number> =>
  new Map(entries.sort(([, one], [, other]) => other - one))

function byState(): ConnectionTally {
  const counts = new Map<string, number>()
  return {
    add({ state: { state } }) {
      counts.set(state, (counts.get(state) ?? 0) + 1)
    },
    result: () => sorted(Array.from(counts)),
  }
}

function byEndpoint(at: number, withPort: boolean, has: (row: ConnectionRow) => boolean): ConnectionTally {
  const counts = new EndpointCounts()
  return {
    add(row) {
      if (has(row)) counts.add(row.words, at, withPort)
    },
    result() {
      const objects = new ConnectionObjects()
      const entries: [string, number][] = []
      counts.each((words, place, count) => {
        const address = objects.address(words, place)
        const port = words[place + PORT] as number
        entries.push([withPort ? formatDestinationKey({ address, port }) : address, count])
      })
      return sorted(entries)
    },
  }
}

export function tallyBy(by: ConnectionCountBy): ConnectionTally {
  switch (by) {
    case 'state':
      return byState()
    case 'destination':
      return byEndpoint(DESTINATION, true, () => true)
    default:
      return byEndpoint(LOCAL, false, (row) => row.hasLocal)
  }
}
