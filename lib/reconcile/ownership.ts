/** Which services are ours: what is outside is never touched, and never reported as a change. */

import { invalidType, invalidValue } from '../errors/argument-errors'
import { checkProperties, checkServiceKey, PropertyNames } from '../input'
import { checkInteger } from '../input/values'
import type { AddressRange } from '../model/address-range'
import { parseAddressRange, rangeContains } from '../model/address-range'
import { formatServiceKey, serviceKeyId } from '../model/keys'
import type { ServiceKey } from '../model/types'

/** A service is in the scope that names one of its properties. */
export interface Scope {
  /** 1–4294967295. */
  readonly fwmarks?: readonly number[] | undefined
  /** Addresses and ranges of VIPs (`'192.0.2.1-192.0.2.9'`). */
  readonly addresses?: readonly string[] | undefined
  /** Networks of VIPs (`'192.0.2.0/24'`). */
  readonly networks?: readonly string[] | undefined
  /** Of VIPs, 0–65535. */
  readonly ports?: readonly number[] | undefined
}

/** Which objects of the kernel are ours to change. */
export interface OwnershipOptions {
  /** What is managed. Default `'all'`. */
  readonly manage?: 'all' | ((service: ServiceKey) => boolean) | Scope | undefined
  /** What is left alone although it is in the scope: a desired service in it is an error. */
  readonly ignore?: ((service: ServiceKey) => boolean) | Scope | undefined
  /**
   * Services that were made by whoever asks. A service of the scope that is not among them is somebody else's: it stays, and
   * where it is desired as well it is left as it is, unless `adopt` is true. Default: every service of the scope is ours.
   */
  readonly remembered?: readonly ServiceKey[] | undefined
  /** Desired services that are there already, and not remembered, become ours. Default false. */
  readonly adopt?: boolean | undefined
}

export interface Ownership {
  manages(key: ServiceKey): boolean
  /** Managed, but made by somebody else. */
  isForeign(key: ServiceKey): boolean
  readonly adopt: boolean
}

const SCOPE = new PropertyNames(['fwmarks', 'addresses', 'networks', 'ports'])

type Test = (key: ServiceKey) => boolean

function arrayOf(value: unknown, field: string): readonly unknown[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw invalidType(field, 'Array', value)
  return value
}

function rangesOf(value: unknown, field: string, shape = /^/, otherwise = ''): AddressRange[] {
  return arrayOf(value, field).map((item, i) => {
    const wrong = typeof item !== 'string' ? 'must be a string' : shape.test(item) ? undefined : otherwise
    const range = wrong ?? parseAddressRange(item as string)
    if (typeof range === 'string') throw invalidValue(`${field}[${i}]`, range, item)
    return range
  })
}

/** One that cannot be, `'80'` for instance, would leave out what it means in silence. */
const numbersOf = (value: unknown, field: string, least: number, most: number): ReadonlySet<number> =>
  new Set(arrayOf(value, field).map((item, i) => checkInteger(item, `${field}[${i}]`, least, most)))

function scopeTest(value: unknown, field: string): Test {
  const scope = checkProperties(value, field, SCOPE)
  const fwmarks = numbersOf(scope.fwmarks, `${field}.fwmarks`, 1, 0xffffffff)
  const ports = numbersOf(scope.ports, `${field}.ports`, 0, 65535)
  const ranges = [
    ...rangesOf(scope.addresses, `${field}.addresses`),
    ...rangesOf(scope.networks, `${field}.networks`, /\//, "must be a network such as '192.0.2.0/24'"),
  ]
  return (key) => {
    if (key.fwmark !== undefined) return fwmarks.has(key.fwmark)
    if (ports.has(key.port)) return true
    if (ranges.length === 0) return false
    const service = checkServiceKey(key)
    return service.kind === 'address' && ranges.some((range) => rangeContains(range, service.address))
  }
}

function testOf(value: unknown, field: string): Test {
  if (typeof value === 'function') return (key) => Boolean((value as Test)(key))
  return scopeTest(value, field)
}

export function checkOwnership(options: OwnershipOptions): Ownership {
  const { manage = 'all', ignore, remembered, adopt = false } = options
  if (typeof adopt !== 'boolean') throw invalidType('options.adopt', 'boolean', adopt)
  const managed = manage === 'all' ? () => true : testOf(manage, 'options.manage')
  const ignored = ignore === undefined ? () => false : testOf(ignore, 'options.ignore')
  const ours =
    remembered === undefined
      ? undefined
      : new Set(
          arrayOf(remembered, 'options.remembered').map((key, i) =>
            serviceKeyId(checkServiceKey(key, `options.remembered[${i}]`).key),
          ),
        )
  return {
    manages: (key) => managed(key) && !ignored(key),
    isForeign: (key) => ours !== undefined && !ours.has(serviceKeyId(key)),
    adopt,
  }
}

/** Throws for a service that is desired and not to be managed: it would be left out in silence. */
export function refuseUnmanaged(ownership: Ownership, keys: Iterable<ServiceKey>): void {
  for (const key of keys) {
    if (ownership.manages(key)) continue
    throw invalidValue(
      'state.services',
      `has '${formatServiceKey(key)}', which manage and ignore leave out`,
      key,
    )
  }
}
