/** Lines of a file of the kernel, and the error for one that cannot be read. */

import { ownError } from '../errors/ipvs-error'

/** Whose text it is. */
export interface TextSource {
  /** Its path. */
  readonly file: string
  /** The method that reads it. */
  readonly operation: string
}

/** Characters of a line that the error tells. */
const TEXT_MAX = 200

/** The lines of a text, one after the other; the kernel ends every line of every file. */
export class Lines {
  private readonly lines: readonly string[]
  private at = 0

  constructor(
    text: string,
    private readonly source: TextSource,
  ) {
    this.lines = text.split('\n')
  }

  /** Behind the last whole line; what comes then is an unfinished one, or nothing. */
  get ended(): boolean {
    return this.at >= this.lines.length - 1
  }

  /** The line that comes next, undefined where there is no whole one. */
  peek(): string | undefined {
    return this.ended ? undefined : this.lines[this.at]
  }

  /** Throws where the text ends instead. */
  next(): string {
    if (this.ended) throw this.malformed(this.at)
    return this.lines[this.at++] as string
  }

  /** The next line in the form that is expected; throws where it has another. */
  match(form: RegExp): RegExpExecArray {
    const match = form.exec(this.next())
    if (!match) throw this.malformed(this.at - 1)
    return match
  }

  /** The same, where it may be something else as well: it stays the next one then. */
  take(form: RegExp): RegExpExecArray | undefined {
    const match = this.ended ? null : form.exec(this.lines[this.at] as string)
    if (!match) return undefined
    this.at++
    return match
  }

  /** Throws unless the text is over. */
  end(): void {
    if (!this.ended || this.lines[this.at] !== '') throw this.malformed(this.at)
  }

  /** The line that `next` or `match` gave last is wrong all the same. */
  refuse(): never {
    throw this.malformed(this.at - 1)
  }

  private malformed(index: number): Error {
    const { file, operation } = this.source
    const text = this.lines[index] as string
    const last = index === this.lines.length - 1
    const what = last ? (text === '' ? 'ends before' : 'ends within') : 'cannot be read at'
    return ownError('ERR_IPVS_MALFORMED_FILE', {
      operation,
      description: `${file} ${what} line ${index + 1}`,
      file,
      line: index + 1,
      text: text.slice(0, TEXT_MAX),
    })
  }
}
