// Time against size: panels side by side with one y axis, both axes logarithmic.
import { decades, logScale, tickLabel, ticks } from './log-scale.mjs'
import { element, line, mark, picture, text } from './svg.mjs'

const width = 960
const height = 430
const top = 116
const bottom = height - 62
const panelLeft = [76, 536]
const panelWidth = 250
/** Lines of text that are nearer to each other than this cannot be read. */
const lineHeight = 16

function yAxis(y, range, left) {
  return ticks(range).flatMap((value) => [
    line(left, y(value), left + panelWidth, y(value), { class: 'grid' }),
    text(left - 8, y(value) + 4, tickLabel(value), { 'text-anchor': 'end', class: 'faint' }),
  ])
}

/** Marks the sizes that were measured. */
function xAxis(x, sizes, left, label) {
  return [
    ...sizes.flatMap((value) => [
      line(x(value), top, x(value), bottom, { class: 'grid' }),
      text(x(value), bottom + 18, value.toLocaleString('en'), { 'text-anchor': 'middle', class: 'faint' }),
    ]),
    line(left, bottom, left + panelWidth, bottom, { class: 'axis' }),
    line(left, top, left, bottom, { class: 'axis' }),
    text(left + panelWidth / 2, bottom + 42, label, { 'text-anchor': 'middle' }),
  ]
}

/** Moves labels apart, from the top down. */
function spread(labels) {
  const sorted = [...labels].sort((a, b) => a.y - b.y)
  sorted.forEach((label, i) => {
    if (i > 0) label.y = Math.max(label.y, sorted[i - 1].y + lineHeight)
  })
  return sorted
}

function drawSeries({ kind, points }, x, y) {
  const path = points.map(([px, py], i) => `${i === 0 ? 'M' : 'L'}${x(px).toFixed(1)} ${y(py).toFixed(1)}`)
  return [
    element('path', { d: path.join(''), class: `${kind} stroke` }),
    ...points.map(([px, py]) => mark(x(px), y(py), kind)),
  ]
}

/** A line that ends before the others has its note over its last point. */
function labelOfShort({ kind, points, note }, x, y) {
  const [px, py] = points.at(-1)
  return text(x(px), y(py) - 12, note, { 'text-anchor': 'middle', class: `${kind} fill` })
}

function drawPanel({ title, xLabel, series }, left, y, yRange) {
  const sizes = [...new Set(series.flatMap(({ points }) => points.map(([value]) => value)))]
  // Half as much room again, so that no mark lies on an edge.
  const xRange = [Math.min(...sizes) / 1.5, Math.max(...sizes) * 1.5]
  const x = logScale(xRange, [left, left + panelWidth])
  const largest = Math.max(...sizes)
  const complete = series.filter(({ points }) => points.at(-1)[0] === largest)
  const labels = complete.map(({ kind, points, note }) => ({ kind, note, y: y(points.at(-1)[1]) }))
  return [
    text(left, top - 12, title, { class: 'strong' }),
    ...yAxis(y, yRange, left),
    ...xAxis(x, sizes, left, xLabel),
    ...series.flatMap((one) => drawSeries(one, x, y)),
    ...spread(labels).map((label) =>
      text(left + panelWidth + 6, label.y + 4, label.note, { class: `${label.kind} fill` }),
    ),
    ...series.filter((one) => !complete.includes(one)).map((one) => labelOfShort(one, x, y)),
  ]
}

function legend(entries) {
  const step = 120
  return entries.flatMap(({ name, kind }, i) => [
    mark(26 + i * step, 74, kind),
    text(36 + i * step, 78, name),
  ])
}

/**
 * `panels`: two { title, xLabel, series: [{ name, kind, points: [[x, y]], note }] }; `note` is written at the end of the
 * line.
 */
export function lineChart({ title, subtitle, yLabel, panels }) {
  const series = panels.flatMap((panel) => panel.series)
  const yRange = decades(series.flatMap(({ points }) => points.map(([, value]) => value)))
  const y = logScale(yRange, [bottom, top])
  const entries = [...new Map(series.map(({ name, kind }) => [name, { name, kind }])).values()]
  const middle = (top + bottom) / 2
  return picture({ width, height, title, subtitle }, [
    ...legend(entries),
    text(22, middle, yLabel, { 'text-anchor': 'middle', transform: `rotate(-90 22 ${middle})` }),
    ...panels.flatMap((panel, i) => drawPanel(panel, panelLeft[i], y, yRange)),
  ])
}
