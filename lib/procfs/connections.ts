/**
 * /proc/net/ip_vs_conn and ip_vs_conn_sync of every kernel that has them, from bytes: what a listing of a million rows can
 * afford. A line that is not exactly what a kernel writes is an error and never a guess.
 */

import { IpvsErrorCodes, ownError } from '../errors/ipvs-error'
import type { ConnectionLayout } from './connection-layout'
import { layoutOf } from './connection-layout'
import { CLIENT, ConnectionRow, DESTINATION, LOCAL, VIRTUAL } from './connection-row'
import { ConnectionWords } from './connection-words'
import { FAMILY, readEndpoint } from './hex'

const NEWLINE = 10
const SPACE = 32
const ZERO = 48
const NINE = 57
const UNDERSCORE = 95
/** What is printed, without the space: 0x21 to 0x7e. */
const isPrinted = (byte: number): boolean => byte > SPACE && byte < 127
const isLetter = (byte: number): boolean => (byte | 32) >= 97 && (byte | 32) <= 122
const isDigit = (byte: number): boolean => byte >= ZERO && byte <= NINE

/** Longer than any line: 203 bytes for IPv6, and 271 of an engine (ip_vs.h:IP_VS_PENAME_MAXLEN, IP_VS_PEDATA_MAXLEN). */
const LONGEST_LINE = 4096
const LONGEST_WORD = 31
/** Digits of 2^64. */
const LONGEST_NUMBER = 20
/**
 * 2.6.32 to 6.x print what is left of a timer as an unsigned long: where it has passed that is some 2^64 / HZ
 * (v2 ip_vs_conn.c:ip_vs_conn_seq_show). No timeout is longer than this.
 */
const OVERDUE = 2147483647

/** Of the text in an error. */
const SHOWN = 200

const textOf = (bytes: Uint8Array, from: number, to: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1')

const NOTHING = new Uint8Array(0)

/** False ends the reading. */
export type TakeRow = (row: ConnectionRow) => boolean

export class ConnectionParser {
  private readonly row = new ConnectionRow()
  private readonly words = new ConnectionWords()
  private layout: ConnectionLayout | undefined
  /** Lines that were read. */
  private lines = 0
  /** The start of a line whose end has not come yet. */
  private rest: Uint8Array = NOTHING

  /** `file` and `operation` are for errors. */
  constructor(
    private readonly file: string,
    private readonly operation: string,
  ) {}

  /**
   * Takes the next bytes of the file, wherever they were cut, and hands out what is whole in them. Throws
   * ERR_IPVS_MALFORMED_FILE after what came before. Not to be called again after that, nor when `take` said false.
   */
  push(piece: Uint8Array, take: TakeRow): void {
    let at = 0
    if (this.rest.length > 0) {
      const end = piece.indexOf(NEWLINE)
      const line = this.joined(piece.subarray(0, end < 0 ? piece.length : end + 1))
      if (end < 0) {
        this.keep(line)
        return
      }
      this.rest = NOTHING
      if (this.readLines(line, 0, line.length, take) === undefined) return
      at = end + 1
    }
    const whole = piece.lastIndexOf(NEWLINE) + 1
    if (whole > at && this.readLines(piece, at, whole, take) === undefined) return
    at = Math.max(at, whole)
    // The piece is the caller's, and will be filled again.
    if (at < piece.length) this.keep(piece.slice(at))
  }

  /** The file is over. */
  end(): void {
    if (this.rest.length > 0) throw this.malformed(this.rest, 0, 'the file ends within a line')
    if (this.layout === undefined) {
      throw this.malformed(this.rest, 0, 'the file is empty', 'Something hides it: containers mask /proc.')
    }
  }

  private joined(more: Uint8Array): Uint8Array {
    const line = new Uint8Array(this.rest.length + more.length)
    line.set(this.rest)
    line.set(more, this.rest.length)
    return line
  }

  private keep(rest: Uint8Array): void {
    if (rest.length > LONGEST_LINE) throw this.malformed(rest, 0)
    this.rest = rest
  }

  /** Lines from `at` to `end`, which is behind a newline. Undefined: no more is wanted. */
  private readLines(bytes: Uint8Array, at: number, end: number, take: TakeRow): true | undefined {
    const layout = this.layout ?? this.readHeader(bytes, at)
    let next = this.lines === 0 ? bytes.indexOf(NEWLINE, at) + 1 : at
    if (this.lines === 0) this.lines = 1
    while (next < end) {
      const line = next
      next = this.readRow(bytes, line, layout)
      if (next < 0) throw this.malformed(bytes, line)
      this.lines++
      if (!take(this.row)) return undefined
    }
    return true
  }

  private readHeader(bytes: Uint8Array, at: number): ConnectionLayout {
    this.layout = layoutOf(textOf(bytes, at, bytes.indexOf(NEWLINE, at)))
    if (this.layout === undefined) throw this.malformed(bytes, at, 'its first line is not known')
    return this.layout
  }

  /** The place behind the line at `at`, or -1 where it is none. A newline ends every field, so nothing beyond it is read. */
  private readRow(bytes: Uint8Array, at: number, layout: ConnectionLayout): number {
    const { row } = this
    const { words } = row
    const protocolEnd = this.protocolEnd(bytes, at)
    if (protocolEnd < 0) return -1
    row.protocol = this.words.protocols.find(bytes, at, protocolEnd)
    let next = readEndpoint(bytes, skipSpaces(bytes, protocolEnd), words, CLIENT)
    if (next < 0) return -1
    next = readEndpoint(bytes, next, words, VIRTUAL)
    if (next < 0 || words[VIRTUAL + FAMILY] !== words[CLIENT + FAMILY]) return -1
    if (layout.local) {
      next = readEndpoint(bytes, next, words, LOCAL)
      if (next < 0 || words[LOCAL + FAMILY] !== words[CLIENT + FAMILY]) return -1
    } else {
      words[LOCAL + FAMILY] = 0
    }
    // Of a family of its own on mainline (ip_vs_conn.c:ip_vs_conn_seq_show, daf).
    next = readEndpoint(bytes, next, words, DESTINATION)
    if (next < 0) return -1
    const stateEnd = wordEnd(bytes, next)
    if (stateEnd < 0) return -1
    row.state = this.words.states.find(bytes, next, stateEnd)
    next = skipSpaces(bytes, stateEnd)
    row.origin = undefined
    if (layout.origin) {
      const originEnd = wordEnd(bytes, next)
      if (originEnd < 0) return -1
      row.origin = this.words.origins.find(bytes, next, originEnd)
      if (row.origin === undefined) return -1
      next = skipSpaces(bytes, originEnd)
    }
    next = this.readExpires(bytes, next)
    if (next < 0) return -1
    row.engine = undefined
    if (layout.engine && bytes[next] === SPACE) return this.readEngine(bytes, next + 1)
    return bytes[next] === NEWLINE ? next + 1 : -1
  }

  private protocolEnd(bytes: Uint8Array, at: number): number {
    let end = at
    for (;;) {
      const byte = bytes[end] as number
      if (byte === SPACE) break
      if (!isLetter(byte) && !isDigit(byte) && byte !== UNDERSCORE) return -1
      end++
    }
    return end > at && end - at <= LONGEST_WORD ? end : -1
  }

  private readExpires(bytes: Uint8Array, at: number): number {
    let end = at
    let value = 0
    for (; isDigit(bytes[end] as number); end++) value = value * 10 + (bytes[end] as number) - ZERO
    this.row.expires = value > OVERDUE ? 0 : value
    return end > at && end - at <= LONGEST_NUMBER ? end : -1
  }

  /** A name and whatever the engine knows the client by: a SIP Call-ID, spaces and all (ip_vs_pe_sip.c:ip_vs_sip_show_pe_data). */
  private readEngine(bytes: Uint8Array, at: number): number {
    const end = wordEnd(bytes, at)
    if (end < 0) return -1
    const line = bytes.indexOf(NEWLINE, end)
    this.row.engine = { name: textOf(bytes, at, end), data: textOf(bytes, end + 1, line) }
    return line + 1
  }

  private malformed(
    bytes: Uint8Array,
    at: number,
    description = 'a line of it is none that a kernel writes',
    hint?: string,
  ) {
    const newline = bytes.indexOf(NEWLINE, at)
    const end = Math.min(newline < 0 ? bytes.length : newline, at + SHOWN)
    return ownError(IpvsErrorCodes.MALFORMED_FILE, {
      description: `${this.file}: ${description}`,
      operation: this.operation,
      file: this.file,
      line: this.lines + 1,
      text: textOf(bytes, at, end),
      ...(hint === undefined ? {} : { hint }),
    })
  }
}

function skipSpaces(bytes: Uint8Array, at: number): number {
  let next = at
  while (bytes[next] === SPACE) next++
  return next
}

/** The end of a word with a space behind it, -1 where there is none. */
function wordEnd(bytes: Uint8Array, at: number): number {
  let end = at
  while (isPrinted(bytes[end] as number)) end++
  return end > at && end - at <= LONGEST_WORD && bytes[end] === SPACE ? end : -1
}
