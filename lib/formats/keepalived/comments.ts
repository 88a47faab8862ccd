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
function uncommentAnywhere(line: LineText): Uncommented {
  const { text } = line
  const escapes: number[] = []
  let quote = -1
  let end = text.length
  let continued = false
  for (let i = 0; i < end; i++) {
    const char = text[i]
    if (char === '"') {
      quote = quote < 0 ? i - escapes.length : -1
    } else if (char === '\\') {
      const next = text[i + 1]
      if (next === undefined) {
        end = i
        quote = -1
        continued = true
      } else {
        if (quote < 0 && (next === '#' || next === '!')) escapes.push(i)
        i++
      }
    } else if (quote < 0 && (char === '#' || char === '!')) {
      end = i
    }
  }
  const plain = escapes.length > 0 ? line.slice(0, end).without(escapes) : line.slice(0, end)
  return { line: trimmed(plain), unclosedQuote: quote < 0 ? undefined : quote, continued }
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
