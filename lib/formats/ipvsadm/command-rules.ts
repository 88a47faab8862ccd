/** Which kinds of options a command needs, and which it may have (ipvsadm.c:commands_v_options). */

import type { RulesDialect } from './dialects'
import type { CommandName } from './options'

export interface CommandRule {
  readonly needs: readonly string[]
  readonly may: readonly string[]
  /** At most one of these. */
  readonly oneOf: readonly string[]
}

const rule = (
  needs: readonly string[],
  may: readonly string[] = [],
  oneOf: readonly string[] = [],
): CommandRule => ({ needs, may, oneOf })

const only = <T>(condition: boolean, list: readonly T[]): readonly T[] => (condition ? list : [])

const LISTS = ['stats', 'rate', 'thresholds', 'persistent-conn', 'nosort', 'syncid', 'exact'] as const

export function commandRule(command: CommandName, dialect: RulesDialect): CommandRule {
  const mainline = dialect === 'mainline'
  const dpvs = dialect === 'dpvs'
  switch (command) {
    case 'add-service':
    case 'edit-service':
      return rule(
        ['service'],
        [
          ...['scheduler', 'persistent', 'netmask', 'ops'],
          ...only(mainline, ['pe', 'sched-flags']),
          ...only(!mainline, ['synproxy']),
          ...only(dialect === 'alibaba-v3', ['vsestablish-timeout']),
          ...only(dpvs, ['hash-target', 'expire-quiescent']),
        ],
      )
    case 'add-destination':
    case 'edit-destination':
      return rule(
        ['service', 'real-server'],
        [
          ...['forwarding', 'weight', 'u-threshold', 'l-threshold'],
          ...only(mainline, ['tun-type', 'tun-port', 'tun-nocsum', 'tun-csum', 'tun-remcsum']),
        ],
      )
    case 'remove-destination':
      return rule(['service', 'real-server'])
    case 'remove-service':
      return rule(['service'])
    case 'add-local-address':
    case 'remove-local-address':
      return rule(dpvs ? ['service', 'laddr', 'ifname'] : ['service', 'laddr'])
    case 'list-local-addresses':
      return rule([], dpvs ? ['service', 'cpu'] : ['service'])
    case 'dpvs-list':
      return rule([], ['service', 'blklst', 'whtlst'])
    case 'zero':
      return rule([], ['service'])
    case 'list':
      return rule(
        [],
        ['numeric', ...LISTS, ...only(mainline, ['tun-info']), ...only(dpvs, ['sockpair', 'cpu'])],
        ['service', 'connection', 'timeout', 'daemon'],
      )
    case 'save':
      return rule([], ['numeric'])
    case 'start-daemon':
      return rule(
        [],
        [
          ...['mcast-interface', 'syncid'],
          ...only(mainline, ['mcast-group', 'mcast-port', 'mcast-ttl', 'sync-maxlen']),
        ],
      )
    case 'stop-daemon':
      return rule([], ['syncid'])
    default:
      return rule([])
  }
}
