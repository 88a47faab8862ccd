// The summary of one kernel as text, for a terminal and for docs/performance.md.

let lines = []
const print = (text = '') => lines.push(...text.split('\n'))

const number = (value, digits) => {
  if (value === undefined) return ''
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
const fine = (value) => number(value, 1)
const megabytes = (kb) => number(kb === undefined ? undefined : kb / 1024, 0)
const count = (value, what) => `${number(value, 0)} ${what}`

/** Rows of text; all columns but the first are numbers, and a column without one is left out. */
function printColumns(rows) {
  const used = rows[0].map((_, i) => i === 0 || rows.slice(1).some((row) => row[i]))
  const shown = rows.map((row) => row.filter((_, i) => used[i]))
  const widths = shown[0].map((_, i) => Math.max(...shown.map((row) => row[i].length)))
  for (const row of shown) {
    const cells = row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
    print(`  ${cells.join('  ')}`.trimEnd())
  }
}

const blockHeads = ['block ms', 'after calls']
const blockCells = ({ blockMs, blockAfterMs }) => [fine(blockMs), fine(blockAfterMs)]

function printDirection(title, { rows, missing }, size, own) {
  print(`\n${title}`)
  const heads = ['ms', 'best', 'first', 'µs each', 'x floor', `x ${own}`, ...blockHeads, 'peak MB']
  printColumns([
    ['', ...heads],
    ...rows.map((row) => [
      `${row.name}${row.version ? ` ${row.version}` : ''}${row.scaled ? ' *' : ''}`,
      ...[fine(row.ms), fine(row.best), fine(row.firstMs), fine(row.perOperationUs)],
      ...[number(row.timesFloor, 2), number(row.timesOurs, 2)],
      ...blockCells(row),
      megabytes(row.peakKb),
    ]),
  ])
  for (const { name, measuredOperations } of rows.filter(({ scaled }) => scaled)) {
    print(`  * ${name}: ${number(measuredOperations, 0)} measured, scaled to all`)
  }
  for (const { name, measuredOperations } of rows.filter(
    (row) => !row.scaled && row.measuredOperations < size,
  )) {
    print(`  ${name}: ${number(measuredOperations, 0)} of them, without local addresses`)
  }
  for (const [name, reason] of Object.entries(missing)) print(`  without ${name}: ${reason}`)
}

function printMethods({ services, destinations, locals, size, rounds, write, read }) {
  const table =
    `${services} services x ${destinations} destinations` +
    (locals > 0 ? `, ${locals} local addresses each` : '')
  const about = `median of ${rounds} rounds`
  printDirection(`write ${table}: ${count(size, 'operations')}, ${about}`, write, size, 'batch()')
  printDirection(`read it: ${count(size, 'records')}, ${about}`, read, size, 'snapshot()')
}

function printGrowth({ rounds, points }) {
  for (const direction of ['write', 'read']) {
    const names = [...new Set(points.flatMap((point) => Object.keys(point[direction])))]
    const heads = names.flatMap((name) => [name, 'µs each'])
    print(`\ngrowth, ${direction}: ms, median of ${rounds} rounds`)
    printColumns([
      ['', ...heads],
      ...points.map((point) => [
        point.shape === 'services'
          ? `${number(point.size, 0)} services x 20`
          : `1 service x ${number(point.size, 0)}`,
        ...names.flatMap((name) => {
          const { ms, perOperationUs } = point[direction][name]
          return ms === null ? ['none', ''] : [fine(ms), fine(perOperationUs)]
        }),
      ]),
    ])
    for (const point of points.filter((one) => one.rounds < rounds)) {
      print(
        `  ${point.shape} ${point.size}: took so long that there were only ${count(point.rounds, point.rounds === 1 ? 'round' : 'rounds')}`,
      )
    }
    for (const point of points) {
      for (const [name, { reason }] of Object.entries(point[direction])) {
        if (reason) print(`  ${point.shape} ${point.size}, ${name}: ${reason}`)
      }
    }
  }
}

function printCallers(found) {
  print(`\n${count(found.callers, 'callers')} on one client, median of ${found.rounds} rounds`)
  const heads = ['calls', 'calls/s', 'latency ms: median', 'p99', 'max', ...blockHeads]
  printColumns([
    ['', ...heads],
    [
      'sequential awaits in each',
      ...[number(found.calls, 0), number(found.callsPerSecond, 0)],
      ...[fine(found.latencyMedianMs), fine(found.latencyP99Ms), fine(found.latencyMaxMs)],
      ...blockCells(found),
    ],
  ])
}

function printSoak({ services, destinations, rounds, points, slopePerRound }) {
  const size = `${services} services x ${destinations} destinations`
  print(`\nmemory over ${rounds} rounds of write, read, flush: ${size}, MB after a collection`)
  const row = (key) => [
    key,
    ...[points[0], points[1], points.at(-1)].map((point) => number(point[key] / 1048576, 2)),
    number(slopePerRound[key] / 1024, 2),
  ]
  const heads = [`round ${points[0].round}`, `round ${points[1].round}`, `round ${points.at(-1).round}`]
  const late = `KB per round, last ${rounds / 2}`
  printColumns([['', ...heads, late], row('rss'), row('heapUsed'), row('external')])
}

function printIdle({ blockMs, blockMaxMs, openKb }) {
  print(
    `\nidle: the loop of a process that does nothing stands still for up to ${fine(blockMs)} ms ` +
      `(median; most ${fine(blockMaxMs)}); with an open client it takes ${megabytes(openKb)} MB`,
  )
}

const printers = {
  idle: printIdle,
  methods: printMethods,
  growth: printGrowth,
  callers: printCallers,
  soak: printSoak,
}

/** The parts that there are. */
export function tableOf(name, summary) {
  lines = []
  const { release, node, cpus } = summary.machine
  print(`\n${name}: Linux ${release}, Node ${node}, ${cpus} CPUs, ${summary.machine.accelerator}`)
  for (const [part, printPart] of Object.entries(printers)) if (summary[part]) printPart(summary[part])
  return lines.join('\n')
}
