/** What each program makes of an entry of a group, its mistakes included. */

import { AF_INET, parseAddress } from '../../model/address'
import type { AddressRange } from '../../model/address-range'
import { addressNumber, parseAddressRange } from '../../model/address-range'
import type { KeepalivedDialect } from './dialects'
import type { RangeUse } from './ranges'

/** `'dropped'`: with a message. `'nothing'`: without. `'wraps'`: the addresses are no range. */
export type ReadByProgram = AddressRange | 'dropped' | 'nothing' | 'wraps'

/** strtoul: the digits in front; 0 where there are none. */
function leadingNumber(text: string, base: 10 | 16): { readonly value: number; readonly whole: boolean } {
  const digits = (base === 16 ? /^(?:0x)?[0-9a-f]*/i : /^\d*/).exec(text)?.[0] ?? ''
  return { value: Number.parseInt(digits, base) || 0, whole: digits === text && text !== '' }
}

const single = (text: string): AddressRange | undefined => {
  const packed = parseAddress(text)
  const number = packed && addressNumber(packed)
  return packed && number !== undefined ? { family: packed.family, first: number, last: number } : undefined
}

/** The loop over the last byte: it goes on while that is at most `end`. */
function byLastByte(alone: AddressRange, end: number): ReadByProgram {
  if (end === 0) return alone
  if (end >= 255) return 'dropped'
  const start = Number(alone.first & BigInt(255))
  return end < start ? 'nothing' : { ...alone, last: alone.first + BigInt(end - start) }
}

/** check_data.c:alloc_vsg_entry, ipvswrapper.c:ipvs_group_range_cmd. */
function mainline(text: string, alone: AddressRange): ReadByProgram {
  if (text.includes('/')) {
    const network = parseAddressRange(text)
    return typeof network === 'string' || /\/0+$/.test(text) ? 'dropped' : withinLastGroup(network)
  }
  const tail = /-(.*)$/.exec(text)?.[1]
  if (tail === undefined) return alone
  if (tail.includes(alone.family === AF_INET ? '.' : ':')) {
    const end = single(tail)
    if (!end || end.family !== alone.family || end.first < alone.first) return 'dropped'
    return withinLastGroup({ ...alone, last: end.first })
  }
  return byDifference(alone, tail)
}

/** The loop counts the last 16 bits of an IPv6 address and looks at no others (ipvswrapper.c:ipvs_group_range_cmd). */
function withinLastGroup(range: AddressRange): ReadByProgram {
  const bits = BigInt(16)
  return range.family === AF_INET || range.first >> bits === range.last >> bits ? range : 'wraps'
}

/** lib/utils.c:inet_stor, then check_data.c:alloc_vsg_entry; the same in dpvs. */
function byDifference(alone: AddressRange, tail: string): ReadByProgram {
  const quad = alone.family === AF_INET
  const { value, whole } = leadingNumber(tail, quad ? 10 : 16)
  const most = quad ? 255 : 0xffff
  const start = Number(alone.first & BigInt(most))
  if ((whole && value > most) || value <= start) return 'dropped'
  return { ...alone, last: alone.first + BigInt(value - start) }
}

/** The program's own reading. For what is no address at all it is `'dropped'`. */
export function readByProgram(text: string, use: RangeUse, dialect: KeepalivedDialect): ReadByProgram {
  const alone = single(text.replace(/[-/].*$/, ''))
  if (!alone) return 'dropped'
  if (dialect === 'mainline') return mainline(text, alone)
  const tail = /-(.*)$/.exec(text)?.[1]
  if (tail === undefined) return alone
  if (dialect === 'alibaba') {
    // lib/utils.c:inet_stor: atoi into a byte.
    return byLastByte(alone, leadingNumber(tail, 10).value & 255)
  }
  if (use === 'services') return byDifference(alone, tail)
  return byLastByte(alone, leadingNumber(tail, alone.family === AF_INET ? 10 : 16).value)
}
