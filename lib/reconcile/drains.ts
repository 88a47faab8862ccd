/** When something that drains may go. */

import { invalidType, invalidValue } from '../errors/argument-errors'
import { checkProperties, checkTime, PropertyNames } from '../input'
import type { DestinationInfo, ServiceKey } from '../model/types'
import type { WantedDestination, WantedService } from './wanted-types'

/** Connections that keep a drained destination: `'active'`, or `'all'` with the inactive ones (closing, and UDP). */
export type DrainWhile = 'active' | 'all'

/** When what drains may go. */
export interface DrainOptions {
  /**
   * Which connections keep a drained destination, for all services or by protocol. Default `'active'`, and `'all'` for UDP, whose
   * connections are never active (ip_vs_conn.c:ip_vs_bind_dest).
   */
  readonly drainWhile?:
    | DrainWhile
    | {
        readonly tcp?: DrainWhile | undefined
        readonly udp?: DrainWhile | undefined
        readonly sctp?: DrainWhile | undefined
        /** Services of a firewall mark, whose protocols nobody knows. */
        readonly fwmark?: DrainWhile | undefined
      }
    | undefined
  /**
   * A local address that is not wanted any more, and not in `drainLocalAddresses` of its service, stays as long as its
   * `connections` is not 0: `true`, or `{ until }` an ISO 8601 time at which it goes all the same. Default `false`: it goes at once. Connections that it has go on either way
   * (ip_vs_ctl.c:ip_vs_del_laddr), as long as the address itself stays on the director. As long as it is in the list it takes
   * new ones (ip_vs_conn.c:ip_vs_get_laddr): a busy service needs `until`.
   */
  readonly drainLocalAddresses?: boolean | { readonly until: string } | undefined
}

export interface Drains {
  drained(service: ServiceKey, destination: WantedDestination, current: DestinationInfo): boolean
  /** One that is not wanted and has connections; when it goes all the same, milliseconds since 1970, infinite for never. */
  localAddressUntil(service: WantedService, address: string): number
  readonly now: number
}

const PROTOCOLS = new PropertyNames(['tcp', 'udp', 'sctp', 'fwmark'])
const LOCAL_ADDRESSES = new PropertyNames(['until'])

function checkWhile(value: unknown, field: string): DrainWhile {
  if (value === 'active' || value === 'all') return value
  throw invalidValue(field, "must be one of: 'active', 'all'", value)
}

function checkDrainWhile(value: unknown = {}): (service: ServiceKey) => DrainWhile {
  const field = 'options.drainWhile'
  if (typeof value !== 'object' || value === null) {
    const one = checkWhile(value, field)
    return () => one
  }
  const chosen = checkProperties(value, field, PROTOCOLS)
  const byProtocol = new Map<string, DrainWhile>([['udp', 'all']])
  for (const name of Object.keys(chosen)) {
    if (chosen[name] !== undefined) byProtocol.set(name, checkWhile(chosen[name], `${field}.${name}`))
  }
  return (service) =>
    byProtocol.get(service.fwmark === undefined ? String(service.protocol) : 'fwmark') ?? 'active'
}

/** When local addresses go that have connections, where the desired state does not say so of one: infinite for never. */
function checkLocalAddressDrain(value: unknown): number {
  if (value === undefined || value === false) return Number.NEGATIVE_INFINITY
  if (value === true) return Number.POSITIVE_INFINITY
  const field = 'options.drainLocalAddresses'
  if (typeof value !== 'object') throw invalidType(field, 'boolean or object', value)
  const { until } = checkProperties(value, field, LOCAL_ADDRESSES)
  return checkTime(until, `${field}.until`)
}

/** `now`: milliseconds since 1970. */
export function checkDrains(options: DrainOptions, now: number): Drains {
  const whileOf = checkDrainWhile(options.drainWhile)
  const otherwise = checkLocalAddressDrain(options.drainLocalAddresses)
  return {
    drained(service, { until }, current) {
      if (until !== undefined && now >= until) return true
      const { activeConnections, inactiveConnections, weight } = current
      const all = whileOf(service) === 'all'
      return weight === 0 && activeConnections + (all ? inactiveConnections : 0) === 0
    },
    localAddressUntil({ drainLocalAddresses: named }, address) {
      if (!named.has(address)) return otherwise
      return named.get(address) ?? Number.POSITIVE_INFINITY
    },
    now,
  }
}
