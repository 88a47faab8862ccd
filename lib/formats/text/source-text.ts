/** A text with the name of its file, and where in it something stands. */

/** From 1, as editors count; a column is a UTF-16 unit. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** Where something begins, and how long it is there. */
export interface Span {
  readonly source: SourceText
  readonly offset: number
  readonly length: number
}

export class SourceText {
  private starts: number[] | undefined

  /** `file` is a name for people; undefined where there is none. */
  constructor(
    readonly text: string,
    readonly file?: string | undefined,
  ) {}

  /** The line that has `offset`, by bisection: positions are asked for where something is wrong, not for every token. */
  position(offset: number): Position {
    const starts = this.lineStarts()
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((starts[middle] as number) <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - (starts[low] as number) + 1 }
  }

  /** The text of a line, without its end; empty where there is no such line. */
  lineText(line: number): string {
    const starts = this.lineStarts()
    const start = starts[line - 1]
    if (start === undefined) return ''
    const end = starts[line] ?? this.text.length + 1
    return this.text.slice(start, end - 1).replace(/\r$/, '')
  }

  span(offset: number, length: number): Span {
    return { source: this, offset, length }
  }

  private lineStarts(): readonly number[] {
    if (this.starts) return this.starts
    const starts = [0]
    const { text } = this
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
    this.starts = starts
    return starts
  }
}
