/** Counters of two polls as rates: kept as numbers, and made into objects for who asks. */

import type { RowWords } from '../border/row-words'
import { COUNTERS, countersGained } from '../border/row-words'
import { checkDestinationKey, checkServiceKey } from '../input'
import { destinationKeyId, serviceKeyId } from '../model/keys'
import type { DestinationKey, ServiceKey, Snapshot } from '../model/types'
import type { MovingRates, TrafficRates, WatchRates } from '../model/watch-types'

/** What stands for a row in place of the number of its gains. */
export const IDLE = -1
/** Its counters went back. */
export const RESET = -2
/** The event before did not tell it: nobody knows since when its counters count. */
export const NEW = -3

const FIRST_ROOM = 64

/** What the counters of the rows of one poll have gained: five numbers for each row that moved. */
export class Gains {
  private gained: Float64Array
  private moved = 0

  /** `room` for so many rows that move; more is found when it is needed. */
  constructor(room: number) {
    this.gained = new Float64Array(Math.max(FIRST_ROOM, room) * COUNTERS)
  }

  /** Of rows that moved, those that were looked at twice count twice. */
  get size(): number {
    return this.moved
  }

  /** The number of the gains between two records of a row, or what stands for it. */
  measure(words: RowWords, before: Uint32Array, from: number, after: Uint32Array, to: number): number {
    const put = this.moved * COUNTERS
    if (put === this.gained.length) {
      const larger = new Float64Array(put * 2)
      larger.set(this.gained)
      this.gained = larger
    }
    const movement = countersGained(words, before, from, after, to, this.gained, put)
    if (movement === 'moved') return this.moved++
    return movement === 'reset' ? RESET : IDLE
  }

  rates(number: number, seconds: number): TrafficRates {
    return ratesAt(this.gained, number * COUNTERS, seconds, false)
  }

  /** The sum of these. */
  total(numbers: readonly number[], seconds: number): TrafficRates {
    const sum = new Float64Array(COUNTERS)
    for (const number of numbers) {
      if (number < 0) continue
      for (let i = 0; i < COUNTERS; i++) {
        sum[i] = (sum[i] as number) + (this.gained[number * COUNTERS + i] as number)
      }
    }
    return ratesAt(sum, 0, seconds, numbers.includes(RESET))
  }
}

function ratesAt(gained: Float64Array, at: number, seconds: number, reset: boolean): TrafficRates {
  const rate = (counter: number) => (gained[at + counter] as number) / seconds
  return {
    connections: rate(0),
    inPackets: rate(1),
    outPackets: rate(2),
    inBytes: rate(3),
    outBytes: rate(4),
    reset,
  }
}

const none = new Float64Array(COUNTERS)

/** Where the rows of a snapshot are among the gains. */
class RowIndex {
  private readonly services = new Map<string, number>()
  private readonly destinations = new Map<number, Map<string, number>>()
  /** Of the services. */
  private readonly places: number[] = []

  constructor(private readonly snapshot: Snapshot) {
    let place = 0
    snapshot.services.forEach(({ service, destinations }, i) => {
      this.services.set(serviceKeyId(service), i)
      this.places.push(place)
      place += 1 + destinations.length
    })
  }

  service(key: ServiceKey): number | undefined {
    const ordinal = this.services.get(serviceKeyId(key))
    return ordinal === undefined ? undefined : this.places[ordinal]
  }

  destination(service: ServiceKey, key: DestinationKey): number | undefined {
    const ordinal = this.services.get(serviceKeyId(service))
    if (ordinal === undefined) return undefined
    let known = this.destinations.get(ordinal)
    if (!known) {
      known = new Map()
      const { destinations } = this.snapshot.services[ordinal] as Snapshot['services'][number]
      for (let i = 0; i < destinations.length; i++) {
        known.set(destinationKeyId(destinations[i] as DestinationKey), i)
      }
      this.destinations.set(ordinal, known)
    }
    const within = known.get(destinationKeyId(key))
    return within === undefined ? undefined : (this.places[ordinal] as number) + 1 + within
  }
}

/** The rates of one event. */
export class ComputedRates implements WatchRates {
  readonly total: TrafficRates
  private readonly seconds: number
  private rowIndex: RowIndex | undefined

  /**
   * `slots` has what stands for each row: services, each before its destinations, in the order of the snapshot; `services`
   * those of the services alone. `elapsed` in milliseconds.
   */
  constructor(
    private readonly snapshot: Snapshot,
    private readonly gains: Gains,
    private readonly slots: Int32Array,
    services: readonly number[],
    elapsed: number,
  ) {
    this.seconds = elapsed / 1000
    this.total = gains.total(services, this.seconds)
  }

  service(service: ServiceKey): TrafficRates | undefined {
    const { key } = checkServiceKey(service)
    return this.at(this.index.service(key))
  }

  destination(service: ServiceKey, destination: DestinationKey): TrafficRates | undefined {
    const { key } = checkServiceKey(service)
    return this.at(this.index.destination(key, checkDestinationKey(destination).key))
  }

  *[Symbol.iterator](): Generator<MovingRates, undefined> {
    let place = 0
    for (const { service, destinations } of this.snapshot.services) {
      for (let i = -1; i < destinations.length; i++) {
        const slot = this.slots[place]
        const rates = slot === IDLE ? undefined : this.at(place)
        if (rates) yield { service, destination: destinations[i], rates }
        place++
      }
    }
    return undefined
  }

  private get index(): RowIndex {
    this.rowIndex ??= new RowIndex(this.snapshot)
    return this.rowIndex
  }

  private at(place: number | undefined): TrafficRates | undefined {
    if (place === undefined) return undefined
    const slot = this.slots[place] as number
    if (slot === NEW) return undefined
    if (slot < 0) return ratesAt(none, 0, 1, slot === RESET)
    return this.gains.rates(slot, this.seconds)
  }
}
