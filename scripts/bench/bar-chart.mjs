// One number for each method, on one logarithmic axis for all groups.
import { decades, logScale, tickLabel, ticks } from './log-scale.mjs'
import { element, line, picture, text } from './svg.mjs'

const width = 920
const left = 220
const right = width - 90
const barHeight = 18
const rowHeight = 26
const groupGap = 40
const top = 92

function drawRow({ name, kind, value }, y, x, from) {
  const end = x(value)
  return [
    text(left - 10, y + 14, name, { 'text-anchor': 'end' }),
    element('rect', {
      ...{ x: x(from), y, width: Math.max(1, end - x(from)), height: barHeight },
      class: `${kind} fill`,
    }),
    text(end + 6, y + 14, value.toLocaleString('en', { maximumSignificantDigits: 3 }), { class: 'faint' }),
  ]
}

function legend(y) {
  const kinds = [
    ['floor', 'floor: the kernel alone'],
    ['ours', 'this library'],
    ['peer', 'others'],
  ]
  return kinds.flatMap(([kind, name], i) => [
    element('rect', { x: 20 + i * 190, y: y - 10, width: 12, height: 12, class: `${kind} fill` }),
    text(38 + i * 190, y, name),
  ])
}

/** `groups`: [{ title, rows: [{ name, kind, value }] }] */
export function barChart({ title, subtitle, xLabel, groups }) {
  const values = groups.flatMap(({ rows }) => rows.map(({ value }) => value))
  const range = decades(values)
  const x = logScale(range, [left, right])
  const bars = []
  let y = top + 12
  for (const group of groups) {
    bars.push(text(20, y + 14, group.title, { class: 'strong' }))
    for (const row of group.rows) {
      bars.push(...drawRow(row, y, x, range[0]))
      y += rowHeight
    }
    y += groupGap - rowHeight
  }
  const bottom = y - groupGap + rowHeight + 8
  const grid = ticks(range).flatMap((value) => [
    line(x(value), top, x(value), bottom, { class: 'grid' }),
    text(x(value), bottom + 18, tickLabel(value), { 'text-anchor': 'middle', class: 'faint' }),
  ])
  const label = text((left + right) / 2, bottom + 42, xLabel, { 'text-anchor': 'middle' })
  return picture({ width, height: bottom + 60, title, subtitle }, [...legend(76), ...grid, ...bars, label])
}
