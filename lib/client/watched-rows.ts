/** The rows of a table that is watched: what the last event told of them, and what the poll that runs has found. */

import type { DataSection, Reply } from '../border/reply'
import type { RowWords } from '../border/row-words'
import { sameWords } from '../border/row-words'
import { type Gains, IDLE, NEW, RESET } from './rates'

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

/**
 * A row, for as long as it is in the table. Nothing that was handed out is looked at again, but for what it is the same
 * as.
 */
export class WatchedRow<Info extends object> {
  /** As the last event told it; undefined: it did not. */
  info: Info | undefined
  /** Where its list keeps the record of then, and the record of the poll that runs where it is another. */
  at = 0
  nextAt = 0
  /** As the poll that runs found it. */
  nextInfo: Info | undefined
  /** The number of the look that had it last. */
  look = 0
  /** The number of what its counters gained, or what stands for it. */
  gain = NEW
}

const NOTHING = new Uint32Array(0)
const FIRST_ROOM = 4

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
  /**
   * Two records for each row. They are copies: replies that are kept until the next poll grow old, and memory outside of the
   * heap that grows old makes V8 collect everything, again and again.
   */
  private records: Uint32Array = NOTHING
  /** Words of it in use. */
  private used = 0

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
      if (this.fresh) this.forget()
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
  take(reply: Reply, index: number, gains: Gains): Row {
    const { kind } = this
    const { start, stride } = reply[kind.section]
    const at = (start + index * stride) >> 2
    const expected = this.rows[this.cursor]
    let row: Row
    if (expected && sameWords(kind.words.key, this.records, expected.at, reply.numbers, at)) {
      row = expected
      this.cursor++
    } else {
      row = this.find(kind.idAt(reply, index))
    }
    if (row.look === this.look) return row
    row.look = this.look
    this.compare(row, reply, index, at, gains)
    if (row.info !== undefined) this.known++
    if (row.gain === RESET) this.wentBack = true
    if (this.order) this.order.push(row)
    else if (this.rows[this.seen] !== row) this.order = [...this.rows.slice(0, this.seen), row]
    this.seen++
    return row
  }

  private compare(row: Row, reply: Reply, index: number, at: number, gains: Gains): void {
    const { kind, records } = this
    const { info } = row
    if (info === undefined) {
      row.gain = NEW
    } else if (sameWords(kind.words.row, records, row.at, reply.numbers, at)) {
      row.gain = IDLE
      row.nextInfo = info
      return
    } else {
      row.gain = gains.measure(kind.words, records, row.at, reply.numbers, at)
    }
    row.nextInfo = kind.decode(reply, index)
    const { size } = kind.words
    for (let i = 0; i < size; i++) records[row.nextAt + i] = reply.numbers[at + i] as number
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
      this.place(row)
      this.fresh.set(id, row)
    }
    return row
  }

  /** Room for the two records of a row. */
  private place(row: Row): void {
    const { size } = this.kind.words
    if (this.used + 2 * size > this.records.length) {
      const larger = new Uint32Array(Math.max(FIRST_ROOM * 2 * size, this.records.length * 2))
      larger.set(this.records)
      this.records = larger
    }
    row.at = this.used
    row.nextAt = this.used + size
    this.used += 2 * size
  }

  /** Rows that were found by a poll that failed. */
  private forget(): void {
    this.used -= (this.fresh?.size ?? 0) * 2 * this.kind.words.size
    this.fresh = undefined
  }

  /** Whether a row that was told is set to the same as then. */
  sameConfig({ info, nextInfo, at, nextAt }: Row): boolean {
    return info === nextInfo || sameWords(this.kind.words.config, this.records, at, this.records, nextAt)
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
      if (row.info === row.nextInfo) continue
      const { at } = row
      row.info = row.nextInfo
      row.at = row.nextAt
      row.nextAt = at
      changed = true
    }
    if (found !== this.rows) this.settle(found)
    this.fresh = undefined
    this.before = undefined
    this.order = undefined
    this.rows = found
    if (changed) this.infos = Object.freeze(found.map(({ info }) => info as Info))
    return changed
  }
  /** The rows are others, or stand in another order: what is kept is theirs alone. */
  private settle(rows: readonly Row[]): void {
    const { size } = this.kind.words
    const before = this.records
    this.places = undefined
    this.records = new Uint32Array(rows.length * 2 * size)
    this.used = 0
    for (const row of rows) {
      const record = before.subarray(row.at, row.at + size)
      this.place(row)
      this.records.set(record, row.at)
    }
  }
}
