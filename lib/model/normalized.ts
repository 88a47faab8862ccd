/** What callers pass in once it is checked: the kernel's numbers, packed addresses, and canonical keys for errors. */

import type { AddressFamily, PackedAddress } from './address'
import { formatPacked } from './address'
import type {
  DaemonConfigRecord,
  DestinationConfigRecord,
  ServiceConfigRecord,
  TimeoutConfigRecord,
  TunnelRecord,
} from './records.gen'
import type { AddressServiceKey, DestinationKey, FwmarkServiceKey } from './types'

export interface NormalizedAddressService {
  readonly kind: 'address'
  readonly protocol: number
  readonly address: PackedAddress
  readonly port: number
  readonly family: AddressFamily
  /** Canonical and frozen: errors hand it out. */
  readonly key: AddressServiceKey
}

export interface NormalizedFwmarkService {
  readonly kind: 'fwmark'
  readonly fwmark: number
  readonly family: AddressFamily
  /** Canonical and frozen, with the family. */
  readonly key: FwmarkServiceKey
}

export type NormalizedServiceKey = NormalizedAddressService | NormalizedFwmarkService

/** `flags` has the bits of SERVICE_FLAGS and SCHEDULER_FLAGS; `establishedTimeout` is undefined where nobody named one. */
export type NormalizedServiceConfig = ServiceConfigRecord

/** The properties of a service that a caller names. */
export interface NormalizedServiceChange {
  /** Without `flags`. */
  readonly values: Partial<NormalizedServiceConfig>
  /** Bits of the flags word that are named, and which of them are set. */
  readonly flagsMask: number
  readonly flags: number
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

/** `forwarding` 0–7. */
export type NormalizedDestinationConfig = DestinationConfigRecord

/** The properties of a destination that a caller names, the others are undefined; `tunnel: null` is plain IP-in-IP. */
export type NormalizedDestinationChange = {
  readonly [name in Exclude<keyof NormalizedDestinationConfig, 'tunnel'>]: number | undefined
} & { readonly tunnel: NormalizedTunnel | null | undefined }

/** `port` is 0 but for GUE. */
export type NormalizedTunnel = TunnelRecord

export class NormalizedLocalAddress {
  constructor(readonly address: PackedAddress) {}

  /** Canonical. */
  get text(): string {
    return formatPacked(this.address)
  }
}

export type NormalizedDaemon = DaemonConfigRecord

export type NormalizedTimeouts = TimeoutConfigRecord

/** A copy of its own for whoever is given it: plain objects within are copied, too. */
export function copyOf<T extends object>(record: T): T {
  const copy: T = { ...record }
  for (const name of Object.keys(copy) as (keyof T)[]) {
    const value = copy[name]
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) copy[name] = copyOf(value)
  }
  return copy
}

/** Whether two objects agree in all of these fields; objects in them are compared by their own. */
export function sameFields<T>(one: T, other: T, fields: readonly (keyof T)[]): boolean {
  return fields.every((field) => {
    const [a, b] = [one[field], other[field]]
    if (typeof a !== 'object' || typeof b !== 'object' || !a || !b) return a === b
    return sameFields<typeof a>(a, b, Object.keys({ ...a, ...b }) as never)
  })
}
