/** A line as it is read, and where each of its characters stands in the file, whatever was put in or taken out on the way. */

import type { SourceText, Span } from '../text/source-text'

export class LineText {
  private constructor(
    readonly source: SourceText,
    readonly text: string,
    /** Offset of the first character; those that follow stand behind it, or at `places`. */
    private readonly base: number,
    private readonly places: readonly number[] | undefined,
    /** How many expansions this line came out of. */
    readonly depth: number,
  ) {}

  static of(source: SourceText, start: number, end: number): LineText {
    return new LineText(source, source.text.slice(start, end), start, undefined, 0)
  }

  /** Text that stands nowhere: all of it is where `at` is. */
  static standingAt(at: LineText, text: string): LineText {
    const offset = at.placeOf(0)
    return new LineText(at.source, text, offset, new Array<number>(text.length).fill(offset), at.depth + 1)
  }

  /** One level further out of expansions. */
  deeper(): LineText {
    return new LineText(this.source, this.text, this.base, this.places, this.depth + 1)
  }

  span(start = 0, end = this.text.length): Span {
    const offset = this.placeOf(start)
    const last = end > start ? this.placeOf(end - 1) : offset
    return this.source.span(offset, Math.max(1, last - offset + 1))
  }

  slice(start: number, end = this.text.length): LineText {
    const { source, text, base, places, depth } = this
    if (places) return new LineText(source, text.slice(start, end), base, places.slice(start, end), depth)
    return new LineText(source, text.slice(start, end), base + start, undefined, depth)
  }

  /** `text` in the place of what is from `start` to `end`; all of it stands where that began. */
  replace(start: number, end: number, text: string): LineText {
    const places: number[] = []
    for (let i = 0; i < start; i++) places.push(this.placeOf(i))
    const at = this.placeOf(start)
    for (let i = 0; i < text.length; i++) places.push(at)
    for (let i = end; i < this.text.length; i++) places.push(this.placeOf(i))
    const whole = this.text.slice(0, start) + text + this.text.slice(end)
    return new LineText(this.source, whole, this.base, places, this.depth)
  }

  /** Without the characters at these indexes, which ascend. */
  without(indexes: readonly number[]): LineText {
    const places: number[] = []
    const pieces: string[] = []
    let from = 0
    for (const index of [...indexes, this.text.length]) {
      pieces.push(this.text.slice(from, index))
      for (let i = from; i < index; i++) places.push(this.placeOf(i))
      from = index + 1
    }
    return new LineText(this.source, pieces.join(''), this.base, places, this.depth)
  }

  private placeOf(index: number): number {
    const { places, base } = this
    if (!places) return base + index
    return places[Math.min(index, places.length - 1)] ?? base
  }
}
