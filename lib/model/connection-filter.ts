/** Which connections are asked for: as callers say it, and as it is looked for. */

import type { AddressFamily, PackedAddress } from './address'
import type { CallOptions } from './call-types'
import type { ConnectionState } from './observed'
import type { ServiceKey } from './types'

/** An address, or an address and a port. */
export type EndpointFilter = string | { readonly address: string; readonly port?: number | undefined }

/** What is left out does not matter; what is named must be so. */
export interface ConnectionFilter {
  /**
   * By what the client sent its packets to: protocol, address and port. Port 0 is every port of the address, as the kernel
   * takes it (ip_vs_ctl.c:ip_vs_service_get), and so also those that services of their own have. A fwmark service has its
   * persistence templates alone: no other line shows a mark. It need not exist.
   */
  readonly service?: ServiceKey | undefined
  /** A template has the client's network for an address, and port 0. */
  readonly client?: EndpointFilter | undefined
  readonly destination?: EndpointFilter | undefined
  /** FULLNAT kernels: `ERR_IPVS_UNSUPPORTED` elsewhere. */
  readonly localAddress?: string | undefined
  /** One of these: `['established']`. Lower case with `-`. */
  readonly states?: readonly ConnectionState[] | undefined
  /** True: persistence templates alone; false: none of them. Default: both. */
  readonly templates?: boolean | undefined
}

export interface ConnectionOptions extends ConnectionFilter, CallOptions {
  /** So many at most; the file is closed at once. Default: all. */
  readonly limit?: number | undefined
  /**
   * Reads ip_vs_conn_sync: `origin` says which came from the sync daemon of another director, and `engine` is unknown.
   * Default false.
   */
  readonly origin?: boolean | undefined
}

/** What is counted apart. */
export type ConnectionCountBy = 'state' | 'destination' | 'localAddress'

export interface ConnectionCountOptions extends ConnectionOptions {
  readonly by?: ConnectionCountBy | undefined
}

/** `port` undefined: every one. */
export interface NormalizedEndpointFilter {
  readonly address: PackedAddress
  readonly port: number | undefined
}

export interface NormalizedConnectionFilter {
  /** Of client and virtual address; undefined where the filter does not tell. */
  readonly family: AddressFamily | undefined
  readonly protocol: number | undefined
  readonly virtual: NormalizedEndpointFilter | undefined
  readonly fwmark: number | undefined
  readonly client: NormalizedEndpointFilter | undefined
  readonly destination: NormalizedEndpointFilter | undefined
  readonly localAddress: PackedAddress | undefined
  readonly states: ReadonlySet<string> | undefined
  readonly templates: boolean | undefined
}
