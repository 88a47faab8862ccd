/** The rows of a table that is watched: what the last event told of them, and what the poll that runs has found. */

import type { DataSection, Reply } from '../border/reply'
import type { RowWords } from '../border/row-words'
import { COUNTERS, countersGained, sameWords } from '../border/row-words'

/** One kind of row: how its records are read, and told apart. */
export interface RowKind<Info extends object> {
  readonly section: DataSection
  readonly words: RowWords
  /** Frozen to its ground: it is in every snapshot until the row changes. */
  decode(reply: Reply, index: number): Info
  id(info: Info): string
  /** The `id` of a record. */
  idAt(reply: Reply, index: number): string
}

const NOTHING = new Uint32Array(0)
/** What counters gained, where only the sign counts. */
const unused = new Float64Array(COUNTERS)

/**
 * A row, for as long as it is in the table. Its record stays where it came: a reply is nobody else's. Nothing that was
 * handed out is looked at again, but for what it is the same as.
 */
export class WatchedRow<Info extends object> {
  /** As the last event told it; undefined: it did not. */
  info: Info | undefined
  /** Its record of then, from word `at` of these. */
  words: Uint32Array = NOTHING
  at = 0
  /** The same of the poll that runs. */
  nextInfo: Info | undefined
  nextWords: Uint32Array = NOTHING
  nextAt = 0
  /** The number of the look that had it last. */
  look = 0
  /** Its counters are lower than they were. */
  wentBack = false

  take(kind: RowKind<Info>, reply: Reply, index: number, at: number): void {
    const { words, info } = this
    this.nextWords = reply.numbers
    this.nextAt = at
    this.wentBack = false
    if (info !== undefined) {
      if (sameWords(kind.words.row, words, this.at, reply.numbers, at)) {
        this.nextInfo = info
        return
      }
      this.wentBack = countersGained(kind.words, words, this.at, reply.numbers, at, unused, 0) === 'reset'
    }
    this.nextInfo = kind.decode(reply, index)
  }

  /** The poll is told. */
  advance(): void {
    this.info = this.nextInfo
    this.words = this.nextWords
    this.at = this.nextAt
  }
}

/** Rows of one kind in one place, in the order of the dump. They are known by identity; the order only makes it quick. */
export class RowList<Info extends object, Row extends WatchedRow<Info>> {
  /** Those of the last event. */
  rows: readonly Row[] = []
  /** Their objects, as they were handed out. */
  infos: readonly Info[] = Object.freeze([])
  /** A row that was told had lower counters than before. */
  wentBack = false
  /** The first look of the poll, and the one that runs or was the last. */
  private first = 0
  private look = 0
  /** Rows of the look, as long as they are not just `rows` from the start; then so many of those. */
  private order: Row[] | undefined
  private seen = 0
  /** Of them, rows that the last event told. */
  private known = 0
  /** Where in `rows` the next row is expected. */
  private cursor = 0
  /** What the look before this one found. */
  private before: readonly Row[] | undefined
  /** Rows by identity: their places in `rows`, once one was not where it was expected. */
  private places: Map<string, number> | undefined
  /** Rows that the last event did not tell, found in this poll. */
  private fresh: Map<string, Row> | undefined

  constructor(
    private readonly kind: RowKind<Info>,
    private readonly create: () => Row,
  ) {}

  /** A look begins, of the poll whose first look that was. */
  begin(first: number, look: number): void {
    if (this.look === look) return
    if (this.first === first) {
      this.before = this.order ?? this.rows.slice(0, this.seen)
    } else {
      this.before = undefined
      this.fresh = undefined
      this.wentBack = false
    }
    this.first = first
    this.look = look
    this.order = undefined
    this.seen = 0
    this.known = 0
    this.cursor = 0
  }

  /** The row of a record. One that came already in this look stays what it is. */
  take(reply: Reply, index: number): Row {
    const { kind } = this
    const { start, stride } = reply[kind.section]
    const at = (start + index * stride) >> 2
    const expected = this.rows[this.cursor]
    let row: Row
    if (expected && sameWords(kind.words.key, expected.words, expected.at, reply.numbers, at)) {
      row = expected
      this.cursor++
    } else {
      row = this.find(kind.idAt(reply, index))
    }
    if (row.look === this.look) return row
    row.look = this.look
    row.take(kind, reply, index, at)
    if (row.info !== undefined) this.known++
    if (row.wentBack) this.wentBack = true
    if (this.order) this.order.push(row)
    else if (this.rows[this.seen] !== row) this.order = [...this.rows.slice(0, this.seen), row]
    this.seen++
    return row
  }

  private find(id: string): Row {
    if (!this.places) {
      this.places = new Map()
      for (let i = 0; i < this.rows.length; i++) {
        this.places.set(this.kind.id((this.rows[i] as Row).info as Info), i)
      }
    }
    const place = this.places.get(id)
    if (place !== undefined) {
      this.cursor = place + 1
      return this.rows[place] as Row
    }
    this.fresh ??= new Map()
    let row = this.fresh.get(id)
    if (!row) {
      row = this.create()
      this.fresh.set(id, row)
    }
    return row
  }

  /** The look had every row that the last event told. */
  get complete(): boolean {
    return this.known === this.rows.length
  }

  /** What the poll found: by the last look, then what only the one before it had. `rows` itself where that is all. */
  found(): readonly Row[] {
    const found = this.order ?? (this.seen === this.rows.length ? this.rows : this.rows.slice(0, this.seen))
    const missed = this.before?.filter((row) => row.look !== this.look) ?? []
    return missed.length > 0 ? [...found, ...missed] : found
  }

  /** Rows that no look of the poll had. */
  vanished(): readonly Row[] {
    return this.rows.filter(({ look }) => look < this.first)
  }

  /** The poll is told, and these are the rows from now on. False where nothing of it has changed. */
  advance(found: readonly Row[]): boolean {
    let changed = found !== this.rows
    for (let i = 0; i < found.length; i++) {
      const row = found[i] as Row
      if (row.info === row.nextInfo) {
        row.words = row.nextWords
        row.at = row.nextAt
      } else {
        row.advance()
        changed = true
      }
    }
    if (found !== this.rows) this.places = undefined
    this.fresh = undefined
    this.before = undefined
    this.order = undefined
    this.rows = found
    if (changed) this.infos = Object.freeze(found.map(({ info }) => info as Info))
    return changed
  }
}
