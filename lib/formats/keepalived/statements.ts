/** The statements of a block, keyword by keyword: those that are unknown, or share a line, are reported. */

import type { Report } from './report'
import { placeOf } from './report'
import type { Statement } from './tree'
import type { CheckerParameter } from './types'
import type { Word } from './words'
import { foreignBlankOf } from './words'

/** `words[0]` is the keyword. */
export interface Keyword<T> {
  /** How many words behind the keyword are read. */
  readonly values: number | ((words: readonly Word[], report: Report) => number)
  /** Whether a block may follow. */
  readonly block?: boolean
  readonly read: (
    to: T,
    statement: Statement & { readonly words: readonly [Word, ...Word[]] },
    report: Report,
  ) => void
}

export type Keywords<T> = ReadonlyMap<string, Keyword<T>>

/** Where unknown words are not reported once more. */
function reportUnknown({ words, block, span }: Statement, within: string, report: Report): void {
  const [first] = words
  if (!first || foreignBlankOf(first.text) !== undefined) return
  const { program } = report
  if (!block) {
    report.unknown('unknown-keyword', `${program} has no keyword '${first.text}' in ${within}`, span)
    return
  }
  const closes =
    within === 'the configuration' ? '' : `; it does not skip the block, and its } closes ${within} for it`
  report.unknown(
    'unknown-block',
    `${program} has no block '${first.text}' in ${within}${closes}. It is left out`,
    span,
  )
}

function reportExtra(
  words: readonly Word[],
  values: number,
  knows: (word: string) => boolean,
  report: Report,
): void {
  const extra = words.slice(values + 1)
  const [first] = extra
  if (!first) return
  const second = extra.find(({ text, quoted }) => !quoted && knows(text))
  if (second) {
    const description = `${report.program} reads one keyword in a line: '${second.text}' is not read`
    report.error('two-keywords', description, second.span, 'Write it on a line of its own.')
  } else report.warn('extra-words', `${report.program} does not read '${first.text}' here`, first.span)
}

/** `knows`: whether the program has a keyword in this block. */
export function readStatements<T>(
  to: T,
  statements: readonly Statement[],
  keywords: Keywords<T>,
  knows: (word: string) => boolean,
  within: string,
  report: Report,
): void {
  for (const statement of statements) {
    const first = statement.words[0]
    const keyword = first && !first.quoted && knows(first.text) ? keywords.get(first.text) : undefined
    if (!keyword) {
      reportUnknown(statement, within, report)
      continue
    }
    const { values } = keyword
    reportExtra(
      statement.words,
      typeof values === 'number' ? values : values(statement.words, report),
      knows,
      report,
    )
    if (statement.block && !keyword.block) {
      const description = `${(first as Word).text} has no block: it is left out; the } closes ${within} for ${report.program}`
      report.error('unexpected-block', description, statement.span)
    }
    keyword.read(to, statement as Statement & { words: readonly [Word, ...Word[]] }, report)
  }
}

/** A statement as words, with what is in its block. */
export function parameterOf({ words, block, span }: Statement): CheckerParameter {
  const [first, ...values] = words
  return {
    name: first?.text ?? '',
    values: values.map(({ text }) => text),
    parameters: block?.filter((inner) => inner.words.length > 0).map(parameterOf),
    ...placeOf(span),
  }
}
