/** Statements within their blocks, as people mean them; where a program reads them otherwise, that is reported. */

import type { Span } from '../text/source-text'
import { MOST_BLOCK_DEPTH, MOST_BLOCK_STATEMENTS, MOST_STATEMENTS } from './limits'
import type { LineReader, ReadLine } from './line-reader'
import type { Report } from './report'
import { withoutSlashComments } from './slash-comments'
import type { Brace, Token, Word } from './words'
import { foreignBlankOf, isBrace, tokensOf } from './words'

export interface Statement {
  /** The first one is the keyword. Empty where a block begins without one. */
  readonly words: readonly Word[]
  readonly span: Span
  /** The rest of the line behind the keyword, quotes and all: what scripts are read from. */
  readonly rest: string
  /** Undefined where it has no block. */
  block: Statement[] | undefined
}

interface Open {
  readonly statement: Statement
  readonly brace: Span
}

/** Blocks that begin even where the `{` is forgotten, by the block that they stand in. */
const BLOCKS: Readonly<Record<string, string>> = {
  global_defs: '',
  virtual_server: '',
  virtual_server_group: '',
  local_address_group: '',
  real_server: 'virtual_server',
}

class TreeBuilder {
  private readonly open: Open[] = []
  /** The statement that a `{` would belong to. */
  private last: Statement | undefined
  private tooDeep = 0
  private count = 0
  /** Of the block at the top that is open. */
  private within = 0

  constructor(
    private readonly report: Report,
    /** Is given every statement of the top once it is whole: nothing else keeps it. */
    private readonly emit: (statement: Statement) => void,
  ) {}

  get isFull(): boolean {
    return this.count >= MOST_STATEMENTS
  }

  line({ line, unclosedQuote }: ReadLine): void {
    const { report } = this
    if (unclosedQuote !== undefined) {
      const description = 'a quote that nothing ends in its line'
      report.error('unclosed-quote', description, line.span(unclosedQuote, unclosedQuote + 1))
    }
    const tokens = withoutSlashComments(tokensOf(line), report)
    this.reportOneLineBlocks(tokens)
    let words: Word[] = []
    const flush = () => {
      const [first] = words
      if (!first) return
      const last = words[words.length - 1] as Word
      const end = words.length > 1 ? last.end : first.end
      this.statement(words, line.text.slice(first.end, end).trim())
      words = []
    }
    for (const token of tokens) {
      if (!isBrace(token)) {
        words.push(token)
        continue
      }
      flush()
      if (token.brace === '{') this.begin(token)
      else this.close(token)
    }
    flush()
  }

  end(): void {
    this.settle()
    const [first] = this.open
    for (const { statement, brace } of this.open) {
      const name = statement.words[0]?.text ?? '{'
      this.report.error('unclosed-block', `the block of ${name} is not closed`, brace)
    }
    if (first) this.emit(first.statement)
  }

  /** For 1.2.2 a line is one keyword with its values, and a `}` is one where the line begins with it. */
  private reportOneLineBlocks(tokens: readonly Token[]): void {
    const { report } = this
    if (report.policy.braces !== 'first-word') return
    const at = tokens.findIndex(
      (token, i) => isBrace(token) && (token.brace === '}' ? i > 0 : i < tokens.length - 1),
    )
    const token = tokens[at]
    const first = tokens[0]
    const tail = first && isBrace(first) && first.brace === '}' && tokens.length > 1
    if (token || tail) {
      const description = `${report.program} reads one keyword in a line, and a } only where it begins one: the block is another one there`
      report.warn(
        'one-line-block',
        description,
        (token ?? (first as Token)).span,
        'Write each on a line of its own.',
      )
      return
    }
    const last = tokens[tokens.length - 1]
    const before = tokens[tokens.length - 2]
    if (last && isBrace(last) && last.glued && before && !isBrace(before) && !/^\d/.test(before.text)) {
      report.warn('brace-in-word', `for ${report.program} the word is '${before.text}{'`, before.span)
    }
  }

  /** Puts it where it belongs, unless there are too many: it is then read and forgotten. */
  private attach(statement: Statement): void {
    this.count++
    const parent = this.open[this.open.length - 1]
    if (!parent) return
    if (++this.within <= MOST_BLOCK_STATEMENTS) (parent.statement.block as Statement[]).push(statement)
    else if (this.within === MOST_BLOCK_STATEMENTS + 1) {
      const description = `more than ${MOST_BLOCK_STATEMENTS} keywords in one block: the rest of it is left out`
      this.report.error('block-too-large', description, statement.span)
    }
  }

  private statement(words: readonly Word[], rest: string): void {
    this.settle()
    const [first] = words as [Word]
    const last = words[words.length - 1] as Word
    const { source, offset } = first.span
    const length =
      last.span.source === source ? last.span.offset + last.span.length - offset : first.span.length
    const statement: Statement = {
      words,
      rest,
      span: source.span(offset, Math.max(1, length)),
      block: undefined,
    }
    this.attach(statement)
    this.last = statement
    for (const { text, span } of words) {
      const blank = foreignBlankOf(text)
      if (blank === undefined) continue
      const description = `${blank} is no blank for ${this.report.program}: it belongs to the word '${text}', which nothing knows`
      this.report.error('foreign-blank', description, span, 'Write blanks or tabs.')
    }
  }

  /** The statement before has no `{`. */
  private settle(): void {
    const { last, report } = this
    this.last = undefined
    if (!last || last.block) return
    const name = last.words[0]?.text ?? ''
    const { open } = this
    const within = open.length > 0 ? ((open[open.length - 1] as Open).statement.words[0]?.text ?? '') : ''
    if (!Object.prototype.hasOwnProperty.call(BLOCKS, name) || BLOCKS[name] !== within) {
      if (open.length === 0) this.emit(last)
      return
    }
    if (report.policy.braces === 'anywhere') {
      report.warn(
        'missing-brace',
        `${name} has no {; ${report.program} takes what follows for its block`,
        last.span,
      )
    }
    last.block = []
    this.open.push({ statement: last, brace: last.span })
  }

  private begin(brace: Brace): void {
    const { report } = this
    if (this.tooDeep > 0 || this.open.length >= MOST_BLOCK_DEPTH) {
      if (this.tooDeep++ === 0) {
        report.error(
          'too-deep',
          `more than ${MOST_BLOCK_DEPTH} blocks within each other: they are left out`,
          brace.span,
        )
      }
      return
    }
    let statement = this.last
    this.last = undefined
    if (!statement || statement.block) {
      report.error('unexpected-brace', 'a { without a keyword before it: its block is left out', brace.span)
      statement = { words: [], rest: '', span: brace.span, block: undefined }
    }
    statement.block = []
    this.open.push({ statement, brace: brace.span })
  }

  private close(brace: Brace): void {
    if (this.tooDeep > 0) {
      this.tooDeep--
      return
    }
    this.settle()
    const closed = this.open.pop()
    if (!closed) this.report.error('extra-brace', 'a } that closes nothing', brace.span)
    else if (this.open.length === 0) {
      this.within = 0
      this.emit(closed.statement)
    }
  }
}

/** Everything that the reader gives, a statement of the top at a time. */
export function readTree(reader: LineReader, report: Report, emit: (statement: Statement) => void): void {
  const builder = new TreeBuilder(report, emit)
  for (let line = reader.next(); line; line = reader.next()) {
    if (builder.isFull) {
      const description = `more than ${MOST_STATEMENTS} keywords: the rest is not read`
      report.error('too-many-statements', description, line.line.span())
      break
    }
    builder.line(line)
  }
  builder.end()
}
