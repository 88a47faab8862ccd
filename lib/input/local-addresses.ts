/** Local addresses of FULLNAT services. */

import { invalidType, invalidValue } from '../errors/argument-errors'
import type { PackedAddress } from '../model/address'
import { AF_INET, addressKind } from '../model/address'
import type { NormalizedServiceKey } from '../model/normalized'
import { NormalizedLocalAddress } from '../model/normalized'
import { familyName } from '../model/numbers'
import type { LocalAddressInfo } from '../model/types'
import { checkAddress, refuseMapped } from './values'

function checkOfFamily(address: PackedAddress, service: NormalizedServiceKey, field: string, value: unknown) {
  if (address.family !== service.family) {
    throw invalidValue(field, `must be of the service's family, ${familyName(service.family)}`, value)
  }
}

/** One to look up or to remove: the kernel checks nothing when another tool adds one (ip_vs_ctl.c:ip_vs_new_laddr). */
export function checkLocalAddressKey(
  value: unknown,
  service: NormalizedServiceKey,
  field = 'localAddress',
): NormalizedLocalAddress {
  const address = checkAddress(value, field)
  // An IPv6 service can hold one.
  if (service.family === AF_INET) refuseMapped(address, value, field)
  checkOfFamily(address, service, field, value)
  return new NormalizedLocalAddress(address)
}

/** One to add: with 0.0.0.0, multicast or broadcast every connection would be lost. */
export function checkLocalAddress(
  value: unknown,
  service: NormalizedServiceKey,
  field = 'localAddress',
): NormalizedLocalAddress {
  const address = checkAddress(value, field)
  refuseMapped(address, value, field)
  checkOfFamily(address, service, field, value)
  const kind = addressKind(address)
  if (kind !== 'unicast') throw invalidValue(field, `must be an address of this machine, not ${kind}`, value)
  return new NormalizedLocalAddress(address)
}

/** One to add, or one that was listed: of that, whatever the kernel holds. */
export function checkLocalAddressInput(
  value: unknown,
  service: NormalizedServiceKey,
  field = 'localAddress',
): NormalizedLocalAddress {
  const listed = value as LocalAddressInfo | null | undefined
  if (typeof listed !== 'object' || listed?.portConflicts === undefined) {
    return checkLocalAddress(value, service, field)
  }
  return checkLocalAddressKey(listed.address, service, `${field}.address`)
}

export function checkLocalAddresses(
  value: unknown,
  service: NormalizedServiceKey,
  field = 'localAddresses',
): NormalizedLocalAddress[] {
  if (!Array.isArray(value)) throw invalidType(field, 'Array', value)
  const seen = new Set<string>()
  return Array.from(value as unknown[], (item, i) => {
    const local = checkLocalAddress(item, service, `${field}[${i}]`)
    if (seen.has(local.text)) throw invalidValue(`${field}[${i}]`, 'must not be named twice', item)
    seen.add(local.text)
    return local
  })
}
