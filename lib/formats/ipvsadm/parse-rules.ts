/** What ipvsadm -S prints and ipvsadm -R reads, and single command lines. */

import { invalidValue } from '../../errors/argument-errors'
import type { DesiredState } from '../../model/desired-state'
import type { IpvsTextError } from '../text/problems'
import { Problems } from '../text/problems'
import { readText } from '../text/read-text'
import type { Span } from '../text/source-text'
import { SourceText } from '../text/source-text'
import type { IpvsadmCommand } from './command-types'
import { Complaints } from './complaints'
import type { RulesDialect } from './dialects'
import { RULES_DIALECTS } from './dialects'
import type { RuleContext } from './given'
import { readRule } from './read-rule'
import type { RulesResolver } from './resolver'
import { RuleTable } from './rule-table'
import { spanOfWords, wordsOfArguments, wordsOfLine } from './words'

/** Rules of one text: a table of 10,000 services with 20 destinations and 20 local addresses each has 410,000. */
export const MOST_RULES = 500_000

/** Options of `parseCommand`. */
export interface RulesOptions {
  /** Which program the rules are for: the same letters mean other things elsewhere. `detectDialect` may tell. */
  readonly dialect: RulesDialect
  /**
   * What `(null)` in the place of a forwarding method means. Default: it is an error. Alibaba's v2 prints it for FULLNAT, and
   * for methods that it has no name for.
   */
  readonly nullMeans?: 'fullnat' | undefined
  /** Looks up names of hosts and ports. Default: names are errors. */
  readonly resolver?: RulesResolver | undefined
}

/** Options of `parseRules`. */
export interface ParseRulesOptions extends RulesOptions {
  /** Name of the file, for positions. */
  readonly file?: string | undefined
  /**
   * What the rules are for. Default `'empty'`, as after `ipvsadm -C`: a rule about what no rule before it has added is an error
   * (`not-there`). `'unknown'`: it may be there, which only the kernel can say.
   */
  readonly table?: 'empty' | 'unknown' | undefined
}

/** Rules, the state that they make of an empty table, and every problem. */
export interface ParsedRules {
  /** The rules that have no error, in the order of the text. */
  readonly commands: readonly IpvsadmCommand[]
  /**
   * What these rules make of an empty table. What the dialect's own save does not keep is absent unless a rule named it:
   * local addresses and `synproxy` of mainline, alibaba-v2 and dpvs, established timeouts, thresholds; in alibaba-v3 local
   * addresses of IPv6 and fwmark services.
   */
  readonly state: DesiredState
  readonly errors: readonly IpvsTextError[]
  readonly warnings: readonly IpvsTextError[]
  /** Problems beyond the first 1,000 errors and 1,000 warnings. */
  readonly omitted: number
}

export function checkDialect(dialect: unknown, field = 'options.dialect'): RulesDialect {
  if (RULES_DIALECTS.includes(dialect as RulesDialect)) return dialect as RulesDialect
  const names = RULES_DIALECTS.map((name) => `'${name}'`).join(', ')
  throw invalidValue(field, `must be one of: ${names}`, dialect)
}

function contextOf(options: RulesOptions, complaints: Complaints): RuleContext {
  const { nullMeans, resolver } = options
  if (nullMeans !== undefined && nullMeans !== 'fullnat') {
    throw invalidValue('options.nullMeans', "must be 'fullnat'", nullMeans)
  }
  return { dialect: checkDialect(options.dialect), complaints, nullMeans, resolver }
}

/** Calls `visit` with the beginning and the end of each line; stops where it returns false. */
export function forEachLine(text: string, visit: (start: number, end: number) => boolean): void {
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start)
    const end = newline < 0 ? text.length : newline
    if (!visit(start, end)) return
    start = end + 1
  }
}

/**
 * Reads rules as `ipvsadm-restore` does: a rule in each line; lines that begin with `#` are comments, the word `ipvsadm` is
 * left out. Never stops at the first error: a rule with one is left out, all are reported, and the rest goes on.
 *
 * Throws an `IpvsTextError` where the text cannot be read at all (see `readText`), and an argument error for wrong options.
 * Limits: 64 Mi characters, 64 Ki in a line, 500,000 rules (`too-many-rules`, the rest is not read).
 */
export function parseRules(text: string | Uint8Array, options: ParseRulesOptions): ParsedRules {
  const dialect = checkDialect(options?.dialect)
  const { table: before = 'empty' } = options
  if (before !== 'empty' && before !== 'unknown') {
    throw invalidValue('options.table', "must be one of: 'empty', 'unknown'", before)
  }
  const source = readText(text, options.file)
  const problems = new Problems()
  const table = new RuleTable(dialect, before === 'empty')
  const commands: IpvsadmCommand[] = []
  let count = 0
  forEachLine(source.text, (start, end) => {
    if (source.text[start] === '#') return true
    const words = wordsOfLine(source, start, end)
    if (words.length === 0) return true
    const complaints = new Complaints(problems)
    const span = spanOfWords(words)
    if (++count > MOST_RULES) {
      complaints.error('too-many-rules', `more than ${MOST_RULES} rules: the rest is not read`, span)
      return false
    }
    const command = readRule(words, span, contextOf(options, complaints))
    if (command) {
      commands.push(command)
      table.apply(command, complaints)
    }
    if (end === source.text.length && /[ \t\r]/.test(source.text[end - 1] as string)) {
      const description = 'ipvsadm -R loses this line: it ends in a blank, and the text without a newline'
      complaints.warn('lost-line', description, span)
    }
    return true
  })
  const { errors, warnings, omitted } = problems
  return { commands, state: table.state(), errors, warnings, omitted }
}

/** One command line, and what is wrong with it. */
export interface ParsedCommand {
  /** Undefined where there is an error. */
  readonly command: IpvsadmCommand | undefined
  readonly errors: readonly IpvsTextError[]
  readonly warnings: readonly IpvsTextError[]
}

/**
 * Reads a command line of ipvsadm, without the name of the program. No words at all list the table (ipvsadm.c:main).
 * Positions count in the words joined by blanks.
 */
export function parseCommand(argv: readonly string[], options: RulesOptions): ParsedCommand {
  const problems = new Problems()
  const context = contextOf(options, new Complaints(problems))
  const words = wordsOfArguments(argv.length > 0 ? argv : ['-L'])
  const span: Span = argv.length > 0 ? spanOfWords(words) : new SourceText('').span(0, 0)
  const command = readRule(words, span, context)
  return { command, errors: problems.errors, warnings: problems.warnings }
}
