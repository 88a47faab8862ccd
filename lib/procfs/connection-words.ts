/** The few words that stand in every line, bytes → what they mean, without a string for each line. */

import type { ConnectionProtocol, ConnectionState } from '../model/observed'

export interface ProtocolWord {
  readonly protocol: ConnectionProtocol
  /** -1 where it is not known. */
  readonly number: number
}

export interface StateWord {
  readonly state: ConnectionState
  /** A persistence template has one of these: `ConnectionRow.template`. */
  readonly ofTemplates: boolean
}

/** ip_vs_proto.c:ip_vs_proto_name; 2.6.32 has no name for SCTP, and no kernel one for AH and ESP. */
const NUMBERS: Readonly<Record<string, number>> = {
  ip: 0,
  icmp: 1,
  tcp: 6,
  udp: 17,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  sctp: 132,
}

function protocolWord(text: string): ProtocolWord {
  const numbered = /^IP_(\d{1,10})$/.exec(text)
  if (numbered) {
    const number = Number(numbered[1])
    return { protocol: number, number }
  }
  const protocol = text.toLowerCase()
  const known = Object.prototype.hasOwnProperty.call(NUMBERS, protocol)
  return { protocol, number: known ? (NUMBERS[protocol] as number) : -1 }
}

/**
 * The state of a template is 0, and that is called as the protocol calls its own: `NONE` for TCP, SCTP and IP, `UDP` for UDP,
 * `ERR!` where the protocol has no names. Since Linux 4.19 it is `NONE` or `ASSURED` (ip_vs_proto.c:ip_vs_state_name).
 */
const TEMPLATE_STATES = ['NONE', 'ASSURED', 'UDP', 'ERR!']

function stateWord(text: string): StateWord {
  return { state: text.toLowerCase().replace(/_/g, '-'), ofTemplates: TEMPLATE_STATES.includes(text) }
}

type Origin = 'local' | 'sync' | undefined

/** v2, mainline ip_vs_conn.c:ip_vs_origin_name; there is no other word. */
const originWord = (text: string): Origin =>
  text === 'LOCAL' ? 'local' : text === 'SYNC' ? 'sync' : undefined

interface Slot<T> {
  readonly bytes: Uint8Array
  readonly value: T
}

/** Of a file that holds anything at all, no more words than this are kept. */
const SLOTS = 64

/** Remembers what words were made into. */
class WordTable<T> {
  private readonly slots: (Slot<T> | undefined)[] = new Array(SLOTS).fill(undefined)

  constructor(private readonly make: (text: string) => T) {}

  /** The word is `bytes` from `from` to `to`, ASCII and not empty. */
  find(bytes: Uint8Array, from: number, to: number): T {
    const length = to - from
    const index = (length * 37 + (bytes[from] as number) * 5 + (bytes[to - 1] as number)) & (SLOTS - 1)
    const slot = this.slots[index]
    if (slot !== undefined && slot.bytes.length === length) {
      let i = 0
      while (i < length && slot.bytes[i] === bytes[from + i]) i++
      if (i === length) return slot.value
    }
    const word = bytes.slice(from, to)
    const value = this.make(String.fromCharCode(...Array.from(word)))
    this.slots[index] = { bytes: word, value }
    return value
  }
}

export class ConnectionWords {
  readonly protocols = new WordTable(protocolWord)
  readonly states = new WordTable(stateWord)
  readonly origins = new WordTable(originWord)
}
