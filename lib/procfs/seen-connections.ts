/**
 * Connections that were handed out a short while ago. The kernel finds its place in the table by counting
 * (ip_vs_conn.c:ip_vs_conn_array): what is added before that place between two reads makes the next one begin with what was
 * read already.
 */

import type { ConnectionProtocol } from '../model/observed'
import type { ConnectionRow, EngineData } from './connection-row'
import { ROW_WORDS } from './connection-row'

/** Both are powers of two. So many connections can be added between two reads before a repeat goes unseen. */
const REMEMBERED = 8192
const HEADS = 16384
/** Chosen client ports must not make a look-up long. */
const LONGEST_CHAIN = 64

/** A ring of the last rows, in chains by their hash. */
export class SeenConnections {
  private readonly words = new Int32Array(REMEMBERED * ROW_WORDS)
  private readonly protocols: (ConnectionProtocol | undefined)[] = new Array(REMEMBERED).fill(undefined)
  private readonly engines: (EngineData | undefined)[] = new Array(REMEMBERED).fill(undefined)
  /** Number of the last row with a hash, 0 for none, and of the one before each. */
  private readonly heads = new Int32Array(HEADS)
  private readonly before = new Int32Array(REMEMBERED)
  private count = 0

  /**
   * Was it there? If not, it is now. A connection is all that does not change while it lives: protocol, endpoints, engine;
   * not state and timer.
   */
  add(row: ConnectionRow): boolean {
    const head = hashOf(row.words) & (HEADS - 1)
    let number = this.heads[head] as number
    for (let i = 0; number > 0 && number > this.count - REMEMBERED && i < LONGEST_CHAIN; i++) {
      const slot = number & (REMEMBERED - 1)
      if (this.same(slot, row)) return true
      number = this.before[slot] as number
    }
    this.remember(row, head)
    return false
  }

  private remember(row: ConnectionRow, head: number): void {
    const number = ++this.count
    const slot = number & (REMEMBERED - 1)
    this.words.set(row.words, slot * ROW_WORDS)
    this.protocols[slot] = row.protocol.protocol
    this.engines[slot] = row.engine
    this.before[slot] = this.heads[head] as number
    this.heads[head] = number
  }

  private same(slot: number, { words, protocol, engine }: ConnectionRow): boolean {
    const base = slot * ROW_WORDS
    for (let i = 0; i < ROW_WORDS; i++) if (this.words[base + i] !== words[i]) return false
    const other = this.engines[slot]
    return (
      this.protocols[slot] === protocol.protocol &&
      other?.name === engine?.name &&
      other?.data === engine?.data
    )
  }
}

function hashOf(words: Int32Array): number {
  let hash = 0
  for (let i = 0; i < ROW_WORDS; i++) hash = Math.imul(hash ^ (words[i] as number), 0x9e3779b1)
  return hash ^ (hash >>> 15)
}
