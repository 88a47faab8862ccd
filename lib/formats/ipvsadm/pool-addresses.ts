/** Addresses, ranges and networks of a pool → the addresses. */

import { invalidValue } from '../../errors/argument-errors'
import type { PackedAddress } from '../../model/address'
import { AF_INET6, formatPacked, parseAddress } from '../../model/address'

/** Addresses of a pool: as many ports as these have no service can use. */
export const MOST_POOL_ADDRESSES = 65536

const toNumber = ({ family, a, b, c, d }: PackedAddress): bigint =>
  family === AF_INET6
    ? [a, b, c, d].reduce((sum, word) => (sum << BigInt(32)) | BigInt(word), BigInt(0))
    : BigInt(a)

function toText(value: bigint, family: PackedAddress['family']): string {
  const word = (shift: number) => Number((value >> BigInt(shift)) & BigInt(0xffffffff))
  return formatPacked(
    family === AF_INET6
      ? { family, a: word(96), b: word(64), c: word(32), d: word(0) }
      : { family, a: word(0), b: 0, c: 0, d: 0 },
  )
}

/** First and last address of an entry. */
function boundsOf(entry: string, field: string): readonly [bigint, bigint, PackedAddress['family']] {
  const refuse = (): never => {
    throw invalidValue(field, 'must be an address, a range of addresses or a network', entry)
  }
  const [, first, prefix, last] = /^([^-/]+)(?:\/(\d{1,3})|-([^-/]+))?$/.exec(entry) ?? refuse()
  const from = parseAddress(first as string) ?? refuse()
  const { family } = from
  const start = toNumber(from)
  if (last !== undefined) {
    const to = parseAddress(last) ?? refuse()
    if (to.family !== family || toNumber(to) < start) return refuse()
    return [start, toNumber(to), family]
  }
  const bits = family === AF_INET6 ? 128 : 32
  const length = prefix === undefined ? bits : Number(prefix)
  if (length > bits) return refuse()
  const size = BigInt(1) << BigInt(bits - length)
  const network = start - (start % size)
  return [network, network + size - BigInt(1), family]
}

/** Undefined where there are more than `MOST_POOL_ADDRESSES`. */
export function poolAddresses(entries: readonly string[], field: string): readonly string[] | undefined {
  const found = new Set<string>()
  for (let i = 0; i < entries.length; i++) {
    const [first, last, family] = boundsOf(String(entries[i]), `${field}[${i}]`)
    if (last - first >= BigInt(MOST_POOL_ADDRESSES)) return undefined
    for (let address = first; address <= last; address++) {
      found.add(toText(address, family))
      if (found.size > MOST_POOL_ADDRESSES) return undefined
    }
  }
  return Array.from(found)
}
