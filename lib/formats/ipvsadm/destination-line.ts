/** A destination → its -a line. */

import { formatPacked } from '../../model/address'
import type { NormalizedTunnel } from '../../model/normalized'
import { CHECKSUM_NAMES, FORWARDING_NAMES, TUNNEL_TYPE_NAMES } from '../../model/numbers'
import type { Forwarding } from '../../model/types'
import type { RulesDialect } from './dialects'
import { DIALECT_FACTS } from './dialects'
import type { Losses } from './losses'
import type { SourceDestination, SourceService } from './rules-source'
import { endpointText } from './service-line'
import { INT_MAX, MOST_WEIGHT } from './values'

const SWITCHES: Readonly<Partial<Record<Forwarding, string>>> = {
  masquerade: '-m',
  'direct-route': '-g',
  local: '-g',
  tunnel: '-i',
  fullnat: '-b',
}

function methodWord(forwarding: number, dialect: RulesDialect, losses: Losses): string | undefined {
  const name = FORWARDING_NAMES[forwarding]
  const word = name && SWITCHES[name]
  if (word === undefined || (name === 'fullnat' && !DIALECT_FACTS[dialect].fullnat)) {
    losses.object(`${dialect} has no option for forwarding ${name ?? forwarding}`)
    return undefined
  }
  if (name === 'local') {
    const reason =
      "ipvsadm has no option for it; written as direct-route, which FULLNAT kernels turn into local for the director's own addresses"
    losses.property('forwarding', name, reason)
  }
  return word
}

const CHECKSUM_OPTIONS = { none: '--tun-nocsum', full: '--tun-csum', remote: '--tun-remcsum' } as const

/** Undefined where it cannot be said. */
function tunnelWords(
  tunnel: NormalizedTunnel | undefined,
  dialect: RulesDialect,
): readonly string[] | undefined {
  if (!tunnel) return []
  const { port, flags } = tunnel
  const type = TUNNEL_TYPE_NAMES[tunnel.type]
  const checksum = CHECKSUM_NAMES[flags]
  // ipvsadm up to 1.29 does not know --tun-type, and needs none for IP-in-IP.
  if (type === 'ipip' && port === 0 && flags === 0) return []
  if (!DIALECT_FACTS[dialect].mainlineOptions || checksum === undefined) return undefined
  if (type === 'gre' && port === 0 && checksum !== 'remote')
    return ['--tun-type gre', CHECKSUM_OPTIONS[checksum]]
  if (type !== 'gue' || port === 0) return undefined
  return [`--tun-type gue --tun-port ${port}`, CHECKSUM_OPTIONS[checksum]]
}

function weightOf({ config, state }: SourceDestination, losses: Losses): number {
  const { weight } = config
  if (state === 'drain') return 0
  const written = Math.min(Math.max(weight, 0), MOST_WEIGHT)
  if (written !== weight) {
    losses.property('weight', weight, `ipvsadm takes 0 to ${MOST_WEIGHT}; written as ${written}`)
  }
  return written
}

function thresholdWords({ config }: SourceDestination, losses: Losses): readonly string[] {
  const words: string[] = []
  const options = [
    ['upperThreshold', '-x'],
    ['lowerThreshold', '-y'],
  ] as const
  for (const [property, option] of options) {
    const value = config[property]
    if (value > INT_MAX) losses.property(property, value, `ipvsadm takes 0 to ${INT_MAX}; left out`)
    else if (value !== 0) words.push(`${option} ${value}`)
  }
  return words
}

/**
 * Undefined where the dialect cannot have the destination, which is then a loss. `taken` has the destinations of the service
 * that are written already.
 */
export function destinationLine(
  destination: SourceDestination,
  { key: service }: SourceService,
  words: string,
  dialect: RulesDialect,
  taken: Set<string>,
  losses: Losses,
): string | undefined {
  const { key, config, state, reason, until } = destination
  if (state !== 'on') {
    const how = state === 'off' ? 'not written' : 'written with weight 0'
    losses.property('state', state, `ipvsadm has no states of destinations; ${how}`)
    if (state === 'off') return undefined
  }
  if (reason !== undefined) losses.property('reason', reason, 'ipvsadm has no reasons; left out')
  if (until !== undefined) losses.property('until', until, 'ipvsadm has no deadlines; left out')
  if (key.family !== service.family && dialect !== 'mainline') {
    losses.object(`${dialect} has no destinations of the other address family`)
    return undefined
  }
  const method = methodWord(config.forwarding, dialect, losses)
  if (method === undefined) return undefined
  const tunnel = tunnelWords(config.tunnel, dialect)
  if (tunnel === undefined) {
    losses.object(`${dialect} has no option for this tunnel; without it packets would be wrapped otherwise`)
    return undefined
  }
  const forced = service.kind === 'address' && (method === '-g' || method === '-i')
  const port = forced ? service.port : key.port
  const real = endpointText(formatPacked(key.address), port)
  if (taken.has(real)) {
    losses.object(`with ${method} ipvsadm gives it port ${port}, and there is one with that port`)
    return undefined
  }
  taken.add(real)
  if (port !== key.port) {
    losses.property(
      'port',
      key.port,
      `with ${method} ipvsadm takes the port of the service; written as ${port}`,
    )
  }
  return [
    `-a ${words} -r ${real} ${method} -w ${weightOf(destination, losses)}`,
    ...thresholdWords(destination, losses),
    ...tunnel,
  ].join(' ')
}
