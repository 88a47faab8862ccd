/** Events of a watch that is asked at once, and what a reader of them can know. */

import { expect } from 'vitest'
import type {
  Ipvs,
  Snapshot,
  TrafficRates,
  WatchChange,
  WatchEvent,
  WatchOptions,
  WatchState,
} from '../../../lib'
import { destinationKeyId, serviceKeyId } from '../../../lib/model/keys'

/** A watch whose next event is a state, as soon as it is asked for. */
export class Watching {
  private readonly events: AsyncIterableIterator<WatchEvent>
  last: WatchState | undefined

  constructor(ipvs: Ipvs, options: Partial<WatchOptions> = {}) {
    this.events = ipvs.watch({ interval: 1, jitter: 0, stopOnError: true, ...options })
  }

  async next(): Promise<WatchState> {
    const { value } = await this.events.next()
    const event = value as WatchEvent
    if (event.error) throw event.error
    this.last = event
    return event
  }

  async changes(): Promise<readonly WatchChange[]> {
    return (await this.next()).changes
  }

  async end(): Promise<void> {
    await this.events.return?.()
  }
}

type Properties = Record<string, unknown>

/** What of a row is no measurement. */
function settings(row: object): Properties {
  const { stats, activeConnections, inactiveConnections, persistentConnections, ...rest } = row as Properties
  return rest
}

/** A table as somebody has it who knows identities and settings. */
export interface Folded {
  [service: string]: {
    settings: Properties
    destinations: { [destination: string]: Properties }
    localAddresses: string[]
  }
}

export function folded({ services }: Snapshot): Folded {
  const table: Folded = {}
  for (const { service, destinations, localAddresses } of services) {
    table[serviceKeyId(service)] = {
      settings: settings(service),
      destinations: Object.fromEntries(destinations.map((one) => [destinationKeyId(one), settings(one)])),
      localAddresses: localAddresses.map(({ address }) => address).sort(),
    }
  }
  return table
}

/** Makes every change, and fails where it does not fit. */
export function fold(table: Folded, changes: readonly WatchChange[]): Folded {
  const result: Folded = structuredClone(table)
  for (const change of changes) {
    const id = serviceKeyId(change.service)
    if (change.object === 'service') {
      if (change.kind === 'appeared') {
        expect(result).not.toHaveProperty([id])
        result[id] = { settings: settings(change.now), destinations: {}, localAddresses: [] }
      } else if (change.kind === 'vanished') {
        const gone = result[id]
        expect(gone).toEqual({ settings: settings(change.before), destinations: {}, localAddresses: [] })
        delete result[id]
      } else {
        const { settings: now } = result[id] as Folded[string]
        expect(now[change.property]).toEqual(change.from)
        expect(change.to).not.toEqual(change.from)
        now[change.property] = change.to
      }
      continue
    }
    const owner = result[id] as Folded[string]
    expect(owner).toBeDefined()
    if (change.object === 'local-address') {
      const known = owner.localAddresses.includes(change.localAddress)
      expect(known).toBe(change.kind === 'vanished')
      if (known) owner.localAddresses = owner.localAddresses.filter((one) => one !== change.localAddress)
      else owner.localAddresses = [...owner.localAddresses, change.localAddress].sort()
      continue
    }
    const name = destinationKeyId(change.destination)
    const { destinations } = owner
    if (change.kind === 'appeared') {
      expect(destinations).not.toHaveProperty([name])
      destinations[name] = settings(change.now)
    } else if (change.kind === 'vanished') {
      expect(destinations[name]).toEqual(settings(change.before))
      delete destinations[name]
    } else {
      const now = destinations[name] as Properties
      expect(now[change.property]).toEqual(change.from)
      now[change.property] = change.to
    }
  }
  return result
}

/** `'vanished destination tcp 192.0.2.1:80 10.0.0.1:8080'`, `'changed service fwmark 7 scheduler wlc rr'`. */
export function inWords(change: WatchChange): string {
  const { kind, object, service } = change
  const row = change.destination ? ` ${destinationKeyId(change.destination)}` : ''
  const local = change.localAddress === undefined ? '' : ` ${change.localAddress}`
  const values =
    change.kind === 'changed'
      ? ` ${change.property} ${JSON.stringify(change.from)} ${JSON.stringify(change.to)}`
      : ''
  return `${kind} ${object} ${serviceKeyId(service)}${row}${local}${values}`
}

export const COUNTERS = ['connections', 'inPackets', 'outPackets', 'inBytes', 'outBytes'] as const

/** The gains that rates stand for, as whole numbers. */
export function gains(rates: TrafficRates, { elapsed }: WatchState): number[] {
  return COUNTERS.map((name) => Math.round((rates[name] * (elapsed as number)) / 1000))
}
