/** Counters of two polls as rates: kept as numbers, and made into objects for who asks. */

import type { Movement, RowWords } from '../border/row-words'
import { COUNTERS, countersGained } from '../border/row-words'
import { checkDestinationKey, checkServiceKey } from '../input'
import { destinationKeyId, serviceKeyId } from '../model/keys'
import type { DestinationKey, ServiceKey, Snapshot } from '../model/types'
import type { MovingRates, TrafficRates, WatchRates } from '../model/watch-types'
import type { WatchedRow } from './watched-rows'

/** What stands for a row in place of the number of its gains. */
const IDLE = -1
const RESET = -2
/** The event before did not tell it: nobody knows since when its counters count. */
const NEW = -3

/** What each row gained, a number for each: services, each before its destinations, in the order of the snapshot. */
export class Gains {
  readonly slots: Int32Array
  gained = new Float64Array(64 * COUNTERS)
  private rows = 0
  private moved = 0
  /** Of the services. */
  private readonly sum = new Float64Array(COUNTERS)
  private incomplete = false

  constructor(rows: number) {
    this.slots = new Int32Array(rows)
  }

  /** The next row, before it advances. */
  add(words: RowWords, row: WatchedRow<object>, counts: boolean): void {
    this.slots[this.rows++] = this.slotOf(words, row, counts)
  }

  /** The next row is new whatever it looks like. */
  addNew(): void {
    this.slots[this.rows++] = NEW
  }

  /** The sum of what was to be counted. */
  total(seconds: number): TrafficRates {
    return ratesAt(this.sum, 0, seconds, this.incomplete)
  }

  private slotOf(words: RowWords, row: WatchedRow<object>, counts: boolean): number {
    if (row.info === undefined) return NEW
    if (row.info === row.nextInfo) return IDLE
    const movement = this.gain(words, row)
    if (movement === 'idle') return IDLE
    if (movement === 'reset') {
      if (counts) this.incomplete = true
      return RESET
    }
    if (counts) {
      for (let i = 0; i < COUNTERS; i++) {
        this.sum[i] = (this.sum[i] as number) + (this.gained[this.moved * COUNTERS + i] as number)
      }
    }
    return this.moved++
  }

  private gain(words: RowWords, row: WatchedRow<object>): Movement {
    const put = this.moved * COUNTERS
    if (put === this.gained.length) {
      const larger = new Float64Array(put * 2)
      larger.set(this.gained)
      this.gained = larger
    }
    return countersGained(words, row.words, row.at, row.nextWords, row.nextAt, this.gained, put)
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

  constructor(
    private readonly snapshot: Snapshot,
    private readonly gains: Gains,
    elapsed: number,
  ) {
    this.seconds = elapsed / 1000
    this.total = gains.total(this.seconds)
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
        const slot = this.gains.slots[place]
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
    const slot = this.gains.slots[place] as number
    if (slot === NEW) return undefined
    if (slot < 0) return ratesAt(none, 0, 1, slot === RESET)
    return ratesAt(this.gains.gained, slot * COUNTERS, this.seconds, false)
  }
}
