/** Comments of a line, and blanks around it, taken away. */

import type { ReadingPolicy } from './dialects'
import type { LineText } from './line-text'

export interface Uncommented {
  readonly line: LineText
  /** Index in `line` of a quote that nothing ends. */
  readonly unclosedQuote: number | undefined
  /** It ended in a backslash, which is not in `line`: a definition goes on. */
  readonly continued: boolean
}

function trimmed(line: LineText): LineText {
  const start = /^[ \t\v\f\r]*/.exec(line.text)?.[0].length ?? 0
  let end = line.text.length
  while (end > start && /[ \t\v\f\r]/.test(line.text[end - 1] as string)) end--
  return start === 0 && end === line.text.length ? line : line.slice(start, end)
}

/** lib/parser.c:decomment. */
function uncommentAnywhere(given: LineText): Uncommented {
  let line = given
  let quote = -1
  for (let i = 0; i < line.text.length; i++) {
    const char = line.text[i]
    if (char === '"') {
      quote = quote < 0 ? i : -1
    } else if (char === '\\') {
      const next = line.text[i + 1]
      if (next === undefined) {
        return { line: trimmed(line.slice(0, i)), unclosedQuote: undefined, continued: true }
      }
      if (quote < 0 && (next === '#' || next === '!')) line = line.replace(i, i + 1, '')
      else i++
    } else if (quote < 0 && (char === '#' || char === '!')) {
      line = line.slice(0, i)
      break
    }
  }
  return { line: trimmed(line), unclosedQuote: quote < 0 ? undefined : quote, continued: false }
}

/** 1.2.2, lib/parser.c:alloc_strvec: `"` begins a word as well, and quotes do not protect. */
function uncommentAtWords({ text }: LineText, line: LineText): Uncommented {
  let quotes = 0
  let last = -1
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    const starts = i === 0 || /[\s"]/.test(text[i - 1] as string)
    if (starts && (char === '#' || char === '!')) {
      line = trimmed(line.slice(0, i))
      break
    }
    if (char === '"') {
      quotes++
      last = i
    }
  }
  return { line, unclosedQuote: quotes % 2 === 1 ? last : undefined, continued: false }
}

export function uncomment(given: LineText, policy: ReadingPolicy): Uncommented {
  const line = trimmed(given)
  return policy.comments === 'anywhere' ? uncommentAnywhere(line) : uncommentAtWords(line, line)
}
