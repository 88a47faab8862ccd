/** A snapshot by identity. */

import { serviceKeyId } from '../model/keys'
import { Pieces } from '../model/turn'
import type {
  DestinationInfo,
  DestinationKey,
  ServiceInfo,
  ServiceKey,
  Snapshot,
  SnapshotService,
} from '../model/types'
import { DestinationIndex } from './destination-index'
import { destinationFingerprint, removalFingerprint, serviceFingerprint } from './fingerprint'
import type { PlanStep } from './plan-types'

/** Indexed when it is asked for something: a table can have many services, and a step is about one. */
class Entry {
  private index: DestinationIndex<DestinationInfo> | undefined
  private addresses: ReadonlySet<string> | undefined

  constructor(readonly read: SnapshotService) {}

  get service(): ServiceInfo {
    return this.read.service
  }

  destination(key: DestinationKey): DestinationInfo | undefined {
    const { destinations } = this.read
    this.index ??= new DestinationIndex(destinations)
    return destinations[this.index.indexOf(key)]
  }

  get localAddresses(): ReadonlySet<string> {
    this.addresses ??= new Set(this.read.localAddresses.map(({ address }) => address))
    return this.addresses
  }
}

export class TableView {
  /** Plans have many steps of one service behind each other. */
  private last: { readonly key: ServiceKey; readonly entry: Entry | undefined } | undefined

  /** `only`: ids of the services that are asked for. */
  static async of({ services }: Snapshot, only: ReadonlySet<string>): Promise<TableView> {
    const entries = new Map<string, Entry>()
    const pieces = new Pieces()
    for (const read of services) {
      if (pieces.isDue()) await pieces.next()
      const id = serviceKeyId(read.service)
      if (only.has(id)) entries.set(id, new Entry(read))
    }
    return new TableView(entries)
  }

  private constructor(private readonly entries: ReadonlyMap<string, Entry>) {}

  /** As the fingerprints of plans, which services and destinations have; undefined where there is no such object. */
  fingerprint(step: PlanStep): string | undefined {
    if (step.kind === 'service') {
      const found = this.entryOf(step.service)?.read
      return found && (step.verb === 'remove' ? removalFingerprint(found) : serviceFingerprint(found.service))
    }
    const destination = this.destination(step)
    return destination && destinationFingerprint(destination)
  }

  service(step: PlanStep): ServiceInfo | undefined {
    return 'service' in step ? this.entryOf(step.service)?.service : undefined
  }

  destination(step: PlanStep): DestinationInfo | undefined {
    if (step.kind !== 'destination') return undefined
    return this.entryOf(step.service)?.destination(step.destination)
  }

  hasLocalAddress(step: PlanStep): boolean {
    if (step.kind !== 'localAddress') return false
    return this.entryOf(step.service)?.localAddresses.has(step.localAddress) ?? false
  }

  private entryOf(key: ServiceKey): Entry | undefined {
    if (this.last?.key !== key) this.last = { key, entry: this.entries.get(serviceKeyId(key)) }
    return this.last.entry
  }
}
