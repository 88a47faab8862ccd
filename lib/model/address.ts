/** Addresses: text to packed words and back. Own code, because ten thousand of them pass here per call. */

/** AF_INET of Linux, also on other systems: it is what goes over the border. */
export const AF_INET = 2
/** AF_INET6 of Linux. */
export const AF_INET6 = 10

export type AddressFamily = typeof AF_INET | typeof AF_INET6

/**
 * An address as four numbers of 32 bits, each made of four of its bytes with the first byte highest
 * (`DataView.setUint32(offset, word, false)` writes them in network order). IPv4 uses `a` alone, the others
 * are 0.
 */
export interface PackedAddress {
  readonly family: AddressFamily
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
}

/** What an address can be used for; `'unicast'` is everything that is not one of the others. */
export type AddressKind = 'unicast' | 'unspecified' | 'multicast' | 'broadcast'

const DOT = 46
const COLON = 58
const ZERO = 48
const NINE = 57

const octets: readonly string[] = Array.from({ length: 256 }, (_, octet) => String(octet))

/**
 * Four octets without leading zeros (which other parsers read as octal) from `start` to the end; -1 if it is
 * not.
 */
function readQuad(text: string, start: number): number {
  let value = 0
  let octet = -1
  let dots = 0
  for (let i = start; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char >= ZERO && char <= NINE) {
      if (octet === 0) return -1
      octet = octet < 0 ? char - ZERO : octet * 10 + char - ZERO
      if (octet > 255) return -1
    } else if (char === DOT && octet >= 0 && dots < 3) {
      value = value * 256 + octet
      octet = -1
      dots++
    } else {
      return -1
    }
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : -1
}

function hexDigit(char: number): number {
  if (char >= ZERO && char <= NINE) return char - ZERO
  const lower = char | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

/** RFC 4291 §2.2, all three forms; no zone, no brackets, no prefix length. */
function parseIpv6(text: string): PackedAddress | undefined {
  const groups: number[] = []
  let gap = -1
  let i = 0
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return undefined
    gap = 0
    i = 2
  }
  while (i < text.length) {
    if (groups.length === 8) return undefined
    let group = 0
    let end = i
    for (; end < text.length; end++) {
      const digit = hexDigit(text.charCodeAt(end))
      if (digit < 0) break
      group = group * 16 + digit
    }
    if (text.charCodeAt(end) === DOT) {
      const tail = readQuad(text, i)
      if (tail < 0 || groups.length > 6) return undefined
      groups.push(tail >>> 16, tail & 0xffff)
      break
    }
    if (end === i || end - i > 4) return undefined
    groups.push(group)
    if (end === text.length) break
    if (text.charCodeAt(end) !== COLON) return undefined
    i = end + 1
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return undefined
      gap = groups.length
      i++
    } else if (i === text.length) {
      return undefined
    }
  }
  if (gap < 0 ? groups.length !== 8 : groups.length > 7) return undefined
  if (gap >= 0) groups.splice(gap, 0, ...new Array<number>(8 - groups.length).fill(0))
  const word = (at: number) => (groups[at] as number) * 65536 + (groups[at + 1] as number)
  return { family: AF_INET6, a: word(0), b: word(2), c: word(4), d: word(6) }
}

/** Undefined for everything that is not exactly one address. */
export function parseAddress(text: string): PackedAddress | undefined {
  const quad = readQuad(text, 0)
  if (quad >= 0) return { family: AF_INET, a: quad, b: 0, c: 0, d: 0 }
  return text.length <= 45 ? parseIpv6(text) : undefined
}

function formatQuad(word: number): string {
  const octet = (shift: number) => octets[(word >>> shift) & 255]
  return `${octet(24)}.${octet(16)}.${octet(8)}.${octet(0)}`
}

/**
 * RFC 5952: lower case, the first longest run of two or more zero groups shortened, IPv4-mapped with a dotted
 * tail.
 */
function formatIpv6(a: number, b: number, c: number, d: number): string {
  if (a === 0 && b === 0 && c === 0xffff) return `::ffff:${formatQuad(d)}`
  const groups = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff, c >>> 16, c & 0xffff, d >>> 16, d & 0xffff]
  let start = -1
  let length = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && groups[end] === 0) end++
    if (end - i > length) {
      start = i
      length = end - i
    }
    if (end > i) i = end
  }
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':')
  return start < 0 ? hex(0, 8) : `${hex(0, start)}::${hex(start + length, 8)}`
}

/** The canonical text of a packed address. */
export function formatPacked(address: PackedAddress): string {
  return address.family === AF_INET
    ? formatQuad(address.a)
    : formatIpv6(address.a, address.b, address.c, address.d)
}

/** The canonical text of an address that was parsed from `text`: an IPv4 address has no other. */
export function canonicalText(address: PackedAddress, text: string): string {
  return address.family === AF_INET ? text : formatPacked(address)
}

/** IPv4 addresses that were formatted, by their low bits: the same few real servers are in every service. */
const KNOWN = 1024
const knownWords = new Int32Array(KNOWN)
const knownTexts: string[] = new Array(KNOWN).fill('0.0.0.0')

/** The canonical text of 4 bytes (every family but 10) or 16 bytes (family 10) in network order. */
export function formatAddress(bytes: Uint8Array, offset: number, family: number): string {
  const word = (at: number) =>
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  if (family !== AF_INET6) {
    const value = word(offset)
    const slot = (value ^ (value >>> 10)) & (KNOWN - 1)
    if (knownWords[slot] !== value) {
      knownWords[slot] = value
      knownTexts[slot] = formatQuad(value)
    }
    return knownTexts[slot] as string
  }
  return formatIpv6(word(offset), word(offset + 4), word(offset + 8), word(offset + 12))
}

/** RFC 5952 text of the same address, undefined where it is none. */
export function canonicalAddress(text: string): string | undefined {
  if (readQuad(text, 0) >= 0) return text
  const address = parseAddress(text)
  return address && formatPacked(address)
}

export function addressKind(address: PackedAddress): AddressKind {
  if (address.family === AF_INET6) {
    if (address.a >>> 24 === 0xff) return 'multicast'
    return address.a || address.b || address.c || address.d ? 'unicast' : 'unspecified'
  }
  if (address.a >>> 28 === 14) return 'multicast'
  if (address.a === 0xffffffff) return 'broadcast'
  return address.a === 0 ? 'unspecified' : 'unicast'
}

/** The IPv4 address that an IPv4-mapped one (RFC 4291 §2.5.5.2) stands for; undefined for all others. */
export function mappedIpv4({ family, a, b, c, d }: PackedAddress): string | undefined {
  return family === AF_INET6 && a === 0 && b === 0 && c === 0xffff ? formatQuad(d) : undefined
}

/** The last byte; it decides the CPU of a local address on fullnat-v3 (ip_vs_ctl.c:laddr_to_cpuid). */
export function lastByte(address: PackedAddress): number {
  return (address.family === AF_INET ? address.a : address.d) & 255
}

/** Ones from the left, then zeros. 0 counts: all clients are then one. */
export function isIpv4Mask(mask: number): boolean {
  const zeros = ~mask >>> 0
  return (zeros & (zeros + 1)) === 0
}

/** Four octets such as `'255.0.255.0'` as a number, undefined where they are none. */
export function parseQuad(text: string): number | undefined {
  const quad = readQuad(text, 0)
  return quad >= 0 ? quad : undefined
}

/** A mask such as `'255.255.255.0'` as a number (0xffffff00), undefined where it is none. */
export function parseIpv4Mask(text: string): number | undefined {
  const mask = parseQuad(text)
  return mask !== undefined && isIpv4Mask(mask) ? mask : undefined
}

export function formatIpv4Mask(mask: number): string {
  return formatQuad(mask)
}
