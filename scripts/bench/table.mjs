// Medians and ratios of what test/bench/driver.cjs measured.

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Rows in the order in which they were measured, each with its ratio to the floor of the same direction. */
export function summarise({ samples, ...about }) {
  const rows = Object.entries(samples).map(([name, list]) => {
    const [direction, what] = name.split(': ')
    const blocks = list.map(({ block }) => block).filter((block) => block !== undefined)
    return {
      direction,
      what,
      ms: median(list.map(({ ms }) => ms)),
      best: Math.min(...list.map(({ ms }) => ms)),
      block: blocks.length > 0 ? median(blocks) : undefined,
    }
  })
  for (const row of rows) {
    const floor = rows.find(({ direction, what }) => direction === row.direction && what === 'floor')
    row.ratio = row.ms / floor.ms
    row.perOperation = (row.ms * 1000) / (row.direction === 'write' ? about.operations : about.records)
  }
  return { ...about, rows }
}

export function printTable(name, { services, destinations, locals, operations, rounds, rss, rows }) {
  const megabytes = Math.round(rss / 1048576)
  console.log(
    `\n${name}: ${services} services x ${destinations} destinations, ${locals} local addresses each ` +
      `(${operations} operations), median of ${rounds} rounds, ${megabytes} MB resident`,
  )
  const cells = [['', 'ms', 'µs each', 'x floor', 'loop blocked ms']]
  for (const { direction, what, ms, perOperation, ratio, block } of rows) {
    cells.push([
      `${direction}: ${what}`,
      ms.toFixed(1),
      perOperation.toFixed(1),
      ratio.toFixed(2),
      block === undefined ? '' : block.toFixed(1),
    ])
  }
  const widths = cells[0].map((_, i) => Math.max(...cells.map((row) => row[i].length)))
  for (const row of cells) {
    console.log(
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[i]))).join('  '),
    )
  }
}
