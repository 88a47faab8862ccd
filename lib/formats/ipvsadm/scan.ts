/** Words → options with their arguments, as popt splits them (popt.c:poptGetNextOpt). */

import type { Span } from '../text/source-text'
import type { Complaints } from './complaints'
import type { RulesDialect } from './dialects'
import type { OptionRow, OptionTable } from './options'
import { OPTION_ROWS, shownOption } from './options'
import type { Word } from './words'
import { partOf } from './words'

export interface GivenOption {
  readonly row: OptionRow
  /** Where the option stands, without its argument. */
  readonly span: Span
  readonly value: Word | undefined
}

export interface Scanned {
  readonly options: readonly GivenOption[]
  /** Words that are no options. */
  readonly rest: readonly Word[]
}

/** Hyphens, dashes and the minus sign: word processors and manuals make them of `-`. */
const DASH = /^[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]/
const DASH_NAMES: Readonly<Record<string, string>> = {
  '\u2013': 'an en dash (U+2013)',
  '\u2014': 'an em dash (U+2014)',
  '\u2212': 'a minus sign (U+2212)',
}

const codePoint = (character: string): string =>
  `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`

/** Of an option, for those who have taken one dialect for another. */
function elsewhere(matches: (row: OptionRow) => boolean): string | undefined {
  const rows = OPTION_ROWS.filter(matches)
  if (rows.length === 0) return undefined
  return rows
    .map((row) => `${shownOption(row)} is --${row.long} in ${row.dialects.join(', ')}`)
    .join('; ')
    .concat('.')
}

class Scanner {
  readonly options: GivenOption[] = []
  readonly rest: Word[] = []
  private next = 0
  private onlyRest = false
  /** The word before was no option that is known here: what follows may be its argument. */
  private lost = false

  constructor(
    private readonly words: readonly Word[],
    private readonly table: OptionTable,
    private readonly complaints: Complaints,
  ) {}

  run(): void {
    while (this.next < this.words.length) {
      const word = this.words[this.next++] as Word
      const { text } = word
      if (this.onlyRest || text === '-' || (text[0] !== '-' && !DASH.test(text))) {
        if (!this.lost) this.rest.push(word)
        continue
      }
      this.lost = false
      if (text === '--') this.onlyRest = true
      else if (text[0] === '-') this.option(word)
      else this.dashed(word)
    }
  }

  /** A word that begins with another dash: taken as what was meant, which no tool does. */
  private dashed(word: Word): void {
    const dash = word.text[0] as string
    const name = DASH_NAMES[dash] ?? `a dash (${codePoint(dash)})`
    const plain = word.text.replace(/^[\u2010-\u2015\u2212\ufe58\ufe63\uff0d-]+/, '')
    const long = plain.length > 1 && this.table.long.has(plain.replace(/=.*/, ''))
    const meant = `${long ? '--' : '-'}${plain}`
    this.complaints.warn(
      'dash',
      `${name} instead of '-'`,
      word.span.source.span(word.span.offset, 1),
      `Write ${meant}; ipvsadm takes it for an argument.`,
    )
    const from = word.text.length - plain.length
    if (plain === '') this.rest.push(word)
    else if (long) this.long(word, from)
    else this.cluster(word, from)
  }

  private option(word: Word): void {
    if (word.text[1] === '-') this.long(word, 2)
    else this.cluster(word, 1)
  }

  private unknown(shown: string, span: Span, hint: string | undefined): void {
    const { dialect } = this.table
    if (shown === '--xxx-service') {
      const why = "ipvsadm prints '--xxx-service' for a protocol that it has no option for"
      this.complaints.error('unknown-protocol', `${why}: which one is lost`, span)
    } else {
      this.complaints.error('unknown-option', `no option ${shown} in ${dialect}`, span, hint)
    }
    this.lost = true
  }

  /** `--long`, `--long=value`, `--long value`; the name begins at `from`. */
  private long(word: Word, from: number): void {
    const equals = word.text.indexOf('=', from)
    const name = word.text.slice(from, equals < 0 ? undefined : equals)
    const row = this.table.long.get(name)
    const span = word.span.source.span(word.span.offset, equals < 0 ? word.text.length : equals)
    if (!row) {
      this.unknown(
        `--${name}`,
        span,
        elsewhere(({ long }) => long === name),
      )
      return
    }
    const given = equals < 0 ? undefined : partOf(word, equals + 1)
    if (row.argument === 'none' && given) {
      this.complaints.error('unwanted-argument', `--${name} takes no argument`, given.span)
      return
    }
    this.take(row, span, given)
  }

  /** `-a`, `-at ADDRESS`, `-tADDRESS`, `-t=ADDRESS`; the letters begin at `from`. */
  private cluster(word: Word, from: number): void {
    const { source, offset } = word.span
    for (let i = from; i < word.text.length; i++) {
      const letter = String.fromCodePoint(word.text.codePointAt(i) as number)
      const row = this.table.short.get(letter)
      const first = i === from ? 0 : i
      const span = source.span(offset + first, i + letter.length - first)
      if (!row) {
        const long = this.table.long.has(word.text.slice(from)) ? `Write -${word.text}.` : undefined
        this.unknown(`-${letter}`, span, long ?? elsewhere(({ short }) => short === letter))
        return
      }
      const hasMore = i + 1 < word.text.length
      if (row.argument === 'none') {
        if (word.text[i + 1] === '=') {
          this.complaints.error('unwanted-argument', `-${letter} takes no argument`, span)
          return
        }
        this.take(row, span, undefined)
        continue
      }
      this.take(row, span, hasMore ? partOf(word, word.text[i + 1] === '=' ? i + 2 : i + 1) : undefined)
      return
    }
  }

  /** `attached`: the argument that stands in the same word. */
  private take(row: OptionRow, span: Span, attached: Word | undefined): void {
    let value = attached
    if (row.argument !== 'none' && value === undefined) {
      const following = this.words[this.next]
      // An argument that has to be there is whatever word follows; one that may be there is none that begins with '-'.
      const taken = following && (row.argument === 'required' || !isOption(following.text))
      if (taken) {
        value = following
        this.next++
        this.warnOfOption(row, following)
      } else if (row.argument === 'required') {
        this.missing(row, span)
        return
      }
    }
    this.options.push({ row, span, value })
  }

  private warnOfOption(row: OptionRow, { text, span }: Word): void {
    const known =
      text[0] === '-' && (this.table.short.has(text.slice(1)) || this.table.long.has(text.slice(2)))
    if (!known) return
    const description = `${text} is taken for the argument of ${shownOption(row)}`
    this.complaints.warn(
      'option-as-argument',
      description,
      span,
      'ipvsadm does so: an argument that must be there is whatever follows.',
    )
  }

  private missing(row: OptionRow, span: Span): void {
    const printed =
      row.long === 'sched-flags'
        ? "ipvsadm -S prints '-b ' alone for flags that it has no names for, flag-3 of sh and mh: which, is lost."
        : undefined
    this.complaints.error('missing-argument', `${shownOption(row)} needs an argument`, span, printed)
  }
}

const isOption = (text: string): boolean => text[0] === '-' || DASH.test(text)

export function scanOptions(words: readonly Word[], table: OptionTable, complaints: Complaints): Scanned {
  const scanner = new Scanner(words, table, complaints)
  scanner.run()
  return scanner
}

/** What the letter of an option means in other dialects, for a hint. */
export function elsewhereMeans(row: OptionRow, dialect: RulesDialect): string | undefined {
  if (row.short === undefined) return undefined
  return elsewhere(({ short, dialects }) => short === row.short && !dialects.includes(dialect))
}
