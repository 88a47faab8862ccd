/** Which program rules were written for, from what only some of them say. */

import { Problems } from '../text/problems'
import { readText } from '../text/read-text'
import type { Position } from '../text/source-text'
import { Complaints } from './complaints'
import type { RulesDialect } from './dialects'
import { RULES_DIALECTS } from './dialects'
import { forEachLine, MOST_RULES } from './parse-rules'
import { readRule } from './read-rule'
import type { Word } from './words'
import { spanOfWords, wordsOfLine } from './words'

/** A word that only some dialects have. */
export interface DialectMark extends Position {
  /** The rule that tells something. */
  readonly text: string
  /** The dialects that could have it. */
  readonly dialects: readonly RulesDialect[]
}

/** Which ipvsadm wrote a text, as far as it shows. */
export interface DetectedDialect {
  readonly dialect: RulesDialect | 'unsure'
  /** Those that all rules fit; none where they contradict each other. */
  readonly candidates: readonly RulesDialect[]
  /** The rules that excluded a dialect that was still possible. */
  readonly marks: readonly DialectMark[]
}

/** What is said in a way that only one program's -S has, though others read it, too. */
const PRINTS: readonly {
  readonly by: readonly RulesDialect[]
  readonly has: (words: readonly Word[]) => boolean
}[] = [
  // ipvsadm.c:fwd_switch
  { by: ['alibaba-v2', 'mainline'], has: (words) => words.some(({ text }) => text === '(null)') },
  // ipvsadm.c:print_service_entry: with every service, and nobody types what is so anyhow
  {
    by: ['alibaba-v3'],
    has: (words) =>
      words[0]?.text === '-A' &&
      words.some(({ text }, i) => text === '-j' && words[i + 1]?.text === 'disable'),
  },
]

/** Any address will do: names are no reason to think of another dialect. */
const RESOLVER = { host: () => '192.0.2.1', service: () => 1 } as const

/**
 * `'unsure'` where more than one dialect fits, which is most often so: a table without FULLNAT looks the same in all of them.
 * Throws as `parseRules` does where the text cannot be read, and reads as many rules.
 */
export function detectDialect(text: string | Uint8Array): DetectedDialect {
  const source = readText(text)
  const marks: DialectMark[] = []
  // Nobody sees them; in one list, most are only counted.
  const problems = new Problems()
  let candidates = RULES_DIALECTS
  let count = 0
  forEachLine(source.text, (start, end) => {
    const words = source.text[start] === '#' ? [] : wordsOfLine(source, start, end)
    if (words.length === 0) return true
    if (++count > MOST_RULES) return false
    const span = spanOfWords(words)
    const fits = (dialect: RulesDialect) => {
      const complaints = new Complaints(problems)
      return (
        readRule(words, span, { dialect, complaints, resolver: RESOLVER, nullMeans: 'fullnat' }) !== undefined
      )
    }
    const print = PRINTS.find(({ has }) => has(words))
    if (!print && candidates.every(fits)) return true
    const dialects = print?.by ?? RULES_DIALECTS.filter(fits)
    // A rule that is wrong everywhere tells nothing.
    if (dialects.length === 0) return true
    const left = candidates.filter((dialect) => dialects.includes(dialect))
    if (left.length < candidates.length) {
      marks.push({ text: source.text.slice(start, end).trim(), ...source.position(start), dialects })
      candidates = left
    }
    return candidates.length > 0
  })
  const [only, second] = candidates
  const dialect = only !== undefined && second === undefined ? only : 'unsure'
  return { dialect, candidates, marks }
}
