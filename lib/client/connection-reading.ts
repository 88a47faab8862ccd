/** A list of connections while it is read: pieces of the file in, the rows that are asked for out. */

import type { KernelFile } from '../border/transport'
import { FilePieces } from '../dispatch/file-pieces'
import { withinLimits } from '../dispatch/within-limits'
import type { NormalizedConnectionOptions } from '../input/connection-options'
import { fileProblem, PROC_NET } from '../kernel/file-error'
import { now } from '../model/clock'
import { nextTurn } from '../model/turn'
import { matcherOf } from '../procfs/connection-matcher'
import type { ConnectionRow } from '../procfs/connection-row'
import { ConnectionParser } from '../procfs/connections'
import { SeenConnections } from '../procfs/seen-connections'
import type { FileClient } from './file-call'
import { openWithin } from './kernel-text'

/** Milliseconds of work after which the event loop gets its turn, however fast the pieces come. */
const STRETCH = 2
/** No line is shorter: mainline, IPv4. */
const SHORTEST_LINE = 64
/** Few are longer where addresses are IPv4. */
const USUAL_LINE = 80

interface ReadingOptions {
  readonly source: FileClient
  readonly asked: NormalizedConnectionOptions
  readonly operation: string
  /** Sees each row once; it is another connection's from the next one on. */
  readonly visit: (row: ConnectionRow) => void
  readonly aborted?: () => void
}

export class ConnectionReading {
  private readonly matches: ((row: ConnectionRow) => boolean) | undefined
  private readonly seen = new SeenConnections()
  /** Rows that may still come. */
  private left: number
  private closed = false
  /** When the event loop had its turn. */
  private since = now()

  static async open(options: ReadingOptions): Promise<ConnectionReading> {
    const { source, asked, operation, aborted } = options
    const limits = source.limits(asked.call)
    const name = asked.origin ? 'ip_vs_conn_sync' : 'ip_vs_conn'
    const path = `${PROC_NET}/${name}`
    const { dialect } = source.context().capabilities
    const explain = (cause: unknown) => fileProblem(cause, { operation, dialect, access: 'read', path })
    let file: KernelFile
    try {
      file = await openWithin(source.transport.files, name, (open) => withinLimits(open, limits, operation))
    } catch (error) {
      throw explain(error)
    }
    const pieces = new FilePieces(file, { limits, operation, explain, ...(aborted ? { aborted } : {}) })
    return new ConnectionReading(options, pieces, new ConnectionParser(path, operation))
  }

  private constructor(
    private readonly options: ReadingOptions,
    private readonly pieces: FilePieces,
    private readonly parser: ConnectionParser,
  ) {
    this.matches = matcherOf(options.asked.filter)
    this.left = options.asked.limit
  }

  /** One piece more; false when there is none, or nothing more is wanted: the file is closed then, as it is after an error. */
  async step(): Promise<boolean> {
    const piece = await this.pieces.next(this.left * USUAL_LINE)
    if (this.closed) return false
    try {
      if (piece.length === 0) this.parser.end()
      // The kernel walks through the table from its start for each read: none is begun that may not be needed.
      else if (this.left > piece.length / SHORTEST_LINE) {
        this.pieces.readAhead(this.left * USUAL_LINE)
      }
      this.parser.push(piece, this.take)
    } catch (error) {
      this.close()
      throw error
    }
    if (piece.length === 0 || this.left === 0) {
      this.close()
      return false
    }
    await this.breathe()
    return !this.closed
  }

  /** Idempotent. */
  close(): void {
    this.closed = true
    this.pieces.close()
  }

  private readonly take = (row: ConnectionRow): boolean => {
    if (this.matches !== undefined && !this.matches(row)) return true
    if (this.seen.add(row)) return true
    this.options.visit(row)
    this.left--
    return this.left > 0
  }

  private async breathe(): Promise<void> {
    if (now() - this.since < STRETCH) return
    await nextTurn()
    this.since = now()
  }
}
