/** What one poll has shown, as rows with rates. */

import { formatDestinationKey, formatServiceKey } from '../../model/keys'
import type { SnapshotService } from '../../model/types'
import type { TrafficRates, WatchChange, WatchState } from '../../model/watch-types'
import { byName, plural, short, sum, timeStamp } from './text'

/** Connections by state, or why they were not counted. */
export interface CountedStates {
  readonly counts?: ReadonlyMap<string, number> | undefined
  readonly problem?: string | undefined
}

/** A kernel whose time is not ours. */
export interface SimulatedTime {
  /** Seconds since it was made. */
  readonly now: number
}

/** A line of the table. */
export interface Row {
  readonly kind: 'service' | 'destination' | 'local'
  readonly name: string
  /** In the place of all columns. */
  readonly text?: string | undefined
  readonly method?: string | undefined
  readonly weight?: string | undefined
  readonly rates?: TrafficRates | undefined
  readonly active?: number | undefined
  readonly inactive?: number | undefined
  readonly connections?: bigint | undefined
}

export interface ServiceRow extends Row {
  readonly entry: SnapshotService
}

export type SortName = 'conns' | 'in' | 'out' | 'active' | 'name'

export const SORTS: Readonly<
  Record<SortName, { readonly title: string; readonly value: (row: Row) => number }>
> = {
  conns: { title: 'Conns/s', value: ({ rates }) => rates?.connections ?? 0 },
  in: { title: 'In B/s', value: ({ rates }) => rates?.inBytes ?? 0 },
  out: { title: 'Out B/s', value: ({ rates }) => rates?.outBytes ?? 0 },
  active: { title: 'Active', value: ({ active }) => active ?? 0 },
  name: { title: 'name', value: () => 0 },
}

const sorted = <T extends Row>(rows: T[], sort: SortName): T[] =>
  rows.sort((a, b) => SORTS[sort].value(b) - SORTS[sort].value(a) || byName(a.name, b.name))

function shown(value: unknown): string {
  if (value === undefined || value === null) return 'none'
  if (typeof value === 'string') return value
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part))
}

function describeChange(change: WatchChange): string {
  const { kind, object, service, destination, localAddress } = change
  const place = destination
    ? ` -> ${formatDestinationKey(destination)}`
    : localAddress
      ? ` via ${localAddress}`
      : ''
  const what = kind === 'changed' ? `: ${change.property} ${shown(change.from)} -> ${shown(change.to)}` : ''
  return `${kind} ${object} ${formatServiceKey(service)}${place}${what}`
}

const CHANGES_TOLD = 20

export function describeChanges(changes: readonly WatchChange[]): string[] {
  const lines = changes.slice(0, CHANGES_TOLD).map(describeChange)
  if (changes.length > CHANGES_TOLD) lines.push(`and ${changes.length - CHANGES_TOLD} more changes`)
  return lines
}

/** Rates over other seconds than those of the watch; without what floating point adds to them. */
function scaled(rates: TrafficRates | undefined, factor: number): TrafficRates | undefined {
  if (!rates || factor === 1) return rates
  const by = (value: number) => Number((value * factor).toPrecision(12))
  return {
    connections: by(rates.connections),
    inPackets: by(rates.inPackets),
    outPackets: by(rates.outPackets),
    inBytes: by(rates.inBytes),
    outBytes: by(rates.outBytes),
    reset: rates.reset,
  }
}

interface Conflicts {
  readonly total: bigint
  readonly rate: number | undefined
}

const ZERO = BigInt(0)

/** A state of the watch, and what has become of the port conflicts since the one before. */
export class Reading {
  readonly stamp: string
  readonly now: number | undefined
  readonly seconds: number
  readonly total: TrafficRates | undefined
  readonly destinationCount: number
  readonly services: ServiceRow[]
  readonly locals: {
    readonly count: number
    readonly connections: number
    readonly conflicts: bigint
    readonly conflictRate: number | undefined
  }
  private readonly conflicts = new Map<string, Conflicts>()
  private readonly factor: number
  private order: SortName | undefined

  constructor(
    private readonly state: WatchState,
    readonly states: CountedStates,
    before: Reading | undefined,
    world: SimulatedTime | undefined,
  ) {
    this.stamp = world
      ? `simulated ${new Date(world.now * 1000).toISOString().slice(11, 19)}`
      : timeStamp(state.at)
    const elapsed = (state.elapsed ?? 0) / 1000
    this.now = world?.now
    this.seconds = world ? world.now - (before?.now ?? world.now) : elapsed
    this.factor = world && this.seconds > 0 ? elapsed / this.seconds : 1
    this.total = scaled(state.rates?.total, this.factor)
    this.services = state.snapshot.services.map((entry) => this.service(entry))
    this.destinationCount = sum(state.snapshot.services, ({ destinations }) => destinations.length)
    this.locals = this.readLocals(before)
  }

  private service(entry: SnapshotService): ServiceRow {
    const { service, destinations } = entry
    return {
      kind: 'service',
      name: formatServiceKey(service),
      method: service.scheduler,
      rates: scaled(this.state.rates?.service(service), this.factor),
      active: sum(destinations, (one) => one.activeConnections),
      inactive: sum(destinations, (one) => one.inactiveConnections),
      connections: service.stats.connections,
      entry,
    }
  }

  private readLocals(before: Reading | undefined): Reading['locals'] {
    let count = 0
    let inUse = 0
    let all = ZERO
    let grow = 0
    for (const { name, entry } of this.services) {
      for (const { address, connections, portConflicts } of entry.localAddresses) {
        const id = `${name} ${address}`
        const last = before?.conflicts.get(id)?.total
        const gained = portConflicts - (last ?? portConflicts)
        // A counter that went back is another one.
        const known = last !== undefined && gained >= ZERO && this.seconds > 0
        const rate = known ? Number(gained) / this.seconds : undefined
        this.conflicts.set(id, { total: portConflicts, rate })
        count++
        inUse += connections
        all += portConflicts
        grow += rate ?? 0
      }
    }
    return { count, connections: inUse, conflicts: all, conflictRate: before ? grow : undefined }
  }

  sorted(sort: SortName): readonly ServiceRow[] {
    if (this.order !== sort) sorted(this.services, sort)
    this.order = sort
    return this.services
  }

  /** The rows below a service: made for those that are looked at. */
  rowsIn({ name, entry: { service, destinations, localAddresses } }: ServiceRow, sort: SortName): Row[] {
    const targets = destinations.map(
      (one): Row => ({
        kind: 'destination',
        name: `  -> ${formatDestinationKey(one)}`,
        method: String(one.forwarding),
        weight: String(one.weight),
        rates: scaled(this.state.rates?.destination(service, one), this.factor),
        active: one.activeConnections,
        inactive: one.inactiveConnections,
        connections: one.stats.connections,
      }),
    )
    const locals = localAddresses
      .map(({ address, connections, portConflicts }): Row => {
        const rate = this.conflicts.get(`${name} ${address}`)?.rate
        const grow = rate === undefined ? '' : `, ${short(rate)}/s`
        const use = `${plural(connections, 'connection')}, ${plural(Number(portConflicts), 'port conflict')}${grow}`
        return { kind: 'local', name: `  via ${address}`, text: `  via ${address}   ${use}` }
      })
      .sort((a, b) => byName(a.name, b.name))
    return [...sorted(targets, sort), ...locals]
  }
}
