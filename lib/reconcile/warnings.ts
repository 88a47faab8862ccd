/** What a desired state brings about that nobody wants. */

import type { Capabilities } from '../kernel/capabilities'
import { formatServiceKey, serviceKeyId } from '../model/keys'
import { Pieces } from '../model/turn'
import type { SnapshotService } from '../model/types'
import type { PlanWarning } from './plan-types'
import type { WantedDestination, WantedService } from './wanted-types'

/** Schedulers that map clients by the set of destinations: one with weight 0 moves clients of others. */
const MAPS_BY_SET: readonly string[] = ['dh', 'sh', 'mh']

interface Trap {
  readonly code: string
  readonly hint: string
  /** What is wrong, undefined where nothing is. */
  find(
    service: WantedService,
    destinations: readonly WantedDestination[],
    capabilities: Capabilities,
    found: SnapshotService | undefined,
  ): string | undefined
}

const TRAPS: readonly Trap[] = [
  {
    code: 'fullnat-without-local-address',
    hint: 'Name localAddresses: without one no connection can be made, and clients time out.',
    // What the state has no opinion about is what is there.
    find: (service, destinations, { localAddresses }, found) =>
      localAddresses &&
      (service.localAddresses?.size ?? found?.localAddresses.length ?? 0) === 0 &&
      (service.destinations ? destinations : (found?.destinations ?? [])).some(
        ({ forwarding }) => forwarding === 'fullnat',
      )
        ? 'has FULLNAT destinations and no local address'
        : undefined,
  },
  {
    code: 'no-weight',
    hint: 'Give one a weight: new connections are refused until then.',
    // Without any it is empty on purpose.
    find: (service, destinations) =>
      service.destinations?.length &&
      destinations.every(({ weight, state }) => state !== 'on' || weight === 0)
        ? 'has no destination that takes new connections'
        : undefined,
  },
  {
    code: 'synproxy-without-nat',
    hint: 'Use fullnat or masquerade: the answers of the destination must come back through the director.',
    find: ({ config }, destinations) =>
      config.synproxy &&
      destinations.some(({ forwarding }) => forwarding === 'direct-route' || forwarding === 'tunnel')
        ? 'has a SYN proxy and destinations that answer the client directly'
        : undefined,
  },
  {
    code: 'scheduler-remaps',
    hint: 'Clients of other destinations move, too, when one drains: wrr or wlc do not do that.',
    find: ({ config }, destinations) =>
      MAPS_BY_SET.includes(config.scheduler ?? '') && destinations.some(({ state }) => state === 'drain')
        ? `drains a destination under scheduler ${config.scheduler}`
        : undefined,
  },
]

const isOff = ({ state }: WantedDestination): boolean => state === 'off'

/** The list itself where it can be: there can be ten thousand. */
const takingPart = (destinations: readonly WantedDestination[]): readonly WantedDestination[] =>
  destinations.some(isOff) ? destinations.filter((one) => !isOff(one)) : destinations

/** Of those that the state does not say everything about; empty where that is none. */
async function presentServices(
  { localAddresses }: Capabilities,
  wanted: readonly WantedService[],
  services: readonly SnapshotService[],
): Promise<ReadonlyMap<string, SnapshotService>> {
  const present = new Map<string, SnapshotService>()
  const isOpen = (one: WantedService): boolean => !one.localAddresses || !one.destinations
  if (!localAddresses || !wanted.some(isOpen)) return present
  const pieces = new Pieces()
  for (const found of services) {
    if (pieces.isDue()) await pieces.next()
    present.set(serviceKeyId(found.service), found)
  }
  return present
}

/** `services`: what is there. */
export async function warningsOf(
  capabilities: Capabilities,
  wanted: readonly WantedService[],
  services: readonly SnapshotService[],
): Promise<PlanWarning[]> {
  const found: PlanWarning[] = []
  const pieces = new Pieces()
  const present = await presentServices(capabilities, wanted, services)
  for (const service of wanted) {
    const destinations = takingPart(service.destinations ?? [])
    if (pieces.isDue(1 + destinations.length)) await pieces.next()
    const there = present.size > 0 ? present.get(serviceKeyId(service.key)) : undefined
    for (const { code, hint, find } of TRAPS) {
      const message = find(service, destinations, capabilities, there)
      if (message !== undefined) {
        found.push({
          code,
          message: `${formatServiceKey(service.key)} ${message}`,
          service: service.key,
          hint,
        })
      }
    }
  }
  return found
}
