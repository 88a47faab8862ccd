/** A reading → lines of text, each with what it is for the colours. */

import type { WatchFailure } from '../../model/watch-types'
import type { Reading, Row, SortName } from './reading'
import { SORTS } from './reading'
import { byName, clip, explain, plural, printable, short, sum, whole } from './text'

export interface Line {
  readonly text: string
  readonly style: string
}

interface Column {
  readonly title: string
  /** The first ones are there on a narrow screen. */
  readonly need: number
  readonly cell: (row: Row) => string
}

/** What the rates of a row are, or why there are none. */
const rateCell =
  (name: 'connections' | 'inPackets' | 'outPackets' | 'inBytes' | 'outBytes') =>
  ({ rates }: Row): string =>
    rates && !rates.reset ? short(rates[name]) : '-'

/** From left to right. */
const COLUMNS: readonly Column[] = [
  { title: 'Conns/s', need: 1, cell: (row) => (row.rates?.reset ? 'reset' : rateCell('connections')(row)) },
  { title: 'In B/s', need: 2, cell: rateCell('inBytes') },
  { title: 'Out B/s', need: 3, cell: rateCell('outBytes') },
  { title: 'In p/s', need: 7, cell: rateCell('inPackets') },
  { title: 'Out p/s', need: 8, cell: rateCell('outPackets') },
  { title: 'Active', need: 4, cell: ({ active = 0 }) => whole(active) },
  { title: 'Inactive', need: 6, cell: ({ inactive = 0 }) => whole(inactive) },
  { title: 'Weight', need: 5, cell: ({ weight = '' }) => weight },
  { title: 'Conns', need: 9, cell: ({ connections = 0 }) => whole(connections) },
  { title: 'Scheduler/method', need: 10, cell: ({ method = '' }) => printable(method) },
]
const CELL = 7
const NAME_TITLE = 'Service / destination'
const widthOf = ({ title }: Column): number => Math.max(CELL, title.length) + 1

/** Names are never cut before the last columns have gone. `width`: undefined for all that there is. */
export function tableLines(rows: readonly Row[], width: number | undefined, sort: SortName): Line[] {
  const names = rows.filter(({ text }) => !text).map(({ name }) => name.length)
  const natural = names.reduce((most, one) => Math.max(most, one), NAME_TITLE.length)
  let left = width === undefined ? Number.POSITIVE_INFINITY : width - natural
  const columns = new Set<Column>()
  for (const column of [...COLUMNS].sort((a, b) => a.need - b.need)) {
    left -= widthOf(column)
    if (left < 0) break
    columns.add(column)
  }
  const chosen = COLUMNS.filter((column) => columns.has(column))
  const nameWidth = width === undefined ? natural : Math.max(0, width - sum(chosen, widthOf))
  const line = (name: string, cellOf: (column: Column) => string) =>
    clip(name, nameWidth).padEnd(nameWidth) +
    chosen.map((column) => cellOf(column).padStart(widthOf(column))).join('')
  const title = ({ title: text }: Column) => (text === SORTS[sort].title ? text.toUpperCase() : text)
  return [
    { text: line(NAME_TITLE, title), style: 'titles' },
    ...rows.map((row) => ({ text: row.text ?? line(row.name, ({ cell }) => cell(row)), style: row.kind })),
  ]
}

function totalLine({ total, seconds }: Reading): string {
  if (!total) return 'Total     rates come with the second poll'
  const way = (name: string, bytes: number, packets: number) =>
    `${name} ${short(bytes)} B/s ${short(packets)} p/s`
  const parts = [
    `${short(total.connections)} conns/s`,
    way('in', total.inBytes, total.inPackets),
    way('out', total.outBytes, total.outPackets),
    `over ${seconds.toFixed(2)} s`,
  ]
  if (total.reset) parts.push('counters were reset')
  return `Total     ${parts.join('   ')}`
}

function statesLine({ states: { counts, problem } }: Reading): string {
  if (!counts) return `States    ${problem}`
  const list = Array.from(counts).sort(([a, x], [b, y]) => y - x || byName(a, b))
  return `States    ${list.map(([state, count]) => `${state} ${whole(count)}`).join(', ') || 'no connections'}`
}

function localsLine({ locals: { count, connections, conflicts, conflictRate } }: Reading): string {
  const grow = conflictRate === undefined ? '' : ` (${short(conflictRate)}/s)`
  const conflicted = plural(Number(conflicts), 'port conflict')
  return `Local     ${plural(count, 'address', 'addresses')}, ${plural(connections, 'connection')}, ${conflicted}${grow}`
}

/** The lines between the head and the table. */
export function factLines(reading: Reading, localAddresses: boolean): Line[] {
  const texts = [totalLine(reading), statesLine(reading)]
  if (localAddresses) texts.push(localsLine(reading))
  return texts.map((text) => ({ text, style: 'fact' }))
}

export function failureLines({ error, failures, retryIn }: WatchFailure): string[] {
  const [message, ...hint] = explain(error)
  const again = `again in ${(retryIn / 1000).toFixed(1)} s`
  return [`poll failed (${failures} in a row), ${again}: ${message}`, ...hint]
}

export const HELP = [
  'q              quit',
  's              sort by the next column',
  'p              pause: nothing is read; rates then span the pause',
  'd              expand or collapse services',
  '?              this help, and back',
  'arrows, page up, page down, home, end: scroll',
  '',
  'Rates are differences of counters. "-": not known yet,',
  '"reset": the counters began again. Mainline counts every two',
  'seconds: a shorter interval shows 0, and then much.',
  'Active and Inactive of a service are sums over destinations.',
  '"via": a local address. Port conflicts that grow mean that',
  'its ports run out.',
]
