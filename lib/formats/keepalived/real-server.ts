/** `real_server` and its checkers. */

import { INT_MAX, U32_MAX } from '../../input/values'
import type { AddressFamily } from '../../model/address'
import type { Method } from './forwarding'
import { methodValues, readMethod } from './forwarding'
import { CHECKER_DEFAULTS, CHECKER_WORDS, CHECKERS, REAL_SERVER_KEYWORDS, UNUSED_SETTINGS } from './keywords'
import type { Report } from './report'
import { placeOf } from './report'
import type { Keyword } from './statements'
import { parameterOf, readStatements } from './statements'
import type { Statement } from './tree'
import type { CheckerParameter, TextPlace } from './types'
import { readAddress, readNumber, readPort, readSwitch } from './values'
import type { Word } from './words'

export interface ReadChecker extends TextPlace {
  readonly kind: string
  readonly parameters: readonly CheckerParameter[]
}

/** Filled in keyword by keyword. */
export interface RealServer {
  readonly statement: Statement
  readonly address: string
  readonly family: AddressFamily
  /** 0: not named. */
  readonly port: number
  weight: number | undefined
  method: Method | undefined
  upperThreshold: { readonly value: number; readonly word: Word } | undefined
  lowerThreshold: { readonly value: number; readonly word: Word } | undefined
  inhibit: boolean | undefined
  alpha: boolean | undefined
  notifyUp: string | undefined
  notifyDown: string | undefined
  readonly parameters: CheckerParameter[]
  readonly checkers: ReadChecker[]
}

type Reader = Keyword<RealServer>
const line = (values: number, read: Reader['read']): Reader => ({ values, read })

/** Words of a checker are kept as they stand; those that no checker of the program has are reported. */
function reportCheckerWords(statements: readonly Statement[], kind: string, report: Report): void {
  const known = CHECKER_WORDS[report.dialect]
  for (const { words, block, span } of statements) {
    const name = words[0]?.text ?? ''
    if (name !== '' && !known.has(name)) {
      report.unknown('unknown-keyword', `${report.program} has no keyword '${name}' in ${kind}`, span)
    }
    if (block) reportCheckerWords(block, name, report)
  }
}

const checker: Reader = {
  values: 0,
  block: true,
  read: (real, { words: [keyword], block, span }, report) => {
    const kind = keyword.text
    if (!block) report.error('missing-block', `${kind} has no block`, span)
    reportCheckerWords(block ?? [], kind, report)
    const parameters = (block ?? []).filter(({ words }) => words.length > 0).map(parameterOf)
    real.checkers.push({ kind, parameters, ...placeOf(span) })
  },
}

const threshold = (name: 'upperThreshold' | 'lowerThreshold'): Reader =>
  line(1, (real, { words: [keyword, word] }, report) => {
    const value = readNumber(word, keyword, 0, U32_MAX, report)
    if (value !== undefined) real[name] = { value, word: word as Word }
    if (report.dialect === 'alibaba') {
      const description = `${report.program} does not see a change of ${keyword.text} alone when it reads its file again`
      report.warn('threshold-not-reloaded', description, keyword.span)
    }
  })

const switched = (name: 'inhibit' | 'alpha'): Reader =>
  line(1, (real, { words: [keyword, word] }, report) => {
    real[name] = report.dialect === 'alibaba' ? true : (readSwitch(word, keyword, report) ?? real[name])
  })

const script = (name: 'notifyUp' | 'notifyDown'): Reader =>
  line(Number.POSITIVE_INFINITY, (real, { rest }) => {
    real[name] = rest
  })

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ...Array.from(UNUSED_SETTINGS).map(([name, reason]): [string, Reader] => [
    name,
    line(Number.POSITIVE_INFINITY, (_, { words: [keyword] }, report) => {
      report.ignore(keyword.text, 'real_server', reason, keyword.span)
    }),
  ]),
  ...Array.from(CHECKER_DEFAULTS).map((name): [string, Reader] => [
    name,
    line(1, (real, statement) => {
      real.parameters.push(parameterOf(statement))
    }),
  ]),
  ...Array.from(new Set([...CHECKERS.mainline, ...CHECKERS.dpvs])).map((name): [string, Reader] => [
    name,
    checker,
  ]),
  [
    'weight',
    line(1, (real, { words: [keyword, word] }, report) => {
      const most = report.dialect === 'alibaba' ? INT_MAX : 65535
      real.weight = readNumber(word, keyword, 0, most, report) ?? real.weight
    }),
  ],
  [
    'lvs_method',
    {
      values: methodValues,
      read: (real, { words }, report) => {
        real.method = readMethod(words, report) ?? real.method
      },
    },
  ],
  ['uthreshold', threshold('upperThreshold')],
  ['lthreshold', threshold('lowerThreshold')],
  ['inhibit_on_failure', switched('inhibit')],
  ['alpha', switched('alpha')],
  ['notify_up', script('notifyUp')],
  ['notify_down', script('notifyDown')],
])

/** Undefined where its head has an error: its block is then read for its problems only. */
export function readRealServer(
  statement: Statement & { readonly words: readonly [Word, ...Word[]] },
  report: Report,
): RealServer | undefined {
  const [keyword, first, second] = statement.words
  const address = readAddress(first, keyword, report)
  const port = readPort(second, keyword, statement.block !== undefined, report)
  const real: RealServer = {
    statement,
    address: address?.text ?? '',
    family: address?.family ?? 2,
    port: port ?? 0,
    weight: undefined,
    method: undefined,
    upperThreshold: undefined,
    lowerThreshold: undefined,
    inhibit: undefined,
    alpha: undefined,
    notifyUp: undefined,
    notifyDown: undefined,
    parameters: [],
    checkers: [],
  }
  if (!statement.block) report.error('missing-block', 'real_server has no block', statement.span)
  const keywords = REAL_SERVER_KEYWORDS[report.dialect]
  const checkers = CHECKERS[report.dialect]
  const knows = (word: string) => keywords.has(word) || checkers.has(word)
  readStatements(real, statement.block ?? [], READERS, knows, 'real_server', report)
  // Nothing needs its block any more: there may be a million.
  statement.block = undefined
  return address && port !== undefined ? real : undefined
}
