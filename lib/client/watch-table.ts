/** The table of services as `watch()` keeps it, from one event to the next. */

import { DestinationLayout, LocalAddressLayout, Operation } from '../border/layout.gen'
import type { RecordSink, Reply } from '../border/reply'
import type { CallPlan } from '../dispatch/call-plan'
import { now } from '../model/clock'
import { nextTurn } from '../model/turn'
import type {
  DestinationInfo,
  LocalAddressInfo,
  ServiceInfo,
  Snapshot,
  SnapshotService,
} from '../model/types'
import type { WatchChange, WatchRates } from '../model/watch-types'
import { ChangeList } from './changes'
import type { Context } from './operation'
import { ComputedRates, Gains, NEW, RESET } from './rates'
import { DESTINATIONS, LOCAL_ADDRESSES, SERVICES } from './watched-kinds'
import { RowList, WatchedRow } from './watched-rows'

type DestinationRow = WatchedRow<DestinationInfo>
type LocalAddressRow = WatchedRow<LocalAddressInfo>

class ServiceRow extends WatchedRow<ServiceInfo> {
  readonly destinations = new RowList<DestinationInfo, DestinationRow>(DESTINATIONS, () => new WatchedRow())
  readonly localAddresses = new RowList<LocalAddressInfo, LocalAddressRow>(
    LOCAL_ADDRESSES,
    () => new WatchedRow(),
  )
  /** As it was handed out. */
  entry: SnapshotService | undefined
}

export interface TableNews {
  readonly at: number
  readonly elapsed: number | undefined
  readonly snapshot: Snapshot
  readonly rates: WatchRates | undefined
  readonly changes: readonly WatchChange[]
}

/** As many as the engine hands over at once (native/engine/job_runner.h: kRecordsPerStep). */
const ROWS_PER_TURN = 1000

/** When a table was read, by both clocks. */
interface Moment {
  readonly now: number
  readonly at: number
}

export class WatchTable {
  private readonly services = new RowList<ServiceInfo, ServiceRow>(SERVICES, () => new ServiceRow())
  /** What was handed out, one for each service. */
  private entries: readonly SnapshotService[] = Object.freeze([])
  private looks = 0
  private first = 0
  /** Services of the look that runs, by their ordinals. */
  private ordinals: ServiceRow[] = []
  /** When the first records of the look came. */
  private moment: Moment | undefined
  /** Of the poll. */
  private gains = new Gains(0)
  /** That of the last event. */
  private told: Moment | undefined

  /** A poll begins. What one that failed has found is forgotten. */
  beginPoll(): void {
    this.first = this.looks + 1
    this.gains = new Gains(this.gains.size)
  }

  /**
   * Reads the table; resolves to false where it must be read once more before anything is told: a row is missing, which a
   * dump under change can skip (ip_vs_ctl.c:ip_vs_genl_dump_dests resumes by position), or the counters of a destination
   * went back and those of its service did not, which a `zero()` between the two records leaves as well.
   */
  look({ capabilities }: Context): CallPlan<boolean> {
    const look = ++this.looks
    const ordinals: ServiceRow[] = []
    this.ordinals = ordinals
    this.moment = undefined
    this.services.begin(this.first, look)
    return {
      operation: 'watch',
      subject: {},
      request: {
        fields: { operation: Operation.snapshot, localAddresses: capabilities.localAddresses },
        sinks: [this.serviceSink(look), ...this.sinksWithin()],
      },
      done: () => {
        this.began()
        return look > this.first || this.certain()
      },
    }
  }

  /**
   * The poll is over, and is told: from now on it is the state that the next is compared with. In pieces, so that the event
   * loop turns between them; who gives up in between gives up the table.
   */
  async tell(): Promise<TableNews> {
    const { told, moment } = this
    const elapsed = told && moment && moment.now - told.now
    const rows = this.services.found()
    const slots = new Int32Array(countRows(rows))
    let slot = 0
    const changes = told && new ChangeList()
    for (const row of changes ? this.services.vanished() : []) {
      tellWhole(changes as ChangeList, 'vanished', row)
    }
    const services = rows.map(({ gain }) => gain)
    let changed = false
    let untilTurn = ROWS_PER_TURN
    for (const row of rows) {
      slot = this.fillSlots(row, slots, slot)
      changed = this.tellService(row, changes) || changed
      untilTurn -= 1 + row.destinations.rows.length
      if (untilTurn > 0) continue
      untilTurn = ROWS_PER_TURN
      await nextTurn()
    }
    if (this.services.advance(rows) || changed) {
      this.entries = Object.freeze(rows.map(({ entry }) => entry as SnapshotService))
    }
    this.told = moment
    const snapshot: Snapshot = { services: this.entries, consistent: undefined }
    return {
      at: (moment as Moment).at,
      elapsed,
      snapshot,
      rates: elapsed ? new ComputedRates(snapshot, this.gains, slots, services, elapsed) : undefined,
      changes: changes?.sorted() ?? [],
    }
  }

  private serviceSink(look: number): RecordSink {
    return {
      section: 'services',
      take: (reply, from, to) => {
        this.began()
        for (let i = from; i < to; i++) {
          const row = this.services.take(reply, i, this.gains)
          row.destinations.begin(this.first, look)
          row.localAddresses.begin(this.first, look)
          this.ordinals.push(row)
        }
      },
    }
  }

  private sinksWithin(): RecordSink[] {
    const ownerOf = (reply: Reply, section: 'destinations' | 'localAddresses', i: number, parent: number) => {
      const { start, stride } = reply[section]
      return this.ordinals[reply.numbers[(start + i * stride + parent) >> 2] as number]
    }
    return [
      {
        section: 'destinations',
        take: (reply, from, to) => {
          for (let i = from; i < to; i++) {
            ownerOf(reply, 'destinations', i, DestinationLayout.parent)?.destinations.take(
              reply,
              i,
              this.gains,
            )
          }
        },
      },
      {
        section: 'localAddresses',
        take: (reply, from, to) => {
          for (let i = from; i < to; i++) {
            ownerOf(reply, 'localAddresses', i, LocalAddressLayout.parent)?.localAddresses.take(
              reply,
              i,
              this.gains,
            )
          }
        },
      },
    ]
  }

  private began(): void {
    this.moment ??= { now: now(), at: Date.now() }
  }

  private certain(): boolean {
    return (
      this.services.complete &&
      this.ordinals.every(
        ({ destinations, localAddresses, gain }) =>
          destinations.complete && localAddresses.complete && (gain === RESET || !destinations.wentBack),
      )
    )
  }

  /** What stands for a service and its destinations; returns where the next goes. */
  private fillSlots(service: ServiceRow, slots: Int32Array, from: number): number {
    let to = from
    slots[to++] = service.gain
    for (const row of service.destinations.found()) slots[to++] = isReplaced(service, row) ? NEW : row.gain
    return to
  }

  /** Its changes; then it is what was told. True where something in it has changed. */
  private tellService(row: ServiceRow, changes: ChangeList | undefined): boolean {
    const { destinations, localAddresses } = row
    const { info, nextInfo } = row as { info: ServiceInfo | undefined; nextInfo: ServiceInfo }
    const isNew = info === undefined
    if (changes) {
      if (isNew) changes.service('appeared', nextInfo)
      else if (!this.services.sameConfig(row)) changes.serviceProperties(info, nextInfo)
    }
    const found = destinations.found()
    if (changes && !isNew && found !== destinations.rows) {
      for (const one of destinations.vanished()) {
        changes.destination('vanished', info, one.info as DestinationInfo)
      }
    }
    if (changes) for (const one of found) tellDestination(row, one, changes)
    const locals = localAddresses.found()
    if (changes && locals !== localAddresses.rows) {
      for (const one of localAddresses.vanished()) {
        changes.localAddress('vanished', nextInfo, one.info as LocalAddressInfo)
      }
      for (const one of locals) {
        if (!one.info) changes.localAddress('appeared', nextInfo, one.nextInfo as LocalAddressInfo)
      }
    }
    const destinationsChanged = destinations.advance(found)
    const localsChanged = localAddresses.advance(locals)
    const same = !destinationsChanged && !localsChanged && info === nextInfo
    if (same) return false
    row.entry = Object.freeze({
      service: nextInfo,
      destinations: destinations.infos,
      localAddresses: localAddresses.infos,
    })
    return true
  }
}

/**
 * Nothing but a new object has counters that went back alone: zero() is for a service and all of its destinations
 * (ip_vs_ctl.c:ip_vs_zero_service).
 */
const isReplaced = (service: ServiceRow, { gain }: DestinationRow): boolean =>
  gain === RESET && service.gain !== RESET

function tellDestination(service: ServiceRow, row: DestinationRow, changes: ChangeList): void {
  const { info, nextInfo } = row as { info: DestinationInfo | undefined; nextInfo: DestinationInfo }
  if (info === nextInfo) return
  const owner = service.nextInfo as ServiceInfo
  const replaced = isReplaced(service, row)
  if (replaced) changes.destination('vanished', owner, info as DestinationInfo)
  if (info === undefined || replaced) changes.destination('appeared', owner, nextInfo)
  else if (!service.destinations.sameConfig(row)) changes.destinationProperties(owner, info, nextInfo)
}

/** A service and all that it had. */
function tellWhole(
  changes: ChangeList,
  kind: 'vanished',
  { info, destinations, localAddresses }: ServiceRow,
): void {
  const service = info as ServiceInfo
  changes.service(kind, service)
  for (const one of destinations.infos) changes.destination(kind, service, one)
  for (const one of localAddresses.infos) changes.localAddress(kind, service, one)
}

function countRows(services: readonly ServiceRow[]): number {
  let count = services.length
  for (const { destinations } of services) count += destinations.found().length
  return count
}
