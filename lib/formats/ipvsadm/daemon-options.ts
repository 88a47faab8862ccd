/** --start-daemon, --stop-daemon, --set and -L: rules about no service. */

import { checkDaemonInput, checkTimeouts } from '../../input'
import type { DaemonInput, DaemonState, Timeouts } from '../../model/types'
import type { ListRule, SetTimeoutsRule } from './command-types'
import { DIALECT_FACTS } from './dialects'
import type { Given, RuleContext } from './given'
import { shownOption } from './options'
import type { GivenService } from './service-key'
import { validated } from './validate'
import { MOST_SECONDS, readNumber } from './values'
import type { Word } from './words'

export function readDaemonState({ command }: Given, { complaints }: RuleContext): DaemonState | undefined {
  const { text, span } = command.value as Word
  if (text === 'master' || text === 'backup') return text
  return complaints.error('not-a-daemon', `'${text}' is neither master nor backup`, span)
}

/** ipvsadm.c:parse_options; 65507 is what UDP over IPv4 carries. */
const NUMBERS = {
  syncid: ['syncId', 0, 255],
  'sync-maxlen': ['syncMaxLength', 1, 65507],
  'mcast-port': ['multicastPort', 1, 65535],
  'mcast-ttl': ['multicastTtl', 1, 255],
} as const

export function readDaemon(given: Given, context: RuleContext): DaemonInput | undefined {
  const { complaints, dialect } = context
  const state = readDaemonState(given, context)
  const value = (kind: string) => given.options.get(kind)?.value
  const numbers: { -readonly [name in keyof DaemonInput]?: number } = {}
  const spans: Record<string, Word['span'] | undefined> = {
    interface: value('mcast-interface')?.span,
    multicastGroup: value('mcast-group')?.span,
  }
  for (const kind of Object.keys(NUMBERS) as (keyof typeof NUMBERS)[]) {
    const [name, least, most] = NUMBERS[kind]
    const word = value(kind)
    if (!word) continue
    const number = readNumber(word, `--${kind}`, least, most, complaints)
    if (number !== undefined) numbers[name] = number
  }
  const group = value('mcast-group')
  if (state === undefined) return undefined
  const daemon = {
    state,
    interface: value('mcast-interface')?.text ?? DIALECT_FACTS[dialect].daemonInterface,
    ...(group ? { multicastGroup: group.text } : {}),
    ...numbers,
  } as DaemonInput
  validated(() => checkDaemonInput(daemon), spans, given.span, complaints)
  return daemon
}

const TIMEOUTS: readonly (keyof Timeouts)[] = ['tcp', 'tcpFin', 'udp']

/** The three words after --set; 0 leaves one as it is (ip_vs_ctl.c:ip_vs_set_timeout). Also returns the words that are left. */
export function readTimeouts(
  { rest, span }: Given,
  { complaints }: RuleContext,
): { readonly timeouts: SetTimeoutsRule['timeouts']; readonly rest: readonly Word[] } {
  const timeouts: { -readonly [name in keyof Timeouts]?: number } = {}
  const spans: Record<string, Word['span']> = {}
  if (rest.length < 3) {
    complaints.error('missing-argument', '--set needs three numbers: tcp, tcpfin, udp', span)
    return { timeouts, rest: [] }
  }
  TIMEOUTS.forEach((name, i) => {
    const word = rest[i] as Word
    const seconds = readNumber(word, 'timeout', 0, MOST_SECONDS, complaints)
    spans[name] = word.span
    if (seconds) timeouts[name] = seconds
  })
  validated(() => checkTimeouts(timeouts), spans, span, complaints)
  return { timeouts, rest: rest.slice(3) }
}

/** ipvsadm.c:process_options, CMD_LIST */
export function readList(
  given: Given,
  service: GivenService | undefined,
  { complaints }: RuleContext,
): Omit<ListRule, 'command' | 'span'> {
  const has = (kind: string) => given.options.has(kind)
  const what = has('connection')
    ? 'connections'
    : has('timeout')
      ? 'timeouts'
      : has('daemon')
        ? 'daemons'
        : 'services'
  const formats = ['stats', 'rate', 'thresholds']
  const unfit = what === 'services' ? [] : what === 'connections' ? formats : [...formats, 'persistent-conn']
  for (const kind of unfit) {
    const option = given.options.get(kind)
    if (option)
      complaints.error('conflicting-option', `--${kind} does not go with a list of ${what}`, option.span)
  }
  for (const kind of ['sockpair', 'cpu']) {
    const option = given.options.get(kind)
    if (option) complaints.warn('not-sayable', `${shownOption(option.row)} cannot be said here`, option.span)
  }
  return {
    service: service?.key,
    what,
    numeric: has('numeric'),
    stats: has('stats'),
    rate: has('rate'),
    thresholds: has('thresholds'),
    persistentConnections: has('persistent-conn'),
    tunnels: has('tun-info'),
    exact: has('exact'),
    sorted: !has('nosort'),
  }
}
