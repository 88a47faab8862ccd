/** What is wrong in a text: all of it is collected, with where it stands. */

import { inspect } from 'util'
import type { Span } from './source-text'

/** An error makes what it is about unusable; a warning does not. */
export type Severity = 'error' | 'warning'

export interface TextProblemDetails {
  /** Stable, in words: `'unknown-option'`. */
  readonly code: string
  /** Plain words, without the position. */
  readonly description: string
  /** One sentence on what to do. */
  readonly hint?: string | undefined
}

/** Columns of a code frame. */
const FRAME_WIDTH = 100

function codeFrame({ source, offset, length }: Span): string {
  const { line, column } = source.position(offset)
  const text = source.lineText(line)
  const number = `${line} | `
  const from = Math.max(0, column - 1 - FRAME_WIDTH / 2)
  const shown = text.slice(from, from + FRAME_WIDTH).replace(/\p{Cc}/gu, ' ')
  const marks = Math.max(1, Math.min(length, shown.length - (column - 1 - from)))
  return `${number}${shown}\n${' '.repeat(number.length + column - 1 - from)}${'^'.repeat(marks)}`
}

/**
 * A problem in a text: thrown where the text cannot be used, and in `errors` and `warnings` where all problems are given.
 * `util.inspect` shows the line with the place marked.
 */
export class IpvsTextError extends Error {
  /** Stable, in words: `'unknown-option'`. */
  readonly code: string
  /** Whether what was read can be used. */
  readonly severity: Severity
  readonly file: string | undefined
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units. */
  readonly column: number
  readonly hint: string | undefined
  /** The line with the place marked. */
  readonly frame: string

  constructor(severity: Severity, { code, description, hint }: TextProblemDetails, span: Span) {
    const { line, column } = span.source.position(span.offset)
    const { file } = span.source
    super(`${file ?? 'text'}:${line}:${column}: ${description}`)
    Object.defineProperty(this, 'name', { value: 'IpvsTextError', configurable: true, writable: true })
    this.code = code
    this.severity = severity
    this.file = file
    this.line = line
    this.column = column
    this.hint = hint
    this.frame = codeFrame(span)
  }

  /** Every property, for `JSON.stringify`. */
  toJSON(): Record<string, unknown> {
    const { name, message, code, severity, file, line, column, hint } = this
    return { name, message, code, severity, file, line, column, hint }
  }

  /** @internal */
  [inspect.custom](): string {
    const hint = this.hint === undefined ? '' : `\n  ${this.hint}`
    return `${this.severity}: ${this.message} [${this.code}]\n${this.frame}${hint}`
  }
}

/** Problems of one text beyond this many are counted only: a binary file has one in every line. */
export const MOST_PROBLEMS = 1000

export class Problems {
  readonly errors: IpvsTextError[] = []
  readonly warnings: IpvsTextError[] = []
  /** How many there were beyond `MOST_PROBLEMS`. */
  omitted = 0

  error(details: TextProblemDetails, span: Span): void {
    this.add('error', details, span)
  }

  warn(details: TextProblemDetails, span: Span): void {
    this.add('warning', details, span)
  }

  private add(severity: Severity, details: TextProblemDetails, span: Span): void {
    const list = severity === 'error' ? this.errors : this.warnings
    if (list.length >= MOST_PROBLEMS) {
      this.omitted++
      return
    }
    list.push(withoutStack(() => new IpvsTextError(severity, details, span)))
  }
}

/** A stack of the parser tells nobody anything, and costs more than the problem. */
function withoutStack<T>(make: () => T): T {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return make()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}
