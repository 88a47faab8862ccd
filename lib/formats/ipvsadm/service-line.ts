/** A service → its -A line. */

import { AF_INET, AF_INET6, formatIpv4Mask, formatPacked } from '../../model/address'
import type { NormalizedServiceKey } from '../../model/normalized'
import { PROTOCOL_NAMES, SERVICE_FLAGS, schedulerFlagNames } from '../../model/numbers'
import type { RulesDialect } from './dialects'
import { DIALECT_FACTS } from './dialects'
import type { Losses } from './losses'
import type { SourceService } from './rules-source'
import { FLAG_NAMES } from './service-config'
import { MOST_SECONDS } from './values'

/**
 * An option with a value. The word `ipvsadm` is dropped from restored rules wherever it stands by itself, and one that begins
 * with a dash looks like an option.
 */
export const withValue = (short: string, long: string, value: string): string =>
  value === 'ipvsadm' || value[0] === '-' ? `--${long}=${value}` : `${short} ${value}`

export const endpointText = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

/** `-t 192.0.2.1:80`, `-f 7 -6`. Undefined where the dialect cannot name the service, which is then a loss. */
export function serviceWords(
  key: NormalizedServiceKey,
  dialect: RulesDialect,
  losses: Losses,
): string | undefined {
  if (key.kind === 'fwmark') return `-f ${key.fwmark}${key.family === AF_INET6 ? ' -6' : ''}`
  const endpoint = endpointText(formatPacked(key.address), key.port)
  const protocol = PROTOCOL_NAMES[key.protocol]
  if (protocol === 'tcp') return `-t ${endpoint}`
  if (protocol === 'udp') return `-u ${endpoint}`
  if (protocol === 'sctp' && DIALECT_FACTS[dialect].sctp) return `--sctp-service ${endpoint}`
  losses.object(`${dialect} has no option for protocol ${protocol ?? key.protocol}`)
  return undefined
}

function persistenceWords(
  { config, key }: SourceService,
  dialect: RulesDialect,
  losses: Losses,
): readonly string[] {
  const { flags, persistenceTimeout, netmask, engine } = config
  if ((flags & SERVICE_FLAGS.persistent) === 0) return []
  const timeout = Math.min(Math.max(persistenceTimeout, 1), MOST_SECONDS)
  if (timeout !== persistenceTimeout) {
    const reason = `ipvsadm takes 1 to ${MOST_SECONDS} seconds; written as ${timeout}`
    losses.property('persistence.timeout', persistenceTimeout, reason)
  }
  const words = [`-p ${timeout}`]
  if (key.family === AF_INET) {
    if (netmask !== 0xffffffff) words.push(`-M ${formatIpv4Mask(netmask)}`)
  } else if (netmask < 1 || netmask > 128) {
    losses.property('persistence.netmask', netmask, 'ipvsadm takes 1 to 128; left out, which is 128')
  } else if (netmask !== 128) {
    words.push(`-M ${netmask}`)
  }
  if (engine !== undefined) {
    if (DIALECT_FACTS[dialect].mainlineOptions) words.push(withValue('--pe', 'pe', engine))
    else losses.property('persistence.engine', engine, `${dialect} has no persistence engines; left out`)
  }
  return words
}

function flagWords({ config, key }: SourceService, dialect: RulesDialect, losses: Losses): readonly string[] {
  const words: string[] = []
  const { flags, scheduler } = config
  if (flags & SERVICE_FLAGS.onePacket) {
    if (key.kind === 'fwmark' || PROTOCOL_NAMES[key.protocol] === 'udp') words.push('-o')
    else losses.property('onePacket', true, 'ipvsadm takes it for UDP and firewall marks only; left out')
  }
  const named = schedulerFlagNames(flags)
  if (named.length > 0 && !DIALECT_FACTS[dialect].mainlineOptions) {
    losses.property('schedulerFlags', named, `${dialect} has no scheduler flags; left out`)
  } else if (named.length > 0) {
    const own = Object.entries(FLAG_NAMES).filter(([, [only]]) => only === scheduler)
    const names = named.map((flag) => own.find(([, [, known]]) => known === flag)?.[0] ?? flag)
    words.push(`-b ${names.join(',')}`)
  }
  return words
}

function fullnatWords(service: SourceService, dialect: RulesDialect, losses: Losses): readonly string[] {
  const { config, namesSynproxy } = service
  const { synproxy, savesSynproxy, establishedTimeout: option } = DIALECT_FACTS[dialect]
  const words: string[] = []
  const enabled = (config.flags & SERVICE_FLAGS.synproxy) !== 0
  if (!synproxy) {
    if (enabled) losses.property('synproxy', true, `${dialect} has no SYN proxy; left out`)
  } else if (namesSynproxy || savesSynproxy) {
    words.push(`-j ${enabled ? 'enable' : 'disable'}`)
  }
  const seconds = config.establishedTimeout
  if (seconds === undefined) return words
  if (option === undefined) {
    losses.property('establishedTimeout', seconds, `${dialect} has no timeouts of services; left out`)
  } else if (seconds > MOST_SECONDS) {
    losses.property('establishedTimeout', seconds, `more than ${MOST_SECONDS} seconds; left out`)
  } else {
    words.push(`${option} ${seconds}`)
  }
  return words
}

/** The words after -A. Undefined where the dialect cannot have the service, which is then a loss. */
export function serviceLine(
  service: SourceService,
  dialect: RulesDialect,
  losses: Losses,
): { readonly words: string; readonly line: string } | undefined {
  const { key, config, name } = service
  const words = serviceWords(key, dialect, losses)
  if (words === undefined) return undefined
  if (key.kind === 'address' && key.port === 0 && (config.flags & SERVICE_FLAGS.persistent) === 0) {
    losses.object('ipvsadm refuses port 0 of a service that is not persistent')
    return undefined
  }
  if (name !== undefined) losses.property('name', name, 'ipvsadm has no names of services; left out')
  const parts = [
    `-A ${words} ${withValue('-s', 'scheduler', config.scheduler)}`,
    ...persistenceWords(service, dialect, losses),
    ...flagWords(service, dialect, losses),
    ...fullnatWords(service, dialect, losses),
  ]
  return { words, line: parts.join(' ') }
}
