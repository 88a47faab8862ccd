/**
 * Entries of groups: an address, a range, a network. What people mean is what is made of them; where the program makes
 * something else, that is told.
 */

import { AF_INET, formatPacked, parseAddress } from '../../model/address'
import type { AddressRange } from '../../model/address-range'
import { addressNumber, addressOfNumber, parseAddressRange, rangeSize } from '../../model/address-range'
import { MOST_RANGE } from './limits'
import { readByProgram } from './ranges-of-programs'
import type { Report } from './report'
import type { Word } from './words'

/** A `virtual_server_group`, or a `local_address_group`: dpvs reads them differently. */
export type RangeUse = 'services' | 'local'

interface Wrong {
  readonly code: string
  readonly description: string
}

const last16 = BigInt(0xffff)
const last8 = BigInt(0xff)

/** `x-y`: y takes the place of the last byte, or the last 16 bits. */
function endOfShort(first: AddressRange, tail: string, decimal: boolean): bigint | undefined {
  const start = first.first
  if (first.family === AF_INET) {
    return /^\d{1,3}$/.test(tail) && Number(tail) < 256 ? start - (start & last8) + BigInt(tail) : undefined
  }
  if (decimal && /^\d+$/.test(tail)) {
    return Number(tail) < 256 ? start - (start & last8) + BigInt(Number(tail)) : undefined
  }
  if (!/^[0-9a-f]{1,4}$/i.test(tail)) return undefined
  return start - (start & last16) + BigInt(Number.parseInt(tail, 16))
}

function meant(text: string, report: Report): AddressRange | Wrong {
  const [start = '', ...tails] = text.split(/[-/]/)
  const packed = parseAddress(start)
  if (!packed || tails.length > 1)
    return { code: 'not-an-address', description: `'${text}' is no address and no range` }
  const number = addressNumber(packed)
  const alone: AddressRange = { family: packed.family, first: number, last: number }
  const tail = tails[0]
  if (tail === undefined) return alone
  if (text.includes('/')) {
    // The old programs cut a mask off: the address of an interface is what has one there.
    if (report.dialect !== 'mainline') return alone
    const range = parseAddressRange(text)
    if (typeof range === 'object') return range
    return { code: 'bad-network', description: `'${text}' ${range}` }
  }
  const full = tail.includes('.') || tail.includes(':')
  const end = full ? parseAddress(tail) : undefined
  if (full && end?.family !== packed.family)
    return { code: 'bad-range-end', description: `'${tail}' ends no range` }
  const last = end ? addressNumber(end) : endOfShort(alone, tail, report.policy.lenientNumbers)
  if (last === undefined) return { code: 'bad-range-end', description: `'${tail}' ends no range` }
  if (last < number) return { code: 'range-reversed', description: `'${text}' ends before it begins` }
  return { ...alone, last }
}

function shown({ family, first, last }: AddressRange): string {
  const text = (number: bigint) => formatPacked(addressOfNumber(number, family))
  return first === last ? `${text(first)} alone` : `${text(first)} to ${text(last)}`
}

/** `10.1.0.1` or `10.1.0.1-10.1.0.20`, canonical. */
export function formatRange({ family, first, last }: AddressRange): string {
  const start = formatPacked(addressOfNumber(first, family))
  return first === last ? start : `${start}-${formatPacked(addressOfNumber(last, family))}`
}

const MADE = {
  dropped: 'drops it',
  nothing: 'makes nothing of it',
  wraps: 'counts the last 16 bits only, and makes other addresses of it',
} as const

/** The range of a word, which may be one address; undefined where it is none, which is reported. */
export function readRange(word: Word, use: RangeUse, report: Report): AddressRange | undefined {
  const { text, span } = word
  const range = meant(text, report)
  const theirs = readByProgram(text, use, report.dialect)
  const made = typeof theirs === 'string' ? MADE[theirs] : `makes ${shown(theirs)} of it`
  if ('code' in range)
    return report.error(range.code, `${range.description}; ${report.program} ${made}`, span)
  if (rangeSize(range) > BigInt(MOST_RANGE)) {
    const description = `'${text}' has ${rangeSize(range)} addresses, the limit is ${MOST_RANGE}`
    return report.error('range-too-large', description, span)
  }
  if (typeof theirs === 'string' || theirs.first !== range.first || theirs.last !== range.last) {
    report.warn('range-read-otherwise', `read as ${shown(range)}; ${report.program} ${made}`, span)
  } else if (text.includes('/') && report.dialect !== 'mainline') {
    report.warn('network-cut', `${report.program} cuts the prefix length off: ${shown(range)}`, span)
  }
  return range
}
