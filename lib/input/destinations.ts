/** Destinations: their keys and their configuration. */

import { invalidValue, outOfRange } from '../errors/argument-errors'
import type { NormalizedDestinationConfig, NormalizedServiceKey, NormalizedTunnel } from '../model/normalized'
import { NormalizedDestinationKey } from '../model/normalized'
import { FORWARDING_METHODS, familyName, TUNNEL_FLAGS, TUNNEL_TYPES } from '../model/numbers'
import type { DestinationConfig } from '../model/types'
import { checkProperties, PropertyNames, refuseIdentity } from './properties'
import type { Mutable, Properties } from './values'
import { checkAddress, checkFamilyAgrees, checkInteger, checkName, checkObject, INT_MAX } from './values'

const KEY = ['address', 'port'] as const
const TUNNEL = new PropertyNames(['type', 'port', 'checksum'])

const DESTINATION = 'destination'

/** Other properties are allowed, as for services. */
export function checkDestinationKey(value: unknown, field = DESTINATION): NormalizedDestinationKey {
  const properties = checkObject(value, field)
  const address = checkAddress(properties.address, pathOf(field, 'address'))
  const port = checkInteger(properties.port, pathOf(field, 'port'), 0, 65535)
  checkFamilyAgrees(properties.family, address.family, field)
  return new NormalizedDestinationKey(address, port)
}

function checkTunnel(value: unknown, field: string): NormalizedTunnel {
  const { type, port, checksum } = checkProperties(value, field, TUNNEL)
  const number = checkName(type, `${field}.type`, TUNNEL_TYPES)
  const flags = checksum === undefined ? 0 : checkName(checksum, `${field}.checksum`, TUNNEL_FLAGS)
  if (flags === TUNNEL_FLAGS.remote && number !== TUNNEL_TYPES.gue) {
    throw invalidValue(`${field}.checksum`, "can be 'remote' with type 'gue' only", checksum)
  }
  if (flags !== 0 && number === TUNNEL_TYPES.ipip) {
    throw invalidValue(
      `${field}.checksum`,
      "must be 'none' with type 'ipip', which has no checksum",
      checksum,
    )
  }
  if (number === TUNNEL_TYPES.gue)
    return { type: number, port: checkInteger(port, `${field}.port`, 1, 65535), flags }
  if (port !== undefined) throw invalidValue(`${field}.port`, "is for type 'gue' only", port)
  return { type: number, port: 0, flags }
}

/** A weight or a threshold. */
const checkCount = (value: unknown, field: string): number => checkInteger(value, field, 0, INT_MAX)

/** What only holds or fails when all properties are known; only what was `named` can be wrong. */
function checkDestinationConfig(
  config: NormalizedDestinationConfig,
  named: Partial<NormalizedDestinationConfig>,
  destination: NormalizedDestinationKey,
  service: NormalizedServiceKey,
  field: string,
): NormalizedDestinationConfig {
  const { forwarding, upperThreshold, lowerThreshold, tunnel } = config
  // The kernel says ERANGE, also for a lower threshold without an upper one (ip_vs_ctl.c:ip_vs_add_dest).
  const limits = named.upperThreshold !== undefined || named.lowerThreshold !== undefined
  if (limits && lowerThreshold > upperThreshold) {
    throw outOfRange(`${field}.lowerThreshold`, `<= upperThreshold (${upperThreshold})`, lowerThreshold)
  }
  if (tunnel && forwarding !== FORWARDING_METHODS.tunnel) {
    throw invalidValue(`${field}.tunnel`, "is for forwarding 'tunnel' only", tunnel)
  }
  // ip_vs_ctl.c:ip_vs_genl_set_cmd of mainline; older kernels take the family of the service for granted.
  const across = destination.family !== service.family && named.forwarding !== undefined
  if (across && forwarding !== FORWARDING_METHODS.tunnel) {
    throw invalidValue(
      `${field}.address`,
      `must be of the service's family, ${familyName(service.family)} (or forwarding 'tunnel')`,
      destination.key.address,
    )
  }
  return config
}

type Property = (to: Mutable<NormalizedDestinationConfig>, value: unknown, field: string) => void

/** What each property of a caller becomes; `undefined` never comes here. */
const PROPERTIES: { readonly [name in keyof Required<DestinationConfig>]: Property } = {
  forwarding: (to, value, field) => {
    to.forwarding = checkName(value, field, FORWARDING_METHODS)
  },
  weight: (to, value, field) => {
    to.weight = checkCount(value, field)
  },
  upperThreshold: (to, value, field) => {
    to.upperThreshold = checkCount(value, field)
  },
  lowerThreshold: (to, value, field) => {
    to.lowerThreshold = checkCount(value, field)
  },
  tunnel: (to, value, field) => {
    to.tunnel = checkTunnel(value, field)
  },
}

const CONFIG_NAMES = Object.keys(PROPERTIES) as (keyof DestinationConfig)[]
const READ_ONLY = [
  'family',
  'activeConnections',
  'inactiveConnections',
  'persistentConnections',
  'stats',
] as const
const DESTINATION_INPUT = new PropertyNames([...KEY, ...CONFIG_NAMES], READ_ONLY)
const DESTINATION_CHANGE = new PropertyNames(CONFIG_NAMES, [...KEY, ...READ_ONLY])

/** Paths of the properties of `destination`, for errors: not made anew for each of ten thousand. */
const PATHS: { readonly [name: string]: string } = [...KEY, ...CONFIG_NAMES].reduce<Record<string, string>>(
  (paths, name) => {
    paths[name] = `${DESTINATION}.${name}`
    return paths
  },
  {},
)
const pathOf = (field: string, name: string): string =>
  field === DESTINATION ? (PATHS[name] as string) : `${field}.${name}`

function nameProperties(
  to: Mutable<NormalizedDestinationConfig>,
  properties: Properties,
  field: string,
): void {
  for (const name of CONFIG_NAMES) {
    const value = properties[name]
    if (value !== undefined) PROPERTIES[name](to, value, pathOf(field, name))
  }
}

/** A destination to add or to set; what is left out has its default, `forwarding` has none. */
export function checkDestinationInput(
  value: unknown,
  service: NormalizedServiceKey,
  field = DESTINATION,
): { readonly destination: NormalizedDestinationKey; readonly config: NormalizedDestinationConfig } {
  const properties = checkProperties(value, field, DESTINATION_INPUT)
  const destination = checkDestinationKey(properties, field)
  if (properties.forwarding === undefined) {
    throw invalidValue(pathOf(field, 'forwarding'), 'must be named: it has no default', undefined)
  }
  const config: NormalizedDestinationConfig = {
    forwarding: 0,
    weight: 1,
    upperThreshold: 0,
    lowerThreshold: 0,
    tunnel: undefined,
  }
  nameProperties(config, properties, field)
  return { destination, config: checkDestinationConfig(config, config, destination, service, field) }
}

/**
 * The named properties of an update; `tunnel: undefined` goes back to plain IP-in-IP. See `mergeDestination`.
 */
export function checkDestinationChange(
  value: unknown,
  field = 'change',
): Partial<NormalizedDestinationConfig> {
  const properties = checkProperties(value, field, DESTINATION_CHANGE)
  refuseIdentity(properties, KEY, field)
  const config: Mutable<NormalizedDestinationConfig> = {}
  nameProperties(config, properties, field)
  if ('tunnel' in properties && properties.tunnel === undefined) config.tunnel = undefined
  return config
}

/** The configuration after an update. A tunnel goes when the forwarding method that it belonged to goes. */
export function mergeDestination(
  current: NormalizedDestinationConfig,
  change: Partial<NormalizedDestinationConfig>,
  destination: NormalizedDestinationKey,
  service: NormalizedServiceKey,
  field = 'change',
): NormalizedDestinationConfig {
  const merged = { ...current, ...change }
  const dropped = !('tunnel' in change) && merged.forwarding !== FORWARDING_METHODS.tunnel
  return checkDestinationConfig(
    dropped ? { ...merged, tunnel: undefined } : merged,
    change,
    destination,
    service,
    field,
  )
}
