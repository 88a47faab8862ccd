/** A snapshot or a desired state → what `ipvsadm -R` of a dialect loads into an empty table. */

import { checkDaemonInput, checkObject, checkTimeouts } from '../../input'
import { formatPacked } from '../../model/address'
import type { NormalizedDaemon } from '../../model/normalized'
import { DAEMON_STATE_NAMES } from '../../model/numbers'
import type { DaemonState } from '../../model/types'
import { destinationLine } from './destination-line'
import type { RulesDialect } from './dialects'
import { DIALECT_FACTS } from './dialects'
import type { RulesLoss } from './losses'
import { Losses } from './losses'
import { checkDialect } from './parse-rules'
import type { RulesSource, SourceService } from './rules-source'
import { readSource } from './rules-source'
import { serviceLine, withValue } from './service-line'

/** Options of `formatRules`. */
export interface FormatRulesOptions {
  readonly dialect: RulesDialect
  /** dpvs only, whose -P wants to know: the interface that local addresses are on. Without it they are losses. */
  readonly localAddressInterface?: string | undefined
}

/** Rules, and what they cannot say. */
export interface FormattedRules {
  /** A rule in each line, with a newline at the end; empty where there is nothing to say. Numbers only, no names. */
  readonly text: string
  /** What is not in it, or not as it was. Empty: loading the text makes the same again. */
  readonly losses: readonly RulesLoss[]
}

function localAddressLines(
  { localAddresses }: SourceService,
  words: string,
  { dialect, localAddressInterface }: FormatRulesOptions,
  losses: Losses,
): readonly string[] {
  if (localAddresses === undefined) return []
  if ('tooMany' in localAddresses) {
    const reason = `pool '${localAddresses.tooMany}' has more addresses than a service can use; left out`
    losses.property('localAddresses', { pool: localAddresses.tooMany }, reason)
    return []
  }
  const lines: string[] = []
  for (const address of localAddresses) {
    const one = losses.of({ localAddress: address })
    if (!DIALECT_FACTS[dialect].localAddresses) {
      one.object(`${dialect} has no local addresses`)
    } else if (dialect !== 'dpvs') {
      lines.push(`-P ${words} -z ${address}`)
    } else if (localAddressInterface === undefined) {
      one.object('dpvs wants the interface, and none is given')
    } else {
      lines.push(`-P ${words} -z ${address} ${withValue('-F', 'ifname', localAddressInterface)}`)
    }
  }
  return lines
}

/** Local addresses stand before destinations: what is sent to a FULLNAT destination without one is lost. */
function serviceLines(service: SourceService, options: FormatRulesOptions, all: Losses): readonly string[] {
  const { dialect } = options
  const losses = all.of({ service: service.key.key })
  const written = serviceLine(service, dialect, losses)
  if (!written) return []
  const { drainLocalAddresses: drains } = service
  if (drains.length > 0) losses.property('drainLocalAddresses', drains, 'ipvsadm has no drains; left out')
  const taken = new Set<string>()
  const lines = [written.line, ...localAddressLines(service, written.words, options, losses)]
  for (const destination of service.destinations) {
    const one = losses.of({ destination: destination.key.key })
    const line = destinationLine(destination, service, written.words, dialect, taken, one)
    if (line !== undefined) lines.push(line)
  }
  return lines
}

function timeoutLines(timeouts: unknown): readonly string[] {
  if (timeouts === undefined) return []
  const { tcp, tcpFin, udp } = checkTimeouts(timeouts, 'source.timeouts')
  // 0 leaves one as it is.
  return tcp || tcpFin || udp ? [`--set ${tcp ?? 0} ${tcpFin ?? 0} ${udp ?? 0}`] : []
}

/** ipvsadm.c:parse_options */
const MOST_SYNC_LENGTH = 65507

function daemonLine(daemon: NormalizedDaemon, dialect: RulesDialect, all: Losses): string {
  const state = DAEMON_STATE_NAMES[daemon.state] as DaemonState
  const losses = all.of({ daemon: state })
  const words = [
    `--start-daemon ${state} ${withValue('--mcast-interface', 'mcast-interface', daemon.interface)}`,
    `--syncid ${daemon.syncId}`,
  ]
  const { syncMaxLength, multicastGroup, multicastPort, multicastTtl } = daemon
  const more = [
    ['syncMaxLength', '--sync-maxlen', syncMaxLength],
    ['multicastGroup', '--mcast-group', multicastGroup && formatPacked(multicastGroup)],
    ['multicastPort', '--mcast-port', multicastPort],
    ['multicastTtl', '--mcast-ttl', multicastTtl],
  ] as const
  for (const [property, option, value] of more) {
    if (value === undefined) continue
    if (!DIALECT_FACTS[dialect].mainlineOptions) {
      losses.property(property, value, `${dialect} has no option for it; left out`)
    } else if (property === 'syncMaxLength' && Number(value) > MOST_SYNC_LENGTH) {
      losses.property(property, value, `ipvsadm takes 1 to ${MOST_SYNC_LENGTH}; left out`)
    } else {
      words.push(`${option} ${value}`)
    }
  }
  return words.join(' ')
}

/**
 * Services in the order of ipvsadm (address services first, by protocol, address and port; then firewall marks), each with its
 * local addresses and its destinations; before them `--set` where timeouts are given, after them `--start-daemon` for daemons.
 * `undefined` destinations and local addresses are none.
 *
 * Throws argument errors where the source is neither a snapshot nor a state that could be desired.
 */
export function formatRules(source: RulesSource, options: FormatRulesOptions): FormattedRules {
  const dialect = checkDialect(options?.dialect)
  const losses = new Losses()
  const services = readSource(source)
  const { timeouts, daemons = [] } = checkObject(source, 'source') as {
    timeouts?: unknown
    daemons?: unknown[]
  }
  const lines = [
    ...timeoutLines(timeouts),
    ...services.reduce<string[]>((all, service) => {
      for (const line of serviceLines(service, options, losses)) all.push(line)
      return all
    }, []),
    ...daemons.map((daemon, i) =>
      daemonLine(checkDaemonInput(daemon, `source.daemons[${i}]`), dialect, losses),
    ),
  ]
  return { text: lines.map((line) => `${line}\n`).join(''), losses: losses.list }
}
