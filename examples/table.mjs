// Text tables and numbers that people can read.

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB']

/** `1234567n` as `1.2 MB`. */
export function bytes(value) {
  let size = Number(value)
  let unit = 0
  while (size >= 999.5 && unit < UNITS.length - 1) {
    size /= 1000
    unit++
  }
  const digits = unit > 0 && size < 9.95 ? 1 : 0
  return `${size.toFixed(digits)} ${UNITS[unit]}`
}

/** `1234567n` as `1,234,567`. */
export const count = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ',')

/** Lines with aligned columns. `columns`: `{ title, right? }`; cells that are missing are empty. */
export function table(columns, rows) {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map((_, i) => row[i] ?? ''))]
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i].length)))
  const lines = cells.map((row) =>
    row
      .map((cell, i) => (columns[i].right ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd(),
  )
  const rule = widths.map((width) => '─'.repeat(width)).join('  ')
  return [lines[0], rule, ...lines.slice(1)]
}
