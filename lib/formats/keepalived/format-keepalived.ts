/** A desired state → keepalived.conf. */

import { invalidType, invalidValue } from '../../errors/argument-errors'
import { checkDaemonInput, checkObject, checkTimeouts } from '../../input'
import type { DesiredState } from '../../model/desired-state'
import { sameFields } from '../../model/normalized'
import type { DaemonInput } from '../../model/types'
import type { KeepalivedDialect } from './dialects'
import { checkKeepalivedDialect } from './dialects'
import { isPlainWord, LocalGroups } from './format-pools'
import { formatService } from './format-services'
import { Losses } from './losses'
import type { KeepalivedLoss } from './types'

/** Options of `formatKeepalived`. */
export interface FormatKeepalivedOptions {
  readonly dialect: KeepalivedDialect
  /** dpvs only, which wants to know: the interface that local addresses are on. Without it they are losses. */
  readonly localAddressInterface?: string | undefined
}

/** A configuration, and what it cannot say. */
export interface FormattedKeepalived {
  /** Blocks with an empty line between them and a newline at the end; empty where there is nothing to say. No checkers. */
  readonly text: string
  /** What is not in it, or not as it was. Empty: reading the text makes the same state again. */
  readonly losses: readonly KeepalivedLoss[]
}

/** global_parser.c:lvs_syncd_handler. */
const MOST_SYNC_LENGTH = 65535 - 20 - 8

function timeoutLine(
  timeouts: DesiredState['timeouts'],
  dialect: KeepalivedDialect,
  losses: Losses,
): string[] {
  if (timeouts === undefined) return []
  const { tcp, tcpFin, udp } = checkTimeouts(timeouts, 'state.timeouts')
  const words = [
    tcp === undefined ? '' : ` tcp ${tcp}`,
    tcpFin === undefined ? '' : ` tcpfin ${tcpFin}`,
    udp === undefined ? '' : ` udp ${udp}`,
  ].join('')
  if (words === '') return []
  if (dialect !== 'alibaba') return [`lvs_timeouts${words}`]
  losses.property('timeouts', timeouts, 'alibaba has no words for them')
  return []
}

/** Master and backup alike: what mainline starts where no VRRP instance decides. */
function daemonLine(daemons: DesiredState['daemons'], dialect: KeepalivedDialect, losses: Losses): string[] {
  if (daemons === undefined) return []
  if (!Array.isArray(daemons)) throw invalidType('state.daemons', 'Array', daemons)
  const checked = daemons.map((daemon, i) => checkDaemonInput(daemon, `state.daemons[${i}]`))
  const [first, second] = checked
  const [one] = daemons as readonly DaemonInput[]
  const same =
    first !== undefined &&
    second !== undefined &&
    checked.length === 2 &&
    first.state !== second.state &&
    sameFields({ ...first, state: second.state }, second, Object.keys(first) as (keyof typeof first)[])
  const writable =
    one !== undefined && isPlainWord(one.interface) && (one.syncMaxLength ?? 0) <= MOST_SYNC_LENGTH
  if (!same || !writable || dialect !== 'mainline') {
    const reason = 'a VRRP instance decides on them, or both run alike in mainline'
    losses.property('daemons', daemons, reason)
    return []
  }
  const { syncId = 0, syncMaxLength, multicastGroup, multicastPort, multicastTtl } = one
  const words = [
    ` id ${syncId}`,
    syncMaxLength === undefined ? '' : ` maxlen ${syncMaxLength}`,
    multicastPort === undefined ? '' : ` port ${multicastPort}`,
    multicastTtl === undefined ? '' : ` ttl ${multicastTtl}`,
    multicastGroup === undefined ? '' : ` group ${multicastGroup}`,
  ].join('')
  return [`lvs_sync_daemon ${one.interface}${words}`]
}

/**
 * Writes what that dialect's keepalived makes the state of. Checkers, VRRP and the rest of a configuration are for others to
 * add: what is written counts every real server as living.
 *
 * What is not named in the state is not in the text: keepalived leaves alone what it did not make.
 *
 * Throws argument errors where the state is none.
 */
export function formatKeepalived(state: DesiredState, options: FormatKeepalivedOptions): FormattedKeepalived {
  checkObject(state, 'state')
  checkObject(options, 'options')
  const dialect = checkKeepalivedDialect(options.dialect)
  const { localAddressInterface: device } = options
  if (device !== undefined && (typeof device !== 'string' || !isPlainWord(device))) {
    throw invalidValue('options.localAddressInterface', 'must be the name of a network interface', device)
  }
  const { pools = {}, services = [], timeouts, daemons } = state
  checkObject(pools, 'state.pools')
  if (!Array.isArray(services)) throw invalidType('state.services', 'Array', services)
  const losses = new Losses()
  const globals = [...timeoutLine(timeouts, dialect, losses), ...daemonLine(daemons, dialect, losses)]
  const groups = new LocalGroups(pools, dialect, device, losses)
  const blocks: (readonly string[])[] = []
  services.forEach((service, i) => {
    const block = formatService(service, `state.services[${i}]`, groups, dialect, losses)
    if (block) blocks.push(block)
  })
  const head = globals.length > 0 ? [['global_defs {', ...globals.map((line) => `    ${line}`), '}']] : []
  const all = [...head, ...groups.lines, ...blocks]
  return { text: all.map((block) => `${block.join('\n')}\n`).join('\n'), losses: losses.list }
}
