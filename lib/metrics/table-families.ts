/** Services, destinations and local addresses as samples. */

import { invalidType } from '../errors/argument-errors'
import { keyOf } from '../model/keys'
import type { InPieces } from '../model/turn'
import { Pieces } from '../model/turn'
import type { ServiceInfo, Snapshot, Stats } from '../model/types'
import { DESTINATIONS, LOCAL_ADDRESSES, SERVICES } from './definitions'
import type { Family, Value } from './family'
import type { NameService } from './labels'
import type { CheckedOptions } from './options'
import { SummedRows } from './summed-rows'

type Labels = Readonly<Record<string, string>>

/** In the order of `traffic` in definitions.ts. */
export const trafficValues = (
  stats: Pick<Stats, 'connections' | 'inPackets' | 'outPackets' | 'inBytes' | 'outBytes'>,
): Value[] => [stats.connections, stats.inPackets, stats.outPackets, stats.inBytes, stats.outBytes]

function nameOf(service: ServiceInfo, name: NameService | undefined): string {
  const given: unknown = name?.(keyOf(service))
  if (given === undefined) return ''
  if (typeof given !== 'string') throw invalidType('options.name()', 'string', given)
  // Halves of surrogate pairs become the same character in UTF-8: names that differ in them alone would collide there.
  return Buffer.from(given).toString()
}

function serviceLabels(service: ServiceInfo, name: string): Labels {
  const { family } = service
  if (service.fwmark !== undefined) {
    return { protocol: '', address: '', port: '', fwmark: String(service.fwmark), family, name }
  }
  const { protocol, address, port } = service
  return { protocol: String(protocol), address, port: String(port), fwmark: '', family, name }
}

const pick = (labels: Labels, names: readonly string[]): string[] =>
  names.map((name) => labels[name] as string)

/** The families of the groups `services`, `destinations` and `localAddresses` that are wanted. */
export function* tableFamilies(snapshot: Snapshot, options: CheckedOptions): InPieces<Family[]> {
  const { labels, groups, name } = options
  const services = new SummedRows(SERVICES, labels.services)
  const destinations = new SummedRows(DESTINATIONS, labels.destinations)
  const locals = new SummedRows(LOCAL_ADDRESSES, labels.localAddresses)
  const wanted = (group: 'services' | 'destinations' | 'localAddresses') => groups.has(group)
  const pieces = new Pieces()
  for (const { service, destinations: targets, localAddresses } of snapshot.services) {
    if (pieces.isDue()) yield
    const own = serviceLabels(service, nameOf(service, name))
    if (wanted('services')) services.add(pick(own, labels.services), trafficValues(service.stats))
    if (wanted('destinations')) {
      for (const one of targets) {
        const all = { ...own, destination_address: one.address, destination_port: String(one.port) }
        const gauges = [one.activeConnections, one.inactiveConnections, one.weight]
        destinations.add(pick(all, labels.destinations), [...trafficValues(one.stats), ...gauges])
        if (pieces.isDue()) yield
      }
    }
    if (wanted('localAddresses')) {
      for (const { address, connections, portConflicts } of localAddresses) {
        const all = { ...own, local_address: address }
        locals.add(pick(all, labels.localAddresses), [connections, portConflicts])
        if (pieces.isDue()) yield
      }
    }
  }
  return [
    ...(wanted('services') ? services.toFamilies() : []),
    ...(wanted('destinations') ? destinations.toFamilies() : []),
    ...(wanted('localAddresses') ? locals.toFamilies() : []),
  ]
}
