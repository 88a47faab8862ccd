/** The services of a desired state once they are checked. */

import { invalidType, invalidValue } from '../errors/argument-errors'
import {
  checkDesiredDestination,
  checkDesiredService,
  checkLocalAddress,
  checkLocalAddressDrain,
  checkLocalAddressKey,
  checkProperties,
  isListed,
  PropertyNames,
} from '../input'
import { canonicalText } from '../model/address'
import type { DesiredDestination } from '../model/desired-state'
import { destinationKeyId, serviceKeyId } from '../model/keys'
import type { NormalizedServiceKey } from '../model/normalized'
import { familyName } from '../model/numbers'
import type { InPieces, Pieces } from '../model/turn'
import type { ServiceConfig } from '../model/types'
import type { DestinationSet } from './destination-set'
import type { Pools } from './pools'
import type { StateProblems } from './state-error'
import type { WantedDestination, WantedService } from './wanted-types'

export function checkArray(value: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalidType(field, 'Array', value)
  return value
}

function wantedDestination(value: unknown, service: NormalizedServiceKey, field: string): WantedDestination {
  const { destination, config, state, reason, until } = checkDesiredDestination(value, service, field)
  const { address, forwarding, tunnel } = value as DesiredDestination
  const { weight, upperThreshold, lowerThreshold } = config
  return {
    address: canonicalText(destination.address, address),
    port: destination.port,
    forwarding,
    weight,
    upperThreshold,
    lowerThreshold,
    tunnel: tunnel ? { ...tunnel } : undefined,
    state,
    reason,
    until,
    held: isListed(value as Readonly<Record<string, unknown>>),
  }
}

/** What the checks of one state have in common. */
export interface Checking {
  readonly problems: StateProblems
  readonly pieces: Pieces
  readonly pools: Pools
  /** Pools all of whose addresses a service of this family can have, as `'10 front'`. */
  readonly fitting: Set<string>
  readonly seen: DestinationSet
}

export const twice = (field: string, id: string, value: unknown): Error =>
  invalidValue(field, `is there twice: '${id}'`, value)

/** A name for what is right: paths are made for what is wrong. */
const SOME = 'destination'

/** For what a destination must have. */
const STAND_INS = {
  ipv4: { address: '192.0.2.1', port: 1, forwarding: 'masquerade' },
  ipv6: { address: '2001:db8::1', port: 1, forwarding: 'masquerade' },
}

function* wantedDestinations(
  list: readonly unknown[],
  service: NormalizedServiceKey,
  field: string,
  { problems, pieces, seen }: Checking,
): InPieces<WantedDestination[]> {
  const found: WantedDestination[] = []
  const take = (value: unknown, path: string): void => {
    const destination = wantedDestination(value, service, path)
    if (!seen.add(found, destination)) throw twice(path, destinationKeyId(destination), value)
  }
  seen.begin(list.length)
  for (let i = 0; i < list.length; i++) {
    if (pieces.isDue()) yield
    const value = list[i]
    try {
      take(value, SOME)
    } catch {
      const path = `${field}[${i}]`
      const right = problems.tryEach(
        value,
        path,
        (one) => wantedDestination(one, service, path),
        STAND_INS[familyName(service.family)],
      )
      if (right) problems.try(() => take(value, path))
    }
  }
  return found
}

function wantedLocalAddresses(
  value: unknown,
  service: NormalizedServiceKey,
  field: string,
  { problems, pools, fitting }: Checking,
  held: boolean,
): ReadonlySet<string> {
  if (!Array.isArray(value)) {
    const { pool } = checkProperties(value, field, new PropertyNames(['pool']))
    const addresses = typeof pool === 'string' ? pools.get(pool) : undefined
    if (!addresses) throw invalidValue(`${field}.pool`, 'must be the name of a pool in pools', pool)
    const known = `${service.family} ${pool}`
    if (fitting.has(known)) return addresses
    let fits = true
    for (const address of addresses) {
      const right = problems.try(() => checkLocalAddress(address, service, `${field}.pool`))
      if (!right) fits = false
    }
    if (fits) fitting.add(known)
    return addresses
  }
  const checkAddress = held ? checkLocalAddressKey : checkLocalAddress
  const found = new Set<string>()
  for (const [i, item] of value.entries()) {
    const path = `${field}[${i}]`
    problems.try(() => {
      const { text } = checkAddress(item, service, path)
      if (found.has(text)) throw twice(path, text, item)
      found.add(text)
    })
  }
  return found
}

function wantedDrains(
  value: unknown,
  service: NormalizedServiceKey,
  kept: ReadonlySet<string> | undefined,
  field: string,
  { problems }: Checking,
): Map<string, number | undefined> {
  const found = new Map<string, number | undefined>()
  for (const [i, item] of checkArray(value, field).entries()) {
    const path = `${field}[${i}]`
    problems.try(() => {
      const { address, until } = checkLocalAddressDrain(item, service, path)
      if (found.has(address)) throw twice(path, address, item)
      if (kept?.has(address)) throw invalidValue(`${path}.address`, 'must not be in localAddresses', address)
      found.set(address, until)
    })
  }
  return found
}

const NO_DRAINS: ReadonlyMap<string, undefined> = new Map()

/** A state that is kept is not what its caller makes of it later. */
const configOf = ({
  scheduler,
  schedulerFlags,
  persistence,
  onePacket,
  synproxy,
  establishedTimeout,
}: ServiceConfig): ServiceConfig => ({
  scheduler,
  schedulerFlags: schedulerFlags && Array.from(schedulerFlags),
  persistence: persistence && { ...persistence },
  onePacket,
  synproxy,
  establishedTimeout,
})

/** Undefined where nothing can be told of it. */
function checkedService(
  value: unknown,
  field: string,
  { problems }: Checking,
): ReturnType<typeof checkDesiredService> | undefined {
  let last: ReturnType<typeof checkDesiredService> | undefined
  problems.tryEach(value, field, (one) => {
    last = checkDesiredService(one, field)
  })
  return last
}

function* wantedService(
  value: unknown,
  field: string,
  checking: Checking,
): InPieces<WantedService | undefined> {
  const checked = checkedService(value, field, checking)
  if (!checked) return undefined
  const { service, change, listed: held, properties, name, rest } = checked
  const { problems } = checking
  const path = `${field}.destinations`
  const list = problems.try(() =>
    rest.destinations === undefined ? undefined : checkArray(rest.destinations, path),
  )
  const destinations = list && (yield* wantedDestinations(list, service, path, checking))
  const localAddresses = problems.try(() =>
    rest.localAddresses === undefined
      ? undefined
      : wantedLocalAddresses(rest.localAddresses, service, `${field}.localAddresses`, checking, held),
  )
  const drains = problems.try(() =>
    rest.drainLocalAddresses === undefined
      ? undefined
      : wantedDrains(
          rest.drainLocalAddresses,
          service,
          localAddresses,
          `${field}.drainLocalAddresses`,
          checking,
        ),
  )
  return {
    key: service.key,
    name,
    held,
    config: configOf(properties as ServiceConfig),
    destinations,
    localAddresses,
    drainLocalAddresses: drains ?? NO_DRAINS,
    checked: { service, change },
  }
}

/** By `serviceKeyId`. */
export function* wantedServices(value: unknown, checking: Checking): InPieces<Map<string, WantedService>> {
  const { problems, pieces } = checking
  const found = new Map<string, WantedService>()
  for (const [i, item] of checkArray(value, 'services').entries()) {
    if (pieces.isDue()) yield
    const path = `services[${i}]`
    const service = yield* wantedService(item, path, checking)
    if (!service) continue
    problems.try(() => {
      const id = serviceKeyId(service.key)
      if (found.has(id)) throw twice(path, id, item)
      found.set(id, service)
    })
  }
  return found
}
