/** What callers pass in once it is checked: the kernel's numbers, packed addresses, and canonical keys for errors. */

import type { AddressFamily, PackedAddress } from './address'
import { formatPacked } from './address'
import type { AddressServiceKey, DestinationKey, FwmarkServiceKey } from './types'

export interface NormalizedAddressService {
  readonly kind: 'address'
  readonly protocol: 6 | 17 | 132
  readonly address: PackedAddress
  readonly port: number
  readonly family: AddressFamily
  /** Canonical. */
  readonly key: AddressServiceKey
}

export interface NormalizedFwmarkService {
  readonly kind: 'fwmark'
  readonly fwmark: number
  readonly family: AddressFamily
  /** Canonical, with the family. */
  readonly key: FwmarkServiceKey
}

export type NormalizedServiceKey = NormalizedAddressService | NormalizedFwmarkService

export interface NormalizedServiceConfig {
  readonly scheduler: string
  readonly persistent: boolean
  /** Seconds, 0 when not persistent. */
  readonly persistenceTimeout: number
  /** IPv4: the mask as a number (0xffffff00); IPv6: the prefix length. */
  readonly netmask: number
  readonly engine: string | undefined
  readonly onePacket: boolean
  readonly synproxy: boolean
  /** Bits 0x8, 0x10, 0x20. */
  readonly schedulerFlags: number
  /** Seconds; undefined where the caller named none. */
  readonly establishedTimeout: number | undefined
}

export class NormalizedDestinationKey {
  constructor(
    readonly address: PackedAddress,
    readonly port: number,
  ) {}

  get family(): AddressFamily {
    return this.address.family
  }

  /** Canonical. */
  get key(): DestinationKey {
    return { address: formatPacked(this.address), port: this.port }
  }
}

export interface NormalizedTunnel {
  readonly type: 0 | 1 | 2
  /** 0 but for GUE. */
  readonly port: number
  readonly flags: number
}

export interface NormalizedDestinationConfig {
  /** 0–5. */
  readonly forwarding: number
  readonly weight: number
  readonly upperThreshold: number
  readonly lowerThreshold: number
  readonly tunnel: NormalizedTunnel | undefined
}

export class NormalizedLocalAddress {
  constructor(readonly address: PackedAddress) {}

  /** Canonical. */
  get text(): string {
    return formatPacked(this.address)
  }
}

export interface NormalizedDaemon {
  readonly state: 1 | 2
  readonly interface: string
  readonly syncId: number
  readonly syncMaxLength: number | undefined
  readonly multicastGroup: PackedAddress | undefined
  readonly multicastPort: number | undefined
  readonly multicastTtl: number | undefined
}
