/** Ranges and networks of addresses. */

import type { AddressFamily, PackedAddress } from './address'
import { AF_INET, formatPacked, parseAddress } from './address'

/** All addresses from `first` to `last`, both of one family. */
export interface AddressRange {
  readonly family: AddressFamily
  readonly first: bigint
  readonly last: bigint
}

const WORD = BigInt(32)
const ONE = BigInt(1)
const MASK = BigInt(0xffffffff)

export function addressNumber({ family, a, b, c, d }: PackedAddress): bigint {
  if (family === AF_INET) return BigInt(a >>> 0)
  return [b, c, d].reduce((sum, word) => (sum << WORD) | BigInt(word >>> 0), BigInt(a >>> 0))
}

export function addressOfNumber(value: bigint, family: AddressFamily): PackedAddress {
  if (family === AF_INET) return { family, a: Number(value), b: 0, c: 0, d: 0 }
  const word = (at: number) => Number((value >> (WORD * BigInt(at))) & MASK)
  return { family, a: word(3), b: word(2), c: word(1), d: word(0) }
}

const bitsOf = (family: AddressFamily): number => (family === AF_INET ? 32 : 128)

/**
 * `'10.1.0.1'`, `'10.1.0.1-10.1.0.20'`, `'10.1.0.0/28'` (every address of it, the first and the last included); a string
 * that says what is wrong for everything else.
 */
export function parseAddressRange(text: string): AddressRange | string {
  const [, start, to, prefix] = /^([^-/]+)(?:-([^-/]+)|\/(\d{1,3}))?$/.exec(text) ?? []
  const first = start === undefined ? undefined : parseAddress(start)
  if (!first) return 'must be an address, a range of addresses or a network'
  const { family } = first
  const number = addressNumber(first)
  if (to !== undefined) {
    const end = parseAddress(to)
    if (!end) return `has '${to}' as its end, which is no address`
    if (end.family !== family) return 'must begin and end in one address family'
    const last = addressNumber(end)
    return last < number ? 'must not end before it begins' : { family, first: number, last }
  }
  if (prefix === undefined) return { family, first: number, last: number }
  const bits = bitsOf(family)
  if (Number(prefix) > bits) return `must have a prefix length of ${bits} at most`
  const size = ONE << BigInt(bits - Number(prefix))
  if (number % size !== BigInt(0)) {
    const network = formatPacked(addressOfNumber(number - (number % size), family))
    return `has bits behind its prefix length: the network is '${network}/${prefix}'`
  }
  return { family, first: number, last: number + size - ONE }
}

export const rangeSize = ({ first, last }: AddressRange): bigint => last - first + ONE

export function rangeContains({ family, first, last }: AddressRange, address: PackedAddress): boolean {
  if (address.family !== family) return false
  const number = addressNumber(address)
  return number >= first && number <= last
}

/** The canonical texts of a range, the lowest first. Whoever asks has looked at its size. */
export function addressesOf({ family, first, last }: AddressRange): string[] {
  const texts: string[] = []
  for (let number = first; number <= last; number += ONE)
    texts.push(formatPacked(addressOfNumber(number, family)))
  return texts
}
