/** The options of one rule by their kind, once it is certain that its command may have them. */

import type { Span } from '../text/source-text'
import { commandRule } from './command-rules'
import type { Complaints } from './complaints'
import type { RulesDialect } from './dialects'
import type { CommandName, OptionRow } from './options'
import { OPTION_ROWS, shownOption, UNCOUNTED } from './options'
import type { RulesResolver } from './resolver'
import type { GivenOption, Scanned } from './scan'
import { elsewhereMeans } from './scan'
import type { Word } from './words'

export interface RuleContext {
  readonly dialect: RulesDialect
  readonly complaints: Complaints
  readonly resolver: RulesResolver | undefined
  readonly nullMeans: 'fullnat' | undefined
}

export interface Given {
  readonly name: CommandName
  readonly command: GivenOption
  /** From the first word of the rule to its last. */
  readonly span: Span
  /** By kind. */
  readonly options: ReadonlyMap<string, GivenOption>
  /** In the order in which they were given; the order of some matters. */
  readonly inOrder: readonly GivenOption[]
  /** Words that are no options. */
  readonly rest: readonly Word[]
}

const isCounted = ({ long }: OptionRow): boolean => !UNCOUNTED.includes(long)

/** Names of a kind, for people: `-t, -u, --sctp-service or -f`. */
function shownKind(kind: string, dialect: RulesDialect): string {
  const names = OPTION_ROWS.filter((row) => row.kind === kind && row.dialects.includes(dialect)).map(
    shownOption,
  )
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} or ${names[names.length - 1]}`
}

/** About a word that is no option. */
export function hintAbout({ text }: Word): string | undefined {
  if (text.startsWith('#')) return 'Comments are lines that begin with #; ipvsadm itself has none.'
  if (/^\[|^[$>]$|^(?:sudo|\/.*\/ipvsadm)$/.test(text))
    return 'It looks like a prompt or a shell command: leave it out.'
  return undefined
}

/** Undefined where there is no command; what is wrong besides is reported. */
export function readGiven(
  { options, rest }: Scanned,
  span: Span,
  { dialect, complaints }: RuleContext,
): Given | undefined {
  const [command, ...others] = options
  // What could not be told apart may be what is missing.
  const broken = complaints.failed
  if (!command) {
    if (broken) return undefined
    const hint = rest[0] && hintAbout(rest[0])
    return complaints.error('no-command', 'there is no option that says what to do', span, hint)
  }
  const name = command.row.command
  if (name === undefined) {
    if (broken) return undefined
    const shown = shownOption(command.row)
    const hint = 'Commands are -A, -E, -D, -a, -e, -d and others; ipvsadm wants them first.'
    return complaints.error('no-command', `the first option, ${shown}, is no command`, command.span, hint)
  }
  const { needs, may, oneOf } = commandRule(name, dialect)
  const shownCommand = shownOption(command.row)
  const byKind = new Map<string, GivenOption>()
  let exclusive: GivenOption | undefined
  for (const given of others) {
    const { row } = given
    const shown = shownOption(row)
    if (row.command !== undefined) {
      complaints.error(
        'second-command',
        `${shown} is a command, too`,
        given.span,
        elsewhereMeans(row, dialect),
      )
      continue
    }
    if (!isCounted(row)) {
      byKind.set(row.kind, given)
      continue
    }
    const before = byKind.get(row.kind)
    if (before) {
      const both =
        before.row === row ? `${shown} is given twice` : `${shown} beside ${shownOption(before.row)}`
      complaints.error('repeated-option', both, given.span)
      continue
    }
    byKind.set(row.kind, given)
    if (oneOf.includes(row.kind)) {
      if (exclusive) {
        complaints.error('conflicting-option', `${shown} beside ${shownOption(exclusive.row)}`, given.span)
      }
      exclusive = given
    } else if (!needs.includes(row.kind) && !may.includes(row.kind)) {
      const hint = elsewhereMeans(row, dialect)
      complaints.error('illegal-option', `${shown} does not go with ${shownCommand}`, given.span, hint)
    }
  }
  for (const kind of needs) {
    if (broken || byKind.has(kind)) continue
    complaints.error('missing-option', `${shownCommand} needs ${shownKind(kind, dialect)}`, command.span)
  }
  return { name, command, span, options: byKind, inOrder: others, rest }
}
