/** Destinations: their keys and their configuration. */

import type { AddressFamily, PackedAddress } from '../address'
import { canonicalText } from '../address'
import { invalidValue, outOfRange } from '../argument-errors'
import { FORWARDING_METHODS, familyName, TUNNEL_FLAGS, TUNNEL_TYPES } from '../numbers'
import type { DestinationKey } from '../types'
import { checkProperties, refuseIdentity } from './properties'
import type { NormalizedServiceKey } from './services'
import type { Mutable, Properties } from './values'
import { checkAddress, checkFamilyAgrees, checkInteger, checkName, checkObject, INT_MAX } from './values'

export interface NormalizedDestinationKey {
  readonly address: PackedAddress
  readonly port: number
  readonly family: AddressFamily
  /** Canonical. */
  readonly key: DestinationKey
}

export interface NormalizedTunnel {
  readonly type: 0 | 1 | 2
  /** 0 but for GUE. */
  readonly port: number
  readonly flags: number
}

export interface NormalizedDestinationConfig {
  /** 0–5. */
  readonly forwarding: number
  readonly weight: number
  readonly upperThreshold: number
  readonly lowerThreshold: number
  readonly tunnel: NormalizedTunnel | undefined
}

const DESTINATION_CONFIG = ['forwarding', 'weight', 'upperThreshold', 'lowerThreshold', 'tunnel'] as const
const DESTINATION_READ_ONLY = [
  'family',
  'activeConnections',
  'inactiveConnections',
  'persistentConnections',
  'stats',
] as const
const DESTINATION_INPUT = ['address', 'port', ...DESTINATION_CONFIG]
const DESTINATION_NOT_CHANGED = ['address', 'port', ...DESTINATION_READ_ONLY]

/** Other properties are allowed, as for services. */
export function checkDestinationKey(value: unknown, field = 'destination'): NormalizedDestinationKey {
  const properties = checkObject(value, field)
  const address = checkAddress(properties.address, `${field}.address`)
  const port = checkInteger(properties.port, `${field}.port`, 0, 65535)
  checkFamilyAgrees(properties.family, address.family, field)
  return {
    address,
    port,
    family: address.family,
    key: { address: canonicalText(address, properties.address as string), port },
  }
}

function checkTunnel(value: unknown, field: string): NormalizedTunnel | undefined {
  if (value === undefined) return undefined
  const { type, port, checksum } = checkProperties(value, field, ['type', 'port', 'checksum'])
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

/** The named configuration properties; `tunnel: undefined` counts as named. */
function readDestinationConfig(properties: Properties, field: string): Partial<NormalizedDestinationConfig> {
  const config: Mutable<NormalizedDestinationConfig> = {}
  if (properties.forwarding !== undefined) {
    config.forwarding = checkName(properties.forwarding, `${field}.forwarding`, FORWARDING_METHODS)
  }
  for (const name of ['weight', 'upperThreshold', 'lowerThreshold'] as const) {
    if (properties[name] !== undefined)
      config[name] = checkInteger(properties[name], `${field}.${name}`, 0, INT_MAX)
  }
  if ('tunnel' in properties) config.tunnel = checkTunnel(properties.tunnel, `${field}.tunnel`)
  return config
}

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
  field = 'destination',
): { readonly destination: NormalizedDestinationKey; readonly config: NormalizedDestinationConfig } {
  const properties = checkProperties(value, field, DESTINATION_INPUT, DESTINATION_READ_ONLY)
  const destination = checkDestinationKey(properties, field)
  const named = readDestinationConfig(properties, field)
  if (named.forwarding === undefined) {
    throw invalidValue(`${field}.forwarding`, 'must be named: it has no default', properties.forwarding)
  }
  const config: NormalizedDestinationConfig = {
    forwarding: named.forwarding,
    weight: named.weight ?? 1,
    upperThreshold: named.upperThreshold ?? 0,
    lowerThreshold: named.lowerThreshold ?? 0,
    tunnel: named.tunnel,
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
  const properties = checkProperties(value, field, DESTINATION_CONFIG, DESTINATION_NOT_CHANGED)
  refuseIdentity(properties, ['address', 'port'], field)
  return readDestinationConfig(properties, field)
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
