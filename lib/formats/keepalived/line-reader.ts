/** Lines as the parser of blocks sees them: without comments, includes read, definitions replaced, sequences repeated. */

import type { SourceText } from '../text/source-text'
import { uncomment } from './comments'
import type { Definitions } from './definitions'
import type { Includes } from './includes'
import { MOST_EXPANDED_LINES, MOST_EXPANSION_DEPTH } from './limits'
import { LineText } from './line-text'
import type { Report } from './report'
import type { Sequence } from './sequences'
import { isSequence, readSequence } from './sequences'

/** Where lines come from; the last one is read first. */
type Frame =
  | { readonly kind: 'file'; readonly source: SourceText; at: number }
  | { readonly kind: 'queue'; readonly sources: readonly SourceText[]; at: number }
  | { readonly kind: 'lines'; readonly lines: readonly LineText[]; at: number }
  | { readonly kind: 'sequence'; readonly sequence: Sequence; readonly line: LineText; at: number }

export interface ReadLine {
  readonly line: LineText
  readonly unclosedQuote: number | undefined
}

const NOTHING = Symbol('nothing')

export class LineReader {
  private readonly frames: Frame[]
  private expanded = 0

  constructor(
    source: SourceText,
    private readonly report: Report,
    private readonly definitions: Definitions,
    private readonly includes: Includes,
    private readonly configId: string | undefined,
  ) {
    this.frames = [{ kind: 'file', source, at: 0 }]
  }

  /** The next line with something on it; undefined at the end. */
  next(): ReadLine | undefined {
    for (let frame = this.top(); frame; frame = this.top()) {
      const line = this.lineOf(frame)
      const read = line && this.read(line, frame.kind === 'file')
      if (read && read !== NOTHING) return read as ReadLine
    }
    return undefined
  }

  private top(): Frame | undefined {
    return this.frames[this.frames.length - 1]
  }

  /** Undefined where the frame is done: it is gone then. */
  private lineOf(frame: Frame): LineText | undefined {
    if (frame.kind === 'file') {
      const line = this.lineOfFile(frame)
      if (!line) this.frames.pop()
      return line
    }
    if (frame.kind === 'queue') {
      const source = frame.sources[frame.at++]
      if (source) this.frames.push({ kind: 'file', source, at: 0 })
      else this.frames.pop()
      return undefined
    }
    const line = frame.kind === 'lines' ? frame.lines[frame.at] : frame.line
    const count = frame.kind === 'lines' ? frame.lines.length : frame.sequence.count
    if (frame.kind === 'sequence' && frame.at < count) {
      const values = frame.sequence.valuesOf(frame.at)
      frame.sequence.names.forEach((name, i) => {
        this.definitions.set(name, values[i] as string)
      })
    }
    // A frame that is done goes before its last line is read, and what that line makes comes in its place.
    if (++frame.at >= count) this.frames.pop()
    if (!line) return undefined
    if (++this.expanded > MOST_EXPANDED_LINES) {
      const description = `definitions and sequences make more than ${MOST_EXPANDED_LINES} lines: the rest is not read`
      this.report.error('too-many-lines', description, line.span())
      this.frames.length = 0
      return undefined
    }
    return line
  }

  private lineOfFile(frame: Frame & { readonly kind: 'file' }): LineText | undefined {
    const { source } = frame
    const { text } = source
    const { report } = this
    const { policy } = report
    let start = frame.at
    // Empty lines count only where they end a definition.
    if (!this.definitions.isOpen) while (text.charCodeAt(start) === 10) start++
    if (start >= text.length) return undefined
    const newline = text.indexOf('\n', start)
    const whole = newline < 0 ? text.length : newline
    const carriage = text.slice(start, whole).indexOf('\r')
    const end = carriage < 0 ? whole : start + carriage
    const alone = end < whole - 1 || (carriage >= 0 && newline < 0)
    if (alone && !policy.carriageReturnEnds && end < text.length - 1) {
      const description = `a carriage return alone ends no line for ${report.program}, which reads one long line here`
      report.error('carriage-return', description, source.span(end, 1))
    }
    frame.at = alone ? end + 1 : whole + 1
    const line = LineText.of(source, start, end)
    const bytes = line.text.length * 3 > policy.lineBytes ? Buffer.byteLength(line.text) : 0
    if (bytes > policy.lineBytes) {
      const description = `a line of ${bytes} bytes, of which ${report.program} reads ${policy.lineBytes} at most: it is left out`
      report.error('line-too-long', description, line.span(0, 1))
      return LineText.of(source, start, start)
    }
    if (policy.needsLastNewline && end >= text.length && line.text.trim() !== '') {
      report.warn('lost-line', `${report.program} does not read a last line without a newline`, line.span())
    }
    return line
  }

  /** `NOTHING` where the line is used up. */
  private read(given: LineText, fromFile: boolean): ReadLine | typeof NOTHING {
    const { definitions, report } = this
    let { line, unclosedQuote, continued } = uncomment(given, report.policy)
    if (definitions.isOpen && fromFile) {
      definitions.extend(line, continued)
      return NOTHING
    }
    if (report.policy.definitions) {
      for (let round = 0; line.text !== ''; round++) {
        const conditioned = this.conditioned(line)
        if (!conditioned) return NOTHING
        const removed = line.text.length - conditioned.text.length
        if (unclosedQuote !== undefined) unclosedQuote = Math.max(0, unclosedQuote - removed)
        line = conditioned
        if (line.text[0] === '$' && definitions.define(line, continued)) return NOTHING
        if (isSequence(line.text)) return this.pushSequence(line)
        const { line: replaced, following, changed } = definitions.replace(line)
        if (following.length > 0) this.push({ kind: 'lines', lines: following, at: 0 }, line)
        if (!changed) break
        ;({ line, unclosedQuote } = uncomment(replaced, report.policy))
        if (!/^[@~$]/.test(line.text) || round >= MOST_EXPANSION_DEPTH) break
      }
    }
    if (line.text === '') return NOTHING
    if (continued && report.policy.comments === 'anywhere') {
      report.warn('backslash', 'a backslash at the end of a line continues definitions only', line.span())
    }
    const include = this.includes.pathOf(line)
    if (!include) return { line, unclosedQuote }
    const sources = this.includes.read(include, line, this.openFiles())
    this.frames.push({ kind: 'queue', sources, at: 0 })
    return NOTHING
  }

  private openFiles(): readonly (string | undefined)[] {
    const names: (string | undefined)[] = []
    for (const frame of this.frames) if (frame.kind === 'file') names.push(frame.source.file)
    return names
  }

  /** What stands behind `@id`, where it counts. */
  private conditioned(line: LineText): LineText | undefined {
    const { configId, report } = this
    if (line.text[0] !== '@') return line
    const match = /^@(\^?)([^ \t]*)[ \t]+/.exec(line.text)
    if (!match) return undefined
    if (configId === undefined) {
      const description = `'${match[0].trim()}' asks for the configuration id, which is not given: the line is left out`
      return report.error(
        'config-id',
        description,
        line.span(),
        'Give options.configId, what keepalived is given as -i.',
      )
    }
    return (match[2] === configId) !== (match[1] === '^') ? line.slice(match[0].length) : undefined
  }

  private pushSequence(line: LineText): typeof NOTHING {
    const { report, definitions } = this
    const sequence = readSequence(line, report.policy.modern, (text) => definitions.replace(text).line)
    if ('code' in sequence) report.error(sequence.code, sequence.description, line.span())
    else this.push({ kind: 'sequence', sequence, line: sequence.rest.deeper(), at: 0 }, line)
    return NOTHING
  }

  private push(frame: Frame, line: LineText): void {
    if (line.depth >= MOST_EXPANSION_DEPTH) {
      const description = `more than ${MOST_EXPANSION_DEPTH} sequences and definitions within each other`
      this.report.error('definition-recursion', description, line.span())
    } else this.frames.push(frame)
  }
}
