/** Single arguments. */

import type { Complaints } from './complaints'
import type { Word } from './words'

/** ipvsadm.c:MAX_TIMEOUT, 31 days. */
export const MOST_SECONDS = 31 * 86400
/** ipvsadm.c:parse_options, -w. */
export const MOST_WEIGHT = 65535
export const INT_MAX = 2147483647
const U32_MAX = 4294967295

/** ipvsadm.c:string_to_number takes what strtol does: a sign is allowed. */
export function decimal(text: string): number | undefined {
  return /^[+-]?\d{1,18}$/.test(text) ? Number(text) : undefined
}

export function readNumber(
  word: Word,
  name: string,
  least: number,
  most: number,
  complaints: Complaints,
): number | undefined {
  const value = decimal(word.text)
  if (value === undefined) {
    return complaints.error('not-a-number', `${name} '${word.text}' is no whole number`, word.span)
  }
  if (value < least || value > most) {
    return complaints.error('out-of-range', `${name} ${value} is not ${least} to ${most}`, word.span)
  }
  return value
}

/** 1 to 2^32-1; ipvsadm.c prints it with %d, so that half of them are negative in a save. */
export function readFwmark(word: Word, complaints: Complaints): number | undefined {
  const value = decimal(word.text)
  if (value !== undefined && value < 0 && value >= -INT_MAX - 1) {
    const mark = value >>> 0
    complaints.warn(
      'negative-fwmark',
      `firewall mark ${value} is taken as ${mark}`,
      word.span,
      'ipvsadm -S prints marks above 2147483647 so, and ipvsadm -R refuses them.',
    )
    return mark
  }
  return readNumber(word, 'firewall mark', 1, U32_MAX, complaints)
}

/** ipvsadm.c:parse_options, -w; ipvsadm -S prints more than that, and a kernel holds it. */
export function readWeight(word: Word, complaints: Complaints): number | undefined {
  const value = readNumber(word, 'weight', 0, INT_MAX, complaints)
  if (value !== undefined && value > MOST_WEIGHT) {
    complaints.warn('refused-by-ipvsadm', `ipvsadm refuses weights above ${MOST_WEIGHT}`, word.span)
  }
  return value
}

/** A part of an address as strtoul reads it: decimal, 0x… or 0…. */
function inetPart(text: string): number | undefined {
  if (/^0x[0-9a-f]{1,8}$/i.test(text)) return Number.parseInt(text, 16)
  if (/^0[0-7]{0,11}$/.test(text)) return Number.parseInt(text, 8)
  return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined
}

/**
 * inet_aton(3): `10.1` is 10.0.0.1, `0x7f000001` is 127.0.0.1, `010.0.0.1` is 8.0.0.1. Undefined where it is none of its
 * forms.
 */
export function inetAton(text: string): string | undefined {
  const parts = text.split('.').map(inetPart)
  if (parts.length > 4 || parts.some((part) => part === undefined)) return undefined
  const numbers = parts as number[]
  const last = numbers.pop() as number
  if (numbers.some((part) => part > 255) || last >= 256 ** (4 - numbers.length)) return undefined
  const value = numbers.reduce((sum, part, i) => sum + part * 256 ** (3 - i), last)
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')
}

export const isDigits = (text: string): boolean => /^\d+$/.test(text)
