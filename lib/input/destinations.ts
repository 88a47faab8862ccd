/** Destinations: their keys and their configuration. */

import { invalidValue, outOfRange } from '../errors/argument-errors'
import type {
  NormalizedDestinationChange,
  NormalizedDestinationConfig,
  NormalizedServiceKey,
  NormalizedTunnel,
} from '../model/normalized'
import { NormalizedDestinationKey } from '../model/normalized'
import { FORWARDING_MASK, FORWARDING_METHODS, familyName, TUNNEL_FLAGS, TUNNEL_TYPES } from '../model/numbers'
import type { DestinationConfig, DestinationInput } from '../model/types'
import { checkProperties, isListed, PropertyNames, refuseFixed } from './properties'
import type { Properties } from './values'
import {
  checkAddress,
  checkFamilyAgrees,
  checkInteger,
  checkName,
  checkObject,
  INT_MAX,
  refuseMapped,
  U32_MAX,
} from './values'

const KEY = ['address', 'port'] as const
const TUNNEL = new PropertyNames(['type', 'port', 'checksum'])

const DESTINATION = 'destination'

/** Other properties are allowed, as for services. */
export function checkDestinationKey(value: unknown, field = DESTINATION): NormalizedDestinationKey {
  const properties = checkObject(value, field)
  const paths = pathsOf(field)
  const address = checkAddress(properties.address, paths.address)
  const port = checkInteger(properties.port, paths.port, 0, 65535)
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

/** A name, or the number of what has none. */
const nameOrNumber = (
  value: unknown,
  field: string,
  names: Readonly<Record<string, number>>,
  max: number,
): number => (typeof value === 'number' ? checkInteger(value, field, 0, max) : checkName(value, field, names))

/** As a kernel holds it: it takes every type, and a port and flags with each of them (ip_vs_ctl.c:ip_vs_genl_parse_dest). */
function checkHeldTunnel(value: unknown, field: string): NormalizedTunnel {
  const { type, port, checksum } = checkProperties(value, field, TUNNEL)
  return {
    type: nameOrNumber(type, `${field}.type`, TUNNEL_TYPES, 65535),
    port: port === undefined ? 0 : checkInteger(port, `${field}.port`, 0, 65535),
    flags: checksum === undefined ? 0 : nameOrNumber(checksum, `${field}.checksum`, TUNNEL_FLAGS, 65535),
  }
}

const checkForwarding = (value: unknown, field: string, listed: boolean): number =>
  listed
    ? nameOrNumber(value, field, FORWARDING_METHODS, FORWARDING_MASK)
    : checkName(value, field, FORWARDING_METHODS)

const checkWeight = (value: unknown, field: string, listed: boolean): number =>
  listed ? checkInteger(value, field, -INT_MAX - 1, INT_MAX) : checkInteger(value, field, 0, INT_MAX)

const checkThreshold = (value: unknown, field: string, listed: boolean): number =>
  checkInteger(value, field, 0, listed ? U32_MAX : INT_MAX)

/** Only what was `named` can be wrong. */
function checkThresholds(config: NormalizedDestinationConfig, named: Properties, field: string): void {
  const { upperThreshold, lowerThreshold } = config
  // The kernel says ERANGE, also for a lower threshold without an upper one (ip_vs_ctl.c:ip_vs_add_dest).
  if (lowerThreshold > upperThreshold) {
    if (named.lowerThreshold !== undefined) {
      throw outOfRange(`${field}.lowerThreshold`, `<= upperThreshold (${upperThreshold})`, lowerThreshold)
    }
    if (named.upperThreshold !== undefined) {
      throw outOfRange(`${field}.upperThreshold`, `>= lowerThreshold (${lowerThreshold})`, upperThreshold)
    }
  }
}

/** A listed destination has a tunnel with that method only. */
function checkTunnelBelongs(
  forwarding: number,
  tunnel: NormalizedTunnel | null | undefined,
  field: string,
): void {
  if (tunnel && forwarding !== FORWARDING_METHODS.tunnel) {
    throw invalidValue(`${field}.tunnel`, "is for forwarding 'tunnel' only", tunnel)
  }
}

/** ip_vs_ctl.c:ip_vs_genl_set_cmd of mainline; older kernels take the family of the service for granted. */
function leadsAcross(
  forwarding: number | undefined,
  destination: NormalizedDestinationKey,
  service: NormalizedServiceKey,
): boolean {
  const across = destination.family !== service.family
  return across && forwarding !== undefined && forwarding !== FORWARDING_METHODS.tunnel
}

type Check = (value: unknown, field: string, listed: boolean) => unknown

/** What each property of a caller becomes; `undefined` never comes here. */
const CHECKS = {
  forwarding: checkForwarding,
  weight: checkWeight,
  upperThreshold: checkThreshold,
  lowerThreshold: checkThreshold,
  tunnel: (value: unknown, field: string, listed: boolean): NormalizedTunnel | null => {
    if (value === null) return null
    return listed ? checkHeldTunnel(value, field) : checkTunnel(value, field)
  },
} satisfies { readonly [name in keyof Required<DestinationConfig>]: Check }

const CONFIG_NAMES = Object.keys(CHECKS) as (keyof DestinationConfig)[]
const READ_ONLY = [
  'family',
  'activeConnections',
  'inactiveConnections',
  'persistentConnections',
  'stats',
] as const
const DESTINATION_CHANGE = new PropertyNames(CONFIG_NAMES, [...KEY, ...READ_ONLY])

type Paths = { readonly [name in keyof Required<DestinationInput>]: string }

const makePaths = (field: string): Paths => ({
  address: `${field}.address`,
  port: `${field}.port`,
  forwarding: `${field}.forwarding`,
  weight: `${field}.weight`,
  upperThreshold: `${field}.upperThreshold`,
  lowerThreshold: `${field}.lowerThreshold`,
  tunnel: `${field}.tunnel`,
})
const DESTINATION_PATHS = makePaths(DESTINATION)
/** Not made anew for each of ten thousand destinations. */
const pathsOf = (field: string): Paths => (field === DESTINATION ? DESTINATION_PATHS : makePaths(field))

/** Written out: it is done ten thousand times, and a loop over names costs four times as much. */
function nameProperties(
  { forwarding, weight, upperThreshold, lowerThreshold, tunnel }: Properties,
  paths: Paths,
  listed: boolean,
): NormalizedDestinationChange {
  return {
    forwarding:
      forwarding === undefined ? undefined : CHECKS.forwarding(forwarding, paths.forwarding, listed),
    weight: weight === undefined ? undefined : CHECKS.weight(weight, paths.weight, listed),
    upperThreshold:
      upperThreshold === undefined
        ? undefined
        : CHECKS.upperThreshold(upperThreshold, paths.upperThreshold, listed),
    lowerThreshold:
      lowerThreshold === undefined
        ? undefined
        : CHECKS.lowerThreshold(lowerThreshold, paths.lowerThreshold, listed),
    tunnel: tunnel === undefined ? undefined : CHECKS.tunnel(tunnel, paths.tunnel, listed),
  }
}

/** The same with defaults, and without an object between: it is done for each of hundreds of thousands. */
function wholeConfig(
  { forwarding, weight, upperThreshold, lowerThreshold, tunnel }: Properties,
  paths: Paths,
  listed: boolean,
): NormalizedDestinationConfig {
  return {
    forwarding: CHECKS.forwarding(forwarding, paths.forwarding, listed),
    weight: weight === undefined ? 1 : CHECKS.weight(weight, paths.weight, listed),
    upperThreshold:
      upperThreshold === undefined ? 0 : CHECKS.upperThreshold(upperThreshold, paths.upperThreshold, listed),
    lowerThreshold:
      lowerThreshold === undefined ? 0 : CHECKS.lowerThreshold(lowerThreshold, paths.lowerThreshold, listed),
    tunnel: tunnel === undefined ? undefined : (CHECKS.tunnel(tunnel, paths.tunnel, listed) ?? undefined),
  }
}

/** Those of a destination to add or to set, and of what has `more`. */
export const destinationNames = (...more: readonly string[]): PropertyNames =>
  new PropertyNames([...KEY, ...CONFIG_NAMES, ...more], READ_ONLY)
const DESTINATION_INPUT = destinationNames()

/** A destination to add or to set; what is left out has its default, `forwarding` has none. */
export function checkDestinationInput(
  value: unknown,
  service: NormalizedServiceKey,
  field = DESTINATION,
  names = DESTINATION_INPUT,
): { readonly destination: NormalizedDestinationKey; readonly config: NormalizedDestinationConfig } {
  const properties = checkProperties(value, field, names)
  const destination = checkDestinationKey(properties, field)
  const paths = pathsOf(field)
  if (properties.forwarding === undefined) {
    throw invalidValue(paths.forwarding, 'must be named: it has no default', undefined)
  }
  const listed = isListed(properties)
  const config = wholeConfig(properties, paths, listed)
  checkTunnelBelongs(config.forwarding, config.tunnel, field)
  if (listed) return { destination, config }
  refuseMapped(destination.address, properties.address, paths.address)
  checkThresholds(config, properties, field)
  if (leadsAcross(config.forwarding, destination, service)) {
    throw invalidValue(
      paths.address,
      `must be of the service's family, ${familyName(service.family)} (or forwarding 'tunnel')`,
      properties.address,
    )
  }
  return { destination, config }
}

/** The named properties of an update; `undefined` counts as not named. See `mergeDestination`. */
export function checkDestinationChange(value: unknown, field = 'change'): NormalizedDestinationChange {
  const properties = checkProperties(value, field, DESTINATION_CHANGE)
  refuseFixed(properties, KEY, READ_ONLY, field)
  return nameProperties(properties, pathsOf(field), false)
}

/** The configuration after an update. A tunnel goes when the forwarding method that it belonged to goes. */
export function mergeDestination(
  current: NormalizedDestinationConfig,
  named: NormalizedDestinationChange,
  destination: NormalizedDestinationKey,
  service: NormalizedServiceKey,
  field = 'change',
): NormalizedDestinationConfig {
  const forwarding = named.forwarding ?? current.forwarding
  const kept = forwarding === FORWARDING_METHODS.tunnel ? current.tunnel : undefined
  const config: NormalizedDestinationConfig = {
    forwarding,
    weight: named.weight ?? current.weight,
    upperThreshold: named.upperThreshold ?? current.upperThreshold,
    lowerThreshold: named.lowerThreshold ?? current.lowerThreshold,
    tunnel: named.tunnel === undefined ? kept : (named.tunnel ?? undefined),
  }
  checkTunnelBelongs(forwarding, named.tunnel, field)
  checkThresholds(config, named as Properties, field)
  if (leadsAcross(named.forwarding, destination, service)) {
    throw invalidValue(
      `${field}.forwarding`,
      "must be 'tunnel' for a destination that is not of the service's family",
      forwarding,
    )
  }
  return config
}
