/** Everything that is known, and how it is looked at. */

import type { Capabilities } from '../../kernel/capabilities'
import type { Dialect } from '../../model/call-types'
import type { WatchEvent, WatchFailure } from '../../model/watch-types'
import type { Line } from './lines'
import { factLines, failureLines, HELP, tableLines } from './lines'
import type { CountedStates, Row, SimulatedTime, SortName } from './reading'
import { describeChanges, Reading, SORTS } from './reading'
import { clip, plural, printable, timeStamp } from './text'

export interface ViewOptions {
  readonly sort?: SortName | undefined
  /** Of a kernel whose time is not ours. */
  readonly world?: SimulatedTime | undefined
  /** Stands in every screen and block: that the kernel is not real. */
  readonly banner?: string | undefined
}

const LOG_LINES = 3
/** On a screen that is lower only the first fact is told. */
const ROWS_FOR_FACTS = 12

export class View {
  sort: SortName
  expanded = true
  paused = false
  help = false
  offset = 0
  /** Rows that the screen has for the table. */
  page = 1
  private readonly dialect: Dialect
  private readonly localAddresses: boolean
  private readonly world: SimulatedTime | undefined
  private readonly banner: string | undefined
  private reading: Reading | undefined
  /** Newer than what is shown, during a pause. */
  private latest: Reading | undefined
  private failure: WatchFailure | undefined
  private changes: readonly string[] = []
  private log: readonly string[] = []

  constructor(
    { dialect, capabilities }: { readonly dialect: Dialect; readonly capabilities: Capabilities },
    { world, sort = 'conns', banner }: ViewOptions = {},
  ) {
    this.dialect = dialect
    this.localAddresses = capabilities.localAddresses
    this.world = world
    this.banner = banner
    this.sort = sort
  }

  take(event: WatchEvent, states: CountedStates): void {
    if (event.error) {
      this.failure = event
      return
    }
    this.failure = undefined
    const latest = new Reading(event, states, this.latest, this.world)
    this.latest = latest
    this.changes = describeChanges(event.changes)
    const time = latest.stamp.split(' ')[1]
    this.log = [...this.log, ...this.changes.map((text) => `${time} ${text}`)].slice(-LOG_LINES)
    if (!this.paused) this.reading = latest
  }

  pause(paused: boolean): void {
    this.paused = paused
    if (!paused) this.reading = this.latest
  }

  nextSort(): void {
    const names = Object.keys(SORTS) as SortName[]
    this.sort = names[(names.indexOf(this.sort) + 1) % names.length] as SortName
  }

  private size({ services, destinationCount }: Reading): string {
    return `${plural(services.length, 'service')}, ${plural(destinationCount, 'destination')}`
  }

  /** The rows from `offset` on, as many as there is room for; and how many there are. */
  private rows(reading: Reading, offset: number, room: number): { rows: Row[]; count: number } {
    const rows: Row[] = []
    let at = 0
    for (const service of reading.sorted(this.sort)) {
      const { destinations, localAddresses } = service.entry
      const size = this.expanded ? 1 + destinations.length + localAddresses.length : 1
      if (at + size > offset && at < offset + room) {
        const all = this.expanded ? [service, ...reading.rowsIn(service, this.sort)] : [service]
        rows.push(...all.slice(Math.max(0, offset - at), offset + room - at))
      }
      at += size
    }
    return { rows, count: at }
  }

  /** A block for who reads line by line: what the last poll has shown, everything in it. */
  block(): string[] {
    const { failure, reading, dialect, banner } = this
    if (failure) return [`${timeStamp(failure.at)}  ${dialect}`, ...failureLines(failure)].map(printable)
    if (!reading) return []
    const { rows } = this.rows(reading, 0, Number.POSITIVE_INFINITY)
    const lines = [
      `${reading.stamp}  ${dialect}  ${this.size(reading)}`,
      ...(banner === undefined ? [] : [banner]),
      ...factLines(reading, this.localAddresses).map(({ text }) => text),
      ...tableLines(rows, undefined, this.sort).map(({ text }) => text.replace(/ +$/, '')),
      ...this.changes,
    ]
    return lines.map(printable)
  }

  private head(rows: number): Line[] {
    const { reading, failure, banner } = this
    const head = [
      {
        text: [
          `IPVS ${this.dialect}`,
          ...(this.paused ? ['PAUSED'] : []),
          ...(reading ? [reading.stamp, this.size(reading)] : ['waiting for the first poll']),
        ].join('  '),
        style: 'head',
      },
    ]
    if (banner !== undefined) head.push({ text: banner, style: 'warning' })
    if (failure) head.push(...failureLines(failure).map((text) => ({ text, style: 'error' })))
    if (reading) {
      const facts = factLines(reading, this.localAddresses)
      head.push(...facts.slice(0, rows < ROWS_FOR_FACTS ? 1 : undefined))
    }
    return head
  }

  /** Exactly `rows` lines of at most `columns` characters. */
  screen({ columns, rows }: { readonly columns: number; readonly rows: number }): Line[] {
    const { reading } = this
    const head = this.head(rows)
    // What is left for the table decides what else there is room for.
    const log = this.log.slice(rows >= head.length + 8 + LOG_LINES ? 0 : LOG_LINES)
    const foot = log.map((text) => ({ text, style: 'log' }))
    this.page = Math.max(1, rows - head.length - foot.length - 2)
    let keys = `q quit  s sort (${SORTS[this.sort].title})  p ${this.paused ? 'go on' : 'pause'}  d destinations  ? help`
    let body: Line[] = []
    if (this.help) {
      body = HELP.map((text) => ({ text, style: 'plain' }))
    } else if (reading) {
      const { count } = this.rows(reading, 0, 0)
      this.offset = Math.max(0, Math.min(this.offset, count - this.page))
      const seen = this.rows(reading, this.offset, this.page)
      body = tableLines(seen.rows, columns, this.sort)
      if (count > this.page)
        keys = `${this.offset + 1}-${this.offset + seen.rows.length} of ${count}  ${keys}`
    }
    const room = Math.max(0, rows - head.length - foot.length - 1)
    const filler = Array.from({ length: Math.max(0, room - body.length) }, () => ({
      text: '',
      style: 'plain',
    }))
    const lines = [...head, ...body.slice(0, room), ...filler, ...foot, { text: keys, style: 'keys' }]
    return lines.slice(0, rows).map(({ text, style }) => ({ text: clip(printable(text), columns), style }))
  }
}
