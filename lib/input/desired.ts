/** Services and destinations of a desired state: what a kernel is told, and what stands beside it. */

import { invalidType, invalidValue } from '../errors/argument-errors'
import type {
  DesiredDestinationConfig,
  DesiredDestinationState,
  DesiredServiceConfig,
} from '../model/desired-state'
import type {
  NormalizedDestinationConfig,
  NormalizedDestinationKey,
  NormalizedServiceKey,
} from '../model/normalized'
import { PROTOCOLS } from '../model/numbers'
import type { DestinationConfig, ServiceConfig } from '../model/types'
import { checkDestinationInput, destinationNames } from './destinations'
import { checkLocalAddressKey } from './local-addresses'
import { checkProperties, PropertyNames } from './properties'
import { checkServiceInput, serviceNames } from './services'
import type { Properties } from './values'
import { checkObject } from './values'

const OF_DESTINATION = {
  state: true,
  reason: true,
  until: true,
} satisfies { readonly [name in Exclude<keyof DesiredDestinationConfig, keyof DestinationConfig>]-?: true }
const DESTINATION = destinationNames(...Object.keys(OF_DESTINATION))

const STATES: readonly string[] = ['on', 'drain', 'off']
const REASONS: readonly string[] = ['drain', 'health', 'maintenance']
const TIME = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/

/** Milliseconds since 1970 of an ISO 8601 time. */
export function checkTime(value: unknown, field: string): number {
  const [, day] = (typeof value === 'string' && TIME.exec(value)) || []
  // Date.parse() makes the 2nd of March of the 30th of February.
  const isDay = day !== undefined && String(new Date(day).toJSON()).startsWith(day)
  const time = isDay ? Date.parse(value as string) : Number.NaN
  if (Number.isNaN(time)) throw invalidValue(field, "must be a time such as '2026-01-31T12:00:00Z'", value)
  return time
}

/** `name` is the property's, and joined to its object's where it is wrong only. */
function checkWord(value: unknown, words: readonly string[], field: string, name: string): void {
  if (words.includes(value as string)) return
  const named = words.map((word) => `'${word}'`).join(', ')
  throw invalidValue(`${field}.${name}`, `must be one of: ${named}`, value)
}

export interface CheckedDesiredDestination {
  readonly destination: NormalizedDestinationKey
  readonly config: NormalizedDestinationConfig
  readonly state: DesiredDestinationState
  readonly reason: DesiredDestinationConfig['reason']
  /** Milliseconds since 1970. */
  readonly until: number | undefined
}

export function checkDesiredDestination(
  value: unknown,
  service: NormalizedServiceKey,
  field: string,
): CheckedDesiredDestination {
  const { state = 'on', reason, until } = checkObject(value, field)
  checkWord(state, STATES, field, 'state')
  if (reason !== undefined) checkWord(reason, REASONS, field, 'reason')
  const time = until === undefined ? undefined : checkTime(until, `${field}.until`)
  if (
    state === 'drain' &&
    time === undefined &&
    service.kind === 'address' &&
    service.protocol === PROTOCOLS.udp
  ) {
    throw invalidValue(`${field}.until`, 'must be named: UDP connections do not end by themselves', until)
  }
  const { destination, config } = checkDestinationInput(value, service, field, DESTINATION)
  return {
    destination,
    config,
    state: state as DesiredDestinationState,
    reason: reason as DesiredDestinationConfig['reason'],
    until: time,
  }
}

const DRAIN = new PropertyNames(['address', 'until'])

/** One of `drainLocalAddresses`. */
export function checkLocalAddressDrain(
  value: unknown,
  service: NormalizedServiceKey,
  field: string,
): { readonly address: string; readonly until: number | undefined } {
  const { address, until } = checkProperties(value, field, DRAIN)
  return {
    address: checkLocalAddressKey(address, service, `${field}.address`).text,
    until: until === undefined ? undefined : checkTime(until, `${field}.until`),
  }
}

const OF_SERVICE = {
  name: true,
  destinations: true,
  localAddresses: true,
  drainLocalAddresses: true,
} satisfies { readonly [name in Exclude<keyof DesiredServiceConfig, keyof ServiceConfig>]-?: true }
const SERVICE = serviceNames(...Object.keys(OF_SERVICE))

/** The service as a kernel is told it, and the rest of a desired one, not looked at but for its name. */
export interface CheckedDesiredService extends ReturnType<typeof checkServiceInput> {
  readonly properties: Properties
  readonly name: string | undefined
  readonly rest: { readonly [name in Exclude<keyof typeof OF_SERVICE, 'name'>]: unknown }
}

/** Nothing is spread here and below: that costs more than all the checks. */
export function checkDesiredService(value: unknown, field: string): CheckedDesiredService {
  const properties = checkObject(value, field)
  const { name, destinations, localAddresses, drainLocalAddresses } = properties
  if (name !== undefined && typeof name !== 'string') throw invalidType(`${field}.name`, 'string', name)
  const { service, config, change, listed } = checkServiceInput(properties, field, SERVICE)
  return {
    service,
    config,
    change,
    listed,
    properties,
    name,
    rest: { destinations, localAddresses, drainLocalAddresses },
  }
}
