/** Addresses and ports as seq_printf writes them, bytes → numbers. */

const SPACE = 32
const COLON = 58

/** What a byte stands for, -1 where it is no digit. IPv4 addresses and ports are written with `%X`, IPv6 ones with `%x`. */
const UPPER = digits('0123456789ABCDEF')
const LOWER = digits('0123456789abcdef')

function digits(alphabet: string): Int8Array {
  const values = new Int8Array(256).fill(-1)
  for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i
  return values
}

/** Words of an endpoint: the four of its address (IPv4 has one, the others are 0), its port, its family. */
export const ENDPOINT_WORDS = 6
export const PORT = 4
export const FAMILY = 5

/** The value of four digits, negative where they are none. */
function four(bytes: Uint8Array, at: number, table: Int8Array): number {
  const a = table[bytes[at] as number] as number
  const b = table[bytes[at + 1] as number] as number
  const c = table[bytes[at + 2] as number] as number
  const d = table[bytes[at + 3] as number] as number
  if ((a | b | c | d) < 0) return -1
  return (a << 12) | (b << 8) | (c << 4) | d
}

/** Eight groups of four digits with a colon after each but the last (lib/vsprintf.c:ip6_string). */
function readIpv6(bytes: Uint8Array, at: number, words: Int32Array, to: number): boolean {
  for (let word = 0; word < 4; word++) {
    const start = at + word * 10
    const high = four(bytes, start, LOWER)
    const low = four(bytes, start + 5, LOWER)
    if ((high | low) < 0 || bytes[start + 4] !== COLON) return false
    if (word < 3 && bytes[start + 9] !== COLON) return false
    words[to + word] = (high << 16) | low
  }
  return true
}

/**
 * Reads `ADDRESS PORT ` at `at` into `words` from `to` on; the place behind it, or -1 where there is no such thing. Bytes
 * beyond the end are none of these.
 */
export function readEndpoint(bytes: Uint8Array, at: number, words: Int32Array, to: number): number {
  let next: number
  if (bytes[at + 8] === SPACE) {
    const high = four(bytes, at, UPPER)
    const low = four(bytes, at + 4, UPPER)
    if ((high | low) < 0) return -1
    words[to] = (high << 16) | low
    words[to + 1] = 0
    words[to + 2] = 0
    words[to + 3] = 0
    words[to + FAMILY] = 2
    next = at + 9
  } else {
    if (bytes[at + 39] !== SPACE || !readIpv6(bytes, at, words, to)) return -1
    words[to + FAMILY] = 10
    next = at + 40
  }
  const port = four(bytes, next, UPPER)
  if (port < 0 || bytes[next + 4] !== SPACE) return -1
  words[to + PORT] = port
  return next + 5
}
