/** Connections and persistence templates of the fake kernel. */

import type { PackedAddress } from '../../model/address'
import type { DestinationObject, LocalAddressObject, ServiceObject } from './table-objects'

/** Words of `ipvs.connections`. `'syn-recv'` to `'close'` are TCP's; UDP is always `'udp'`, what has expired is `'expired'`. */
export type ConnectionState =
  | 'syn-recv'
  | 'established'
  | 'fin-wait'
  | 'time-wait'
  | 'close'
  | 'udp'
  | 'expired'

export interface Endpoint {
  readonly address: PackedAddress
  readonly port: number
}

export interface ConnectionObject {
  readonly id: number
  readonly protocol: number
  readonly client: Endpoint
  /** Where the client sent it. */
  readonly virtual: Endpoint
  /** `key` of the service, which may be gone. */
  readonly service: string
  readonly destination: DestinationObject
  /** Port of the destination. */
  readonly destinationPort: number
  /** Of the destination, when the connection was made. */
  readonly forwarding: number
  /** FULLNAT only. */
  readonly local: { readonly object: LocalAddressObject; readonly port: number } | undefined
  /** 0 where nothing is per CPU. */
  readonly cpu: number
  /** Seconds; of the service on fullnat-v3, undefined where the global timeout counts. */
  readonly establishedTimeout: number | undefined
  /** Key of the template that chose the destination. */
  readonly template: string | undefined
  state: ConnectionState
  /** It counts as active. */
  active: boolean
  /** Milliseconds. */
  expires: number
}

/** Binds a client, or its network, to a destination: ip_vs_core.c:ip_vs_sched_persist. */
export interface TemplateObject {
  readonly key: string
  readonly destination: DestinationObject
  /** Seconds, of the service when it was made. */
  readonly timeout: number
  readonly cpu: number
  /** Connections that came by it. */
  controls: number
  /** One of them was answered (mainline ip_vs_conn.c:ip_vs_control_assure_ct). */
  assured: boolean
  expires: number
}

/** Why a connection was refused. */
export type Refusal =
  /** The service does not exist. */
  | { readonly kind: 'no-service' }
  /** The service is for another port; one for port 0 takes every port, but must be persistent. */
  | { readonly kind: 'wrong-port'; readonly port: number }
  /** The scheduler found none: there are none, or all have weight 0 or are above their threshold. */
  | { readonly kind: 'no-destination'; readonly scheduler: string }
  /** FULLNAT, and the service has no local address; on fullnat-v3, none on the CPU that got the packet. */
  | { readonly kind: 'no-local-address'; readonly cpu: number | undefined }
  /** FULLNAT, and every port that was tried is in use towards this destination. */
  | { readonly kind: 'no-local-port'; readonly localAddress: string }
  /** The client has a connection already, and its destination was removed: the sysctl `expire_nodest_conn` ends it. */
  | { readonly kind: 'destination-removed' }
  /** The sysctl `conn_max_num` (fullnat-v3): the CPU has used up its share. */
  | { readonly kind: 'too-many-connections' }

export interface Arrival {
  readonly service: ServiceObject
  readonly protocol: number
  readonly client: Endpoint
  /** Where the client sent it. */
  readonly virtual: Endpoint
  readonly cpu: number
  /** What the persistence engine of the service finds in the packet. */
  readonly engineData: string | undefined
}
