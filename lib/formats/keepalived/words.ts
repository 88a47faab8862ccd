/** A line as words and braces. */

import type { Span } from '../text/source-text'
import type { LineText } from './line-text'

export interface Word {
  /** Without quotes. */
  readonly text: string
  readonly quoted: boolean
  readonly span: Span
  /** Index in its line, behind its end. */
  readonly end: number
}

export interface Brace {
  readonly brace: '{' | '}'
  readonly span: Span
  /** Index in its line. */
  readonly index: number
  /** Something other than a blank stands right before it. */
  readonly glued: boolean
}

export type Token = Word | Brace

export const isBrace = (token: Token): token is Brace => 'brace' in token

/** `${NAME}` that was not replaced is a part of its word. */
const WORD = /(?:\$\{[^{}"\s]*\}|[^ \t\v\f\r"{}])+/y

/** Blanks, tabs and the like part words; so do quotes and braces. A quote that nothing ends goes to the end of the line. */
export function tokensOf(line: LineText): Token[] {
  const { text } = line
  const tokens: Token[] = []
  for (let i = 0; i < text.length; ) {
    const char = text[i] as string
    if (/[ \t\v\f\r]/.test(char)) {
      i++
    } else if (char === '"') {
      const close = text.indexOf('"', i + 1)
      const end = close < 0 ? text.length : close
      const next = close < 0 ? end : end + 1
      tokens.push({ text: text.slice(i + 1, end), quoted: true, span: line.span(i, next), end: next })
      i = next
    } else if (char === '{' || char === '}') {
      const glued = i > 0 && !/[ \t]/.test(text[i - 1] as string)
      tokens.push({ brace: char, span: line.span(i, i + 1), index: i, glued })
      i++
    } else {
      WORD.lastIndex = i
      const word = WORD.exec(text)?.[0] ?? char
      const end = i + word.length
      tokens.push({ text: word, quoted: false, span: line.span(i, end), end })
      i = end
    }
  }
  return tokens
}

const FOREIGN_BLANK = /[\u0085\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]/

/** A blank that people see and keepalived does not: `'U+3000'`. */
export function foreignBlankOf(text: string): string | undefined {
  const found = FOREIGN_BLANK.exec(text)?.[0]
  if (found === undefined) return undefined
  return `U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`
}
