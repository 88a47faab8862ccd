/** Words of a line, or of a command line, with where they stand. */

import type { Span } from '../text/source-text'
import { SourceText } from '../text/source-text'

export interface Word {
  readonly text: string
  readonly span: Span
}

export const wordAt = (source: SourceText, offset: number, text: string): Word => ({
  text,
  span: source.span(offset, text.length),
})

/** A part of a word, from its `start`-th character. */
export const partOf = ({ text, span }: Word, start: number): Word =>
  wordAt(span.source, span.offset + start, text.slice(start))

/**
 * Splits at blanks, tabs and carriage returns (config_stream.c:config_stream_read). No quotes, no comments. The word
 * `ipvsadm` is left out wherever it stands, as there.
 */
export function wordsOfLine(source: SourceText, start: number, end: number): Word[] {
  const words: Word[] = []
  const separator = /[ \t\r]+/g
  const line = source.text.slice(start, end)
  let from = 0
  for (;;) {
    const match = separator.exec(line)
    const to = match ? match.index : line.length
    if (to > from) {
      const text = line.slice(from, to)
      if (text !== 'ipvsadm') words.push(wordAt(source, start + from, text))
    }
    if (!match) return words
    from = separator.lastIndex
  }
}

/** Words of a command line: they stand in a text of their own, joined by blanks. */
export function wordsOfArguments(argv: readonly string[], file?: string): Word[] {
  const source = new SourceText(argv.join(' '), file)
  let offset = 0
  return argv.map((text) => {
    const word = wordAt(source, offset, text)
    offset += text.length + 1
    return word
  })
}

/** From the beginning of the first word to the end of the last. */
export function spanOfWords(words: readonly Word[]): Span {
  const first = words[0] as Word
  const last = words[words.length - 1] as Word
  return first.span.source.span(first.span.offset, last.span.offset + last.span.length - first.span.offset)
}
