/** Pools of local addresses, expanded. */

import { invalidType, invalidValue } from '../errors/argument-errors'
import { checkObject, checkProperties, PropertyNames } from '../input'
import { addressesOf, parseAddressRange, rangeSize } from '../model/address-range'
import type { StateProblems } from './state-error'

/** Addresses by the name of the pool, canonical, in the order in which they were named. */
export type Pools = ReadonlyMap<string, ReadonlySet<string>>

/** Addresses of one pool: a director with more has a typo in a prefix length. */
export const MOST_POOL_ADDRESSES = 4096

const POOL = new PropertyNames(['addresses'])

function expand(value: unknown, field: string, problems: StateProblems): Set<string> {
  const { addresses } = checkProperties(value, field, POOL)
  const path = `${field}.addresses`
  if (!Array.isArray(addresses)) throw invalidType(path, 'Array', addresses)
  const found = new Set<string>()
  const take = (item: unknown, itemPath: string): void => {
    if (typeof item !== 'string') throw invalidType(itemPath, 'string', item)
    const range = parseAddressRange(item)
    if (typeof range === 'string') throw invalidValue(itemPath, range, item)
    if (rangeSize(range) + BigInt(found.size) > BigInt(MOST_POOL_ADDRESSES)) {
      throw invalidValue(itemPath, `makes more than ${MOST_POOL_ADDRESSES} addresses of this pool`, item)
    }
    for (const text of addressesOf(range)) {
      if (found.has(text)) throw invalidValue(itemPath, `has '${text}', which is in the pool already`, item)
      found.add(text)
    }
  }
  for (const [i, item] of (addresses as unknown[]).entries()) problems.try(() => take(item, `${path}[${i}]`))
  return found
}

export function checkPools(value: unknown, problems: StateProblems): Pools {
  const pools = new Map<string, ReadonlySet<string>>()
  if (value === undefined) return pools
  const named = problems.try(() => checkObject(value, 'pools')) ?? {}
  for (const name of Object.keys(named)) {
    // A pool that is wrong is known all the same: whoever names it did nothing wrong.
    pools.set(name, problems.try(() => expand(named[name], `pools.${name}`, problems)) ?? new Set())
  }
  return pools
}
