/** Destinations: their keys and their configuration. */

import { invalidValue, outOfRange } from '../errors/argument-errors'
import type { NormalizedDestinationConfig, NormalizedServiceKey, NormalizedTunnel } from '../model/normalized'
import { NormalizedDestinationKey } from '../model/normalized'
import { FORWARDING_METHODS, familyName, TUNNEL_FLAGS, TUNNEL_TYPES } from '../model/numbers'
import { checkProperties, PropertyNames, refuseIdentity } from './properties'
import type { Mutable } from './values'
import { checkAddress, checkFamilyAgrees, checkInteger, checkName, checkObject, INT_MAX } from './values'

const DESTINATION_CONFIG = ['forwarding', 'weight', 'upperThreshold', 'lowerThreshold', 'tunnel'] as const
const DESTINATION_READ_ONLY = [
  'family',
  'activeConnections',
  'inactiveConnections',
  'persistentConnections',
  'stats',
] as const
const DESTINATION_INPUT = new PropertyNames(['address', 'port', ...DESTINATION_CONFIG], DESTINATION_READ_ONLY)
const DESTINATION_CHANGE = new PropertyNames(DESTINATION_CONFIG, [
  'address',
  'port',
  ...DESTINATION_READ_ONLY,
])
const TUNNEL = new PropertyNames(['type', 'port', 'checksum'])

/** Paths of the properties, for errors. */
class Paths {
  readonly address: string
  readonly port: string
  readonly forwarding: string
  readonly weight: string
  readonly upperThreshold: string
  readonly lowerThreshold: string
  readonly tunnel: string

  constructor(field: string) {
    this.address = `${field}.address`
    this.port = `${field}.port`
    this.forwarding = `${field}.forwarding`
    this.weight = `${field}.weight`
    this.upperThreshold = `${field}.upperThreshold`
    this.lowerThreshold = `${field}.lowerThreshold`
    this.tunnel = `${field}.tunnel`
  }
}

const DESTINATION = 'destination'
const destinationPaths = new Paths(DESTINATION)
/** Not made anew for each of ten thousand destinations. */
const pathsOf = (field: string): Paths => (field === DESTINATION ? destinationPaths : new Paths(field))

/** Other properties are allowed, as for services. */
export function checkDestinationKey(value: unknown, field = DESTINATION): NormalizedDestinationKey {
  const properties = checkObject(value, field)
  const paths = pathsOf(field)
  const address = checkAddress(properties.address, paths.address)
  const port = checkInteger(properties.port, paths.port, 0, 65535)
  checkFamilyAgrees(properties.family, address.family, field)
  return new NormalizedDestinationKey(address, port)
}

function checkTunnel(value: unknown, field: string): NormalizedTunnel | undefined {
  if (value === undefined) return undefined
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

/** What only holds or fails when all properties are known. */
function checkDestinationConfig(
  config: NormalizedDestinationConfig,
  destination: NormalizedDestinationKey,
  service: NormalizedServiceKey,
  field: string,
): NormalizedDestinationConfig {
  const { forwarding, upperThreshold, lowerThreshold, tunnel } = config
  // The kernel says ERANGE, also for a lower threshold without an upper one (ip_vs_ctl.c:ip_vs_add_dest).
  if (lowerThreshold > upperThreshold) {
    throw outOfRange(`${field}.lowerThreshold`, `<= upperThreshold (${upperThreshold})`, lowerThreshold)
  }
  if (tunnel && forwarding !== FORWARDING_METHODS.tunnel) {
    throw invalidValue(`${field}.tunnel`, "is for forwarding 'tunnel' only", tunnel)
  }
  // ip_vs_ctl.c:ip_vs_genl_set_cmd of mainline; older kernels take the family of the service for granted.
  if (destination.family !== service.family && forwarding !== FORWARDING_METHODS.tunnel) {
    throw invalidValue(
      `${field}.address`,
      `must be of the service's family, ${familyName(service.family)} (or forwarding 'tunnel')`,
      destination.key.address,
    )
  }
  return config
}

/** A destination to add or to set; what is left out has its default, `forwarding` has none. */
export function checkDestinationInput(
  value: unknown,
  service: NormalizedServiceKey,
  field = DESTINATION,
): { readonly destination: NormalizedDestinationKey; readonly config: NormalizedDestinationConfig } {
  const properties = checkProperties(value, field, DESTINATION_INPUT)
  const destination = checkDestinationKey(properties, field)
  const { forwarding, weight, upperThreshold, lowerThreshold, tunnel } = properties
  const paths = pathsOf(field)
  if (forwarding === undefined) {
    throw invalidValue(paths.forwarding, 'must be named: it has no default', forwarding)
  }
  const config: NormalizedDestinationConfig = {
    forwarding: checkName(forwarding, paths.forwarding, FORWARDING_METHODS),
    weight: weight === undefined ? 1 : checkCount(weight, paths.weight),
    upperThreshold: upperThreshold === undefined ? 0 : checkCount(upperThreshold, paths.upperThreshold),
    lowerThreshold: lowerThreshold === undefined ? 0 : checkCount(lowerThreshold, paths.lowerThreshold),
    tunnel: checkTunnel(tunnel, paths.tunnel),
  }
  return { destination, config: checkDestinationConfig(config, destination, service, field) }
}

/**
 * The named properties of an update; `tunnel: undefined` goes back to plain IP-in-IP. See `mergeDestination`.
 */
export function checkDestinationChange(
  value: unknown,
  field = 'change',
): Partial<NormalizedDestinationConfig> {
  const properties = checkProperties(value, field, DESTINATION_CHANGE)
  refuseIdentity(properties, ['address', 'port'], field)
  const config: Mutable<NormalizedDestinationConfig> = {}
  const paths = pathsOf(field)
  const { forwarding } = properties
  if (forwarding !== undefined)
    config.forwarding = checkName(forwarding, paths.forwarding, FORWARDING_METHODS)
  for (const name of ['weight', 'upperThreshold', 'lowerThreshold'] as const) {
    if (properties[name] !== undefined) config[name] = checkCount(properties[name], paths[name])
  }
  if ('tunnel' in properties) config.tunnel = checkTunnel(properties.tunnel, paths.tunnel)
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
    destination,
    service,
    field,
  )
}
