// The plots of a kernel from its summary: time against size, and what an operation costs by each method.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { barChart } from './bar-chart.mjs'
import { lineChart } from './line-chart.mjs'

const ownNames = [
  ...['batch()', 'Promise.all', 'sequential awaits'],
  ...['snapshot()', 'list() + N lists', 'iterate()'],
]
const kindOf = (name) => {
  if (name === 'floor') return 'floor'
  return ownNames.includes(name) ? 'ours' : 'peer'
}
const short = (value) => value.toLocaleString('en', { maximumSignificantDigits: 3 })

const panels = [
  ['services', 'N services x 20 destinations'],
  ['destinations', '1 service x N destinations'],
]

function growthSeries(points, direction) {
  const names = [...new Set(points.flatMap((point) => Object.keys(point[direction])))]
  return names.flatMap((name) => {
    const taken = points.filter((point) => point[direction][name]?.ms > 0)
    if (taken.length === 0) return []
    const each = taken.at(-1)[direction][name].perOperationUs
    return {
      ...{ name, kind: kindOf(name), note: `${name} ${short(each)} µs` },
      points: taken.map((point) => [point.operations, point[direction][name].ms]),
    }
  })
}

function growthChart(name, { machine, growth }, direction) {
  const what = direction === 'write' ? 'Writing' : 'Reading'
  const things = direction === 'write' ? 'operations' : 'records'
  return lineChart({
    title: `${what} a table: time against size, ${name}`,
    subtitle: `Linux ${machine.release}, ${machine.accelerator}, median of ${growth.rounds}; labels: µs per ${things.slice(0, -1)} at the largest size measured`,
    yLabel: 'milliseconds',
    panels: panels.map(([shape, title]) => ({
      title,
      xLabel: things,
      series: growthSeries(
        growth.points.filter((point) => point.shape === shape),
        direction,
      ),
    })),
  })
}

function methodsChart(name, { machine, methods }) {
  const group = (title, { rows }) => ({
    title,
    rows: rows.map((row) => ({ name: row.name, kind: kindOf(row.name), value: row.perOperationUs })),
  })
  const { services, destinations, locals, rounds } = methods
  const locally = locals > 0 ? `, ${locals} local addresses each` : ''
  return barChart({
    title: `What one operation costs, ${name}`,
    subtitle: `${services} services x ${destinations} destinations${locally}; Linux ${machine.release}, ${machine.accelerator}, median of ${rounds}`,
    xLabel: 'µs for each operation or record, logarithmic',
    groups: [group('write', methods.write), group('read', methods.read)],
  })
}

/** Writes KERNEL-write.svg, KERNEL-read.svg and KERNEL-methods.svg, as far as there is something to draw. */
export function writePlots(folder, name, summary) {
  const write = (what, svg) => writeFileSync(join(folder, `${name}-${what}.svg`), svg)
  if (summary.growth) {
    write('write', growthChart(name, summary, 'write'))
    write('read', growthChart(name, summary, 'read'))
  }
  if (summary.methods) write('methods', methodsChart(name, summary))
}
