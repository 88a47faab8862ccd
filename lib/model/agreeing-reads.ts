/** Reading the table until two reads agree: a dump that is read while others write can miss an entry. */

import { destinationKeyId, serviceKeyId } from './keys'
import { Pieces } from './turn'
import type { DestinationInfo, LocalAddressInfo, ServiceInfo, SnapshotService } from './types'

/** Reads that are compared before it is given up. */
const MOST_READS = 10

const sameService = (one: ServiceInfo, other: ServiceInfo): boolean =>
  one.port === other.port &&
  one.address === other.address &&
  one.protocol === other.protocol &&
  one.fwmark === other.fwmark &&
  one.family === other.family

const sameDestination = (one: DestinationInfo, other: DestinationInfo): boolean =>
  one.port === other.port && one.address === other.address

const sameLocalAddress = (one: LocalAddressInfo, other: LocalAddressInfo): boolean =>
  one.address === other.address

const sortedIds = <T>(list: readonly T[], idOf: (item: T) => string): string =>
  list.map(idOf).sort().join('\n')

/** In whatever order; two reads of a kernel at rest have the same one. */
function sameList<T>(
  one: readonly T[],
  other: readonly T[],
  same: (a: T, b: T) => boolean,
  idOf: (item: T) => string,
): boolean {
  if (one.length !== other.length) return false
  if (one.every((item, i) => same(item, other[i] as T))) return true
  return sortedIds(one, idOf) === sortedIds(other, idOf)
}

const idOf = ({ service }: SnapshotService): string => serviceKeyId(service)

/** Whether two reads have the same services, destinations and local addresses, by identity. */
async function sameObjects(
  one: readonly SnapshotService[],
  other: readonly SnapshotService[],
): Promise<boolean> {
  if (!sameList(one, other, (a, b) => sameService(a.service, b.service), idOf)) return false
  let byId: ReadonlyMap<string, SnapshotService> | undefined
  const pieces = new Pieces()
  for (const [i, mine] of one.entries()) {
    let theirs = other[i] as SnapshotService
    if (!sameService(mine.service, theirs.service)) {
      byId ??= new Map(other.map((service) => [idOf(service), service] as const))
      theirs = byId.get(idOf(mine)) as SnapshotService
    }
    const same =
      sameList(mine.destinations, theirs.destinations, sameDestination, destinationKeyId) &&
      sameList(mine.localAddresses, theirs.localAddresses, sameLocalAddress, ({ address }) => address)
    if (!same) return false
    if (pieces.isDue(1 + mine.destinations.length + mine.localAddresses.length)) await pieces.next()
  }
  return true
}

/** Reads again until two in a row agree, and gives up after ten. `first` is what was read before. */
export async function readUntilAgreed(
  first: readonly SnapshotService[],
  read: () => Promise<readonly SnapshotService[]>,
): Promise<{ readonly services: readonly SnapshotService[]; readonly consistent: boolean }> {
  let services = first
  for (let i = 1; i < MOST_READS; i++) {
    const again = await read()
    const same = await sameObjects(services, again)
    services = again
    if (same) return { services, consistent: true }
  }
  return { services, consistent: false }
}
