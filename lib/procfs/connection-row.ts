/** A line of a list of connections as numbers; one object serves for all lines. */

import type { AddressFamily } from '../model/address'
import { AF_INET, formatPacked } from '../model/address'
import type { ConnectionInfo, Endpoint } from '../model/observed'
import type { ProtocolWord, StateWord } from './connection-words'
import { ENDPOINT_WORDS, FAMILY, PORT } from './hex'

/** Where the endpoints of a row are in its words. */
export const CLIENT = 0
export const VIRTUAL = ENDPOINT_WORDS
export const LOCAL = 2 * ENDPOINT_WORDS
export const DESTINATION = 3 * ENDPOINT_WORDS
export const ROW_WORDS = 4 * ENDPOINT_WORDS

/** The protocol of what belongs to a fwmark service (ip_vs_core.c:ip_vs_sched_persist). */
const IPPROTO_IP = 0

export interface EngineData {
  readonly name: string
  readonly data: string
}

/** Valid until the next line is read. */
export class ConnectionRow {
  readonly words = new Int32Array(ROW_WORDS)
  protocol: ProtocolWord = { protocol: '', number: -1 }
  state: StateWord = { state: '', ofTemplates: false }
  expires = 0
  origin: 'local' | 'sync' | undefined = undefined
  engine: EngineData | undefined = undefined

  /**
   * Port 0 alone does not tell: a data connection that passive FTP waits for has it as well, in the state LISTEN
   * (ip_vs_ftp.c:ip_vs_ftp_out).
   */
  get template(): boolean {
    if (this.protocol.number === IPPROTO_IP) return true
    return this.words[CLIENT + PORT] === 0 && this.state.ofTemplates
  }

  /** Undefined where it is no template of a fwmark service. An IPv6 one has the mark in its first word. */
  get fwmark(): number | undefined {
    return this.protocol.number === IPPROTO_IP ? (this.words[VIRTUAL] as number) >>> 0 : undefined
  }

  /** Other methods than FULLNAT, and every template, repeat the client (v2 ip_vs_conn.c:ip_vs_hbind_laddr). */
  get hasLocal(): boolean {
    const { words } = this
    if (words[LOCAL + FAMILY] === 0 || this.template) return false
    for (let i = 0; i < FAMILY; i++) if (words[LOCAL + i] !== words[CLIENT + i]) return true
    return false
  }
}

/** Addresses that were formatted: a power of two. */
const KNOWN = 1024

/** Makes objects of rows. Virtual addresses, destinations and local addresses come again and again, as text they are made once. */
export class ConnectionObjects {
  private readonly words = new Int32Array(KNOWN * ENDPOINT_WORDS)
  private readonly texts: string[] = new Array(KNOWN).fill('')

  of(row: ConnectionRow): ConnectionInfo {
    const { words, fwmark } = row
    return {
      protocol: row.protocol.protocol,
      client: this.endpoint(words, CLIENT),
      virtual: fwmark === undefined ? this.endpoint(words, VIRTUAL) : undefined,
      fwmark,
      localAddress: row.hasLocal ? this.endpoint(words, LOCAL) : undefined,
      destination: this.endpoint(words, DESTINATION),
      state: row.state.state,
      expires: row.expires,
      origin: row.origin,
      engine: row.engine,
      template: row.template,
    }
  }

  address(words: Int32Array, at: number): string {
    const a = words[at] as number
    const b = words[at + 1] as number
    const c = words[at + 2] as number
    const d = words[at + 3] as number
    const family = words[at + FAMILY] as AddressFamily
    const mixed = family === AF_INET ? a : a ^ Math.imul(b, 3) ^ Math.imul(c, 5) ^ Math.imul(d, 7)
    const slot = (mixed ^ (mixed >>> 10) ^ (mixed >>> 20)) & (KNOWN - 1)
    const known = this.words
    const base = slot * ENDPOINT_WORDS
    const same =
      known[base] === a &&
      known[base + 1] === b &&
      known[base + 2] === c &&
      known[base + 3] === d &&
      known[base + FAMILY] === family
    if (!same) {
      known[base] = a
      known[base + 1] = b
      known[base + 2] = c
      known[base + 3] = d
      known[base + FAMILY] = family
      this.texts[slot] = formatPacked({ family, a, b, c, d })
    }
    return this.texts[slot] as string
  }

  private endpoint(words: Int32Array, at: number): Endpoint {
    return { address: this.address(words, at), port: words[at + PORT] as number }
  }
}
