/** What became of a table between two events, row by row. */

import { isDeepStrictEqual } from 'util'
import { destinationKeyId, serviceKeyId } from '../model/keys'
import type {
  DestinationInfo,
  DestinationKey,
  LocalAddressInfo,
  ServiceInfo,
  ServiceKey,
  ServiceState,
} from '../model/types'
import type { WatchChange, WatchedRowInfo } from '../model/watch-types'

/** What can change of a service, in the order in which it is told. A property that is new does not compile without its line. */
const SERVICE_PROPERTIES: Readonly<Record<Exclude<keyof ServiceState, 'family' | 'stats'>, true>> = {
  scheduler: true,
  schedulerFlags: true,
  persistence: true,
  onePacket: true,
  synproxy: true,
  establishedTimeout: true,
  flags: true,
}

type Measured = 'activeConnections' | 'inactiveConnections' | 'persistentConnections' | 'stats'

/** The same of a destination. */
const DESTINATION_PROPERTIES: Readonly<
  Record<Exclude<keyof DestinationInfo, keyof DestinationKey | 'family' | Measured>, true>
> = {
  forwarding: true,
  weight: true,
  upperThreshold: true,
  lowerThreshold: true,
  tunnel: true,
}

const serviceProperties = Object.keys(SERVICE_PROPERTIES)
const destinationProperties = Object.keys(DESTINATION_PROPERTIES)

type Properties = Readonly<Record<string, unknown>>

/** Within a service: what has gone, the service itself, what it has. */
const PHASES = {
  'destination vanished': 0,
  'local-address vanished': 1,
  'service vanished': 2,
  'service appeared': 3,
  'service changed': 3,
  'destination appeared': 4,
  'destination changed': 4,
  'local-address appeared': 5,
} as const

interface Found {
  readonly service: string
  readonly phase: number
  readonly row: string
  /** Of properties, in their order: Node 10 does not keep the order of what is equal. */
  readonly place: number
  readonly change: WatchChange
}

/** Not by locale. */
const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)

/** Keys that are handed out are no row's, and nobody else's. */
const serviceKeyOf = (service: ServiceKey): ServiceKey =>
  service.fwmark === undefined
    ? { protocol: service.protocol, address: service.address, port: service.port }
    : { fwmark: service.fwmark, family: service.family }

const destinationKeyOf = ({ address, port }: DestinationKey): DestinationKey => ({ address, port })

export class ChangeList {
  private readonly found: Found[] = []

  /** By service, phase, row. */
  sorted(): WatchChange[] {
    return this.found
      .sort(
        (one, other) =>
          compare(one.service, other.service) ||
          one.phase - other.phase ||
          compare(one.row, other.row) ||
          one.place - other.place,
      )
      .map(({ change }) => change)
  }

  service(kind: 'appeared' | 'vanished', service: ServiceInfo): void {
    this.add(service, '', {
      object: 'service',
      service: serviceKeyOf(service),
      ...rowOf(kind, service),
    })
  }

  destination(kind: 'appeared' | 'vanished', service: ServiceInfo, destination: DestinationInfo): void {
    this.add(service, destinationKeyId(destination), {
      object: 'destination',
      service: serviceKeyOf(service),
      destination: destinationKeyOf(destination),
      ...rowOf(kind, destination),
    })
  }

  localAddress(kind: 'appeared' | 'vanished', service: ServiceInfo, local: LocalAddressInfo): void {
    this.add(service, local.address, {
      object: 'local-address',
      service: serviceKeyOf(service),
      localAddress: local.address,
      ...rowOf(kind, local),
    })
  }

  serviceProperties(from: ServiceInfo, to: ServiceInfo): void {
    this.properties(serviceProperties, from, to, (property, values) =>
      this.add(to, '', {
        kind: 'changed',
        object: 'service',
        service: serviceKeyOf(to),
        property,
        ...values,
      }),
    )
  }

  destinationProperties(service: ServiceInfo, from: DestinationInfo, to: DestinationInfo): void {
    this.properties(destinationProperties, from, to, (property, values) =>
      this.add(service, destinationKeyId(to), {
        kind: 'changed',
        object: 'destination',
        service: serviceKeyOf(service),
        destination: destinationKeyOf(to),
        property,
        ...values,
      }),
    )
  }

  private properties(
    names: readonly string[],
    one: object,
    other: object,
    tell: (property: string, values: { readonly from: unknown; readonly to: unknown }) => void,
  ): void {
    for (const name of names) {
      const from = (one as Properties)[name]
      const to = (other as Properties)[name]
      if (!isDeepStrictEqual(from, to)) tell(name, { from, to })
    }
  }

  private add(service: ServiceInfo, row: string, change: WatchChange): void {
    const phase = PHASES[`${change.object} ${change.kind}` as keyof typeof PHASES]
    this.found.push({ service: serviceKeyId(service), phase, row, place: this.found.length, change })
  }
}

function rowOf<Info extends WatchedRowInfo>(kind: 'appeared' | 'vanished', info: Info) {
  return kind === 'appeared' ? { kind, now: info } : { kind, before: info }
}
