/** Services as the checks see them: those that are there, or those that a desired state makes of them. */

import { destinationKeyId, keyOf, serviceKeyId } from '../model/keys'
import type {
  DestinationInfo,
  DestinationKey,
  Family,
  Forwarding,
  LocalAddressInfo,
  Protocol,
  ServiceKey,
  Snapshot,
  SnapshotService,
} from '../model/types'
import type { WantedDestination, WantedService, WantedState } from '../reconcile/wanted-types'

export interface DestinationView {
  readonly key: DestinationKey
  readonly family: Family
  readonly forwarding: Forwarding | number
  readonly weight: number
  /** Connections that have a port of a local address, where it is FULLNAT. */
  readonly connections: number
}

export interface LocalAddressView {
  readonly address: string
  /** Undefined: it is not there yet. */
  readonly info: LocalAddressInfo | undefined
}

export interface ServiceView {
  readonly key: ServiceKey
  readonly family: Family
  /** Undefined for a fwmark service. */
  readonly protocol: Protocol | number | undefined
  readonly address: string | undefined
  readonly port: number | undefined
  readonly synproxy: boolean
  readonly persistent: boolean
  readonly destinations: readonly DestinationView[]
  readonly localAddresses: readonly LocalAddressView[]
}

const familyOf = (address: string): Family => (address.includes(':') ? 'ipv6' : 'ipv4')

const presentDestination = (info: DestinationInfo): DestinationView => ({
  key: { address: info.address, port: info.port },
  family: info.family,
  forwarding: info.forwarding,
  weight: info.weight,
  connections: info.activeConnections + info.inactiveConnections,
})

function present({ service, destinations, localAddresses }: SnapshotService): ServiceView {
  const { protocol, address, port } = service
  return {
    key: keyOf(service),
    family: service.family,
    protocol,
    address,
    port,
    synproxy: service.synproxy,
    persistent: service.persistence !== undefined,
    destinations: destinations.map(presentDestination),
    localAddresses: localAddresses.map((info) => ({ address: info.address, info })),
  }
}

export const presentServices = ({ services }: Snapshot): ServiceView[] => services.map(present)

function wantedDestination(
  { address, port, forwarding, weight, state }: WantedDestination,
  before: ReadonlyMap<string, DestinationView>,
): DestinationView {
  const key = { address, port }
  return {
    key,
    family: familyOf(address),
    forwarding,
    weight: state === 'drain' ? 0 : weight,
    connections: before.get(destinationKeyId(key))?.connections ?? 0,
  }
}

function wanted(service: WantedService, before: ServiceView | undefined): ServiceView {
  const { key, config, destinations, localAddresses } = service
  const there = before?.destinations ?? []
  const byKey = new Map(there.map((one) => [destinationKeyId(one.key), one] as const))
  const infos = new Map(before?.localAddresses.map((one) => [one.address, one.info] as const))
  return {
    key,
    family: key.fwmark === undefined ? familyOf(key.address) : (key.family ?? 'ipv4'),
    protocol: key.protocol,
    address: key.address,
    port: key.port,
    synproxy: config.synproxy ?? false,
    persistent: (config.persistence ?? undefined) !== undefined,
    destinations:
      destinations === undefined
        ? there
        : destinations
            .filter(({ state }) => state !== 'off')
            .map((destination) => wantedDestination(destination, byKey)),
    localAddresses:
      localAddresses === undefined
        ? (before?.localAddresses ?? [])
        : Array.from(localAddresses, (address) => ({
            address,
            info: infos.get(address),
          })),
  }
}

/** What is there once the state is applied; services that it does not name stay. */
export function desiredServices(now: readonly ServiceView[], { services }: WantedState): ServiceView[] {
  const byId = new Map(now.map((service) => [serviceKeyId(service.key), service] as const))
  for (const [id, service] of services ?? []) byId.set(id, wanted(service, byId.get(id)))
  return Array.from(byId.values())
}
