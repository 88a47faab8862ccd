/** Rows in columns, which fit the terminal. */

export interface Column {
  readonly title: string
  readonly right?: boolean | undefined
  /** Is cut, or the first to go, where the terminal is narrow; one that does not shrink is always whole. */
  readonly shrinks?: boolean | undefined
}

const GAP = 2
const LEAST = 8

const cut = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, Math.max(0, width - 1))}~` : text

/** `width`: columns of the terminal; undefined in a pipe, where nothing is cut. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
): string {
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...rows.map((row) => (row[i] as string).length)),
  )
  const sum = () => widths.reduce((all, one) => all + one + GAP, -GAP)
  if (width !== undefined) {
    // The last one first: what matters more stands to the left.
    for (let i = columns.length - 1; i >= 0 && sum() > width; i--) {
      if (!columns[i]?.shrinks) continue
      widths[i] = Math.max(Math.min(LEAST, widths[i] as number), (widths[i] as number) - (sum() - width))
    }
  }
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => {
        const at = widths[i] as number
        const text = cut(cell, at)
        return columns[i]?.right ? text.padStart(at) : text.padEnd(at)
      })
      .join(' '.repeat(GAP))
      .replace(/ +$/, '')
  return [columns.map(({ title }) => title), ...rows].map((cells) => `${line(cells)}\n`).join('')
}
