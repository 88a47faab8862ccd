/** `~SEQ` and `~LST` at the start of a line: the rest of it once for each value (lib/parser.c:add_seq, add_lst). */

import { MOST_SEQUENCE_VALUES } from './limits'
import type { LineText } from './line-text'

export interface Sequence {
  readonly names: readonly string[]
  readonly count: number
  /** The values of the names in round `i`. */
  readonly valuesOf: (i: number) => readonly string[]
  /** What is repeated. */
  readonly rest: LineText
}

/** What is wrong with it. */
export type BadSequence = { readonly code: string; readonly description: string }

const bad = (description: string, code = 'bad-sequence'): BadSequence => ({ code, description })

/** strtol with base 0; undefined where there is no number, which strtol takes for 0. */
function integer(text: string): number | undefined {
  const match = /^([+-]?)(0[xX][0-9a-fA-F]+|\d+)$/.exec(text.trim())
  if (!match) return undefined
  const [, sign, digits] = match as unknown as [string, string, string]
  const value = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits)
  return Number.isSafeInteger(value) ? (sign === '-' ? -value : value) : undefined
}

function bounds(numbers: readonly number[]): readonly [start: number, step: number, end: number] {
  const [one, two, three] = numbers as [number, number | undefined, number | undefined]
  if (two === undefined) return [one < 0 ? -1 : 1, one < 1 ? -1 : 1, one]
  if (three === undefined) return [one, one <= two ? 1 : -1, two]
  return [one, two, three]
}

function readNumbers(line: LineText, replaced: (text: LineText) => LineText): Sequence | BadSequence {
  const match = /^~SEQ(x?)[ \t]*\([ \t]*([^ \t,){]+)[ \t]*,([^)]*)\)[ \t]*/.exec(line.text)
  if (!match) return bad('must be ~SEQ(NAME, [START, [STEP,]] END) and the text to repeat')
  const [head, x, name, list] = match as unknown as [string, string, string, string]
  const at = head.lastIndexOf(`,${list})`) + 1
  const words = replaced(line.slice(at, at + list.length)).text.split(',')
  const numbers = words.map(integer)
  if (words.length > 3 || numbers.includes(undefined)) return bad('~SEQ takes one to three whole numbers')
  const [start, step, end] = bounds(numbers as number[])
  if (step === 0 || (start < end && step < 0) || (start > end && step > 0)) {
    return bad('~SEQ never comes from its start to its end')
  }
  const hex = x === 'x'
  if (hex && (start < 0 || end < 0)) return bad('~SEQx counts from 0 on')
  const count = Math.floor((end - start) / step) + 1
  if (count > MOST_SEQUENCE_VALUES) {
    return bad(`~SEQ has ${count} values, the limit is ${MOST_SEQUENCE_VALUES}`, 'sequence-too-long')
  }
  const valuesOf = (i: number) => [(start + i * step).toString(hex ? 16 : 10)]
  return { names: [name], count, valuesOf, rest: line.slice(head.length) }
}

const SET = /^[ \t]*(?:\{([^{}]*)\}|([^,{}()]*))[ \t]*([,)])/

function readList(line: LineText): Sequence | BadSequence {
  const wrong = bad('must be ~LST(NAME, VALUE …) or ~LST({NAME, …}, {VALUE, …} …) and the text to repeat')
  const open = /^~LST[ \t]*\(/.exec(line.text)
  if (!open) return wrong
  const sets: string[][] = []
  let at = open[0].length
  for (let more = true; more; ) {
    const set = SET.exec(line.text.slice(at))
    if (!set) return wrong
    const [whole, several, one, end] = set as unknown as [string, string | undefined, string, string]
    sets.push((several ?? one).split(',').map((word) => word.trim()))
    if (sets.length > MOST_SEQUENCE_VALUES + 1) {
      return bad(`~LST has more than ${MOST_SEQUENCE_VALUES} values`, 'sequence-too-long')
    }
    at += whole.length
    more = end === ','
  }
  const [names, ...values] = sets as [string[], ...string[][]]
  if (values.length === 0 || names.some((name) => name === '')) return wrong
  if (values.some((set) => set.length > names.length)) return bad('~LST has more values than names')
  const valuesOf = (i: number) => names.map((_, k) => (values[i] as string[])[k] ?? '')
  const rest = line.slice(at + (/^[ \t]*/.exec(line.text.slice(at))?.[0].length ?? 0))
  return { names, count: values.length, valuesOf, rest }
}

export const isSequence = (text: string): boolean => /^~(?:SEQ|LST)/.test(text)

/** `replaced`: the numbers of `~SEQ` may be definitions. */
export function readSequence(
  line: LineText,
  modern: boolean,
  replaced: (text: LineText) => LineText,
): Sequence | BadSequence {
  if (!modern && /^~(?:LST|SEQx)/.test(line.text)) {
    return bad(`${line.text.slice(0, 4)} is not known to this version in that form`)
  }
  return line.text.startsWith('~SEQ') ? readNumbers(line, replaced) : readList(line)
}
