/** The options of each dialect as its ipvsadm.c:parse_options has them (`options_table`). */

import type { RulesDialect } from './dialects'
import { RULES_DIALECTS } from './dialects'

/** What a rule does. */
export type CommandName =
  | 'add-service'
  | 'edit-service'
  | 'remove-service'
  | 'add-destination'
  | 'edit-destination'
  | 'remove-destination'
  | 'add-local-address'
  | 'remove-local-address'
  | 'list-local-addresses'
  | 'list'
  | 'save'
  | 'restore'
  | 'flush'
  | 'zero'
  | 'set-timeouts'
  | 'start-daemon'
  | 'stop-daemon'
  | 'help'
  | 'version'
  | 'dpvs-list'

export interface OptionRow {
  /** Without the dashes. */
  readonly long: string
  readonly short: string | undefined
  readonly argument: 'none' | 'required' | 'optional'
  /** Set where the option is a command. */
  readonly command: CommandName | undefined
  /**
   * What may be given once: options of a kind exclude each other, `'service'` and `'forwarding'`; all others are of a kind of
   * their own, named like the option.
   */
  readonly kind: string
  readonly dialects: readonly RulesDialect[]
}

const M: readonly RulesDialect[] = ['mainline']
const A: readonly RulesDialect[] = ['alibaba-v2', 'alibaba-v3']
const D: readonly RulesDialect[] = ['dpvs']
const AD: readonly RulesDialect[] = [...A, ...D]
const MD: readonly RulesDialect[] = [...M, ...D]

type Argument = OptionRow['argument']

function option(names: string, argument: Argument, dialects = RULES_DIALECTS, kind?: string): OptionRow {
  const [long, short] = names.split(' ') as [string, string?]
  return { long, short, argument, command: undefined, kind: kind ?? long, dialects }
}

function command(
  names: string,
  name: CommandName,
  dialects = RULES_DIALECTS,
  argument: Argument = 'none',
): OptionRow {
  return { ...option(names, argument, dialects, 'command'), command: name }
}

export const OPTION_ROWS: readonly OptionRow[] = [
  command('add-service A', 'add-service'),
  command('edit-service E', 'edit-service'),
  command('delete-service D', 'remove-service'),
  command('clear C', 'flush'),
  command('list L', 'list'),
  command('list l', 'list'),
  command('zero Z', 'zero'),
  command('add-server a', 'add-destination'),
  command('edit-server e', 'edit-destination'),
  command('delete-server d', 'remove-destination'),
  command('set', 'set-timeouts'),
  command('help h', 'help'),
  command('version v', 'version'),
  command('restore R', 'restore'),
  command('save S', 'save'),
  command('start-daemon', 'start-daemon', RULES_DIALECTS, 'required'),
  command('stop-daemon', 'stop-daemon', RULES_DIALECTS, 'required'),
  command('add-laddr P', 'add-local-address', AD),
  command('del-laddr Q', 'remove-local-address', AD),
  command('get-laddr G', 'list-local-addresses', AD),
  command('add-blklst U', 'dpvs-list', D),
  command('del-blklst V', 'dpvs-list', D),
  command('get-blklst B', 'dpvs-list', D),
  command('add-whtlst O', 'dpvs-list', D),
  command('del-whtlst Y', 'dpvs-list', D),
  command('get-whtlst W', 'dpvs-list', D),

  option('tcp-service t', 'required', RULES_DIALECTS, 'service'),
  option('udp-service u', 'required', RULES_DIALECTS, 'service'),
  option('sctp-service', 'required', MD, 'service'),
  option('fwmark-service f', 'required', RULES_DIALECTS, 'service'),
  option('icmp-service q', 'required', D, 'service'),
  option('icmpv6-service 1', 'required', D, 'service'),
  option('match H', 'required', D, 'service'),
  option('ipv6 6', 'none'),
  option('scheduler s', 'required'),
  option('persistent p', 'optional'),
  option('netmask M', 'required'),
  option('ops o', 'none'),
  option('pe', 'required'),
  option('sched-flags b', 'required', M),
  option('synproxy j', 'required', AD),
  option('vsestablish-timeout V', 'optional', ['alibaba-v3']),
  option('conn-timeout', 'required', D),
  option('hash-target', 'required', D),
  option('proxy-protocol', 'required', D),
  option('dest-check', 'required', D),
  option('expire-quiescent', 'none', D),
  option('quic', 'none', D),

  option('real-server r', 'required'),
  option('gatewaying g', 'none', RULES_DIALECTS, 'forwarding'),
  option('ipip i', 'none', RULES_DIALECTS, 'forwarding'),
  option('masquerading m', 'none', RULES_DIALECTS, 'forwarding'),
  option('fullnat b', 'none', AD, 'forwarding'),
  option('snat J', 'none', D, 'forwarding'),
  option('weight w', 'required'),
  option('u-threshold x', 'required'),
  option('l-threshold y', 'required'),
  option('tun-type', 'required', M),
  option('tun-port', 'required', M),
  option('tun-nocsum', 'none', M),
  option('tun-csum', 'none', M),
  option('tun-remcsum', 'none', M),

  option('laddr z', 'required', AD),
  option('ifname F', 'required', D),
  option('blklst k', 'required', D),
  option('whtlst 2', 'required', D),

  option('mcast-interface', 'required'),
  option('syncid', 'required'),
  option('mcast-group', 'required', M),
  option('mcast-port', 'required', M),
  option('mcast-ttl', 'required', M),
  option('sync-maxlen', 'required', M),

  option('numeric n', 'none'),
  option('connection c', 'none'),
  option('timeout', 'none'),
  option('daemon', 'none'),
  option('stats', 'none'),
  option('rate', 'none'),
  option('thresholds', 'none'),
  option('persistent-conn', 'none'),
  option('nosort', 'none'),
  option('sort', 'none'),
  option('exact X', 'none'),
  option('tun-info', 'none', M),
  option('sockpair', 'required', D),
  option('cpu', 'required', D),
]

/** Options that parse_options does not count: they may be repeated, and stand with every command. */
export const UNCOUNTED: readonly string[] = [
  'ipv6',
  'sort',
  'conn-timeout',
  'proxy-protocol',
  'dest-check',
  'quic',
]

export interface OptionTable {
  readonly dialect: RulesDialect
  readonly short: ReadonlyMap<string, OptionRow>
  readonly long: ReadonlyMap<string, OptionRow>
}

function tableOf(dialect: RulesDialect): OptionTable {
  const rows = OPTION_ROWS.filter(({ dialects }) => dialects.includes(dialect))
  return {
    dialect,
    short: new Map(
      rows.filter(({ short }) => short !== undefined).map((row) => [row.short as string, row] as const),
    ),
    long: new Map(rows.map((row) => [row.long, row] as const)),
  }
}

export const OPTION_TABLES: Readonly<Record<RulesDialect, OptionTable>> = {
  mainline: tableOf('mainline'),
  'alibaba-v2': tableOf('alibaba-v2'),
  'alibaba-v3': tableOf('alibaba-v3'),
  dpvs: tableOf('dpvs'),
}

/** As people write it: `-t`, `--sctp-service`. */
export const shownOption = ({ long, short }: Pick<OptionRow, 'long' | 'short'>): string =>
  short === undefined ? `--${long}` : `-${short}`
