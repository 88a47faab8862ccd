/** A desired state once it is checked: by identity, defaults filled in, pools expanded. */

import { invalidType, invalidValue } from '../errors/argument-errors'
import {
  checkDaemonInput,
  checkDesiredDestination,
  checkDesiredService,
  checkLocalAddress,
  checkLocalAddressDrain,
  checkLocalAddressKey,
  checkObject,
  checkProperties,
  checkTimeouts,
  isListed,
  PropertyNames,
} from '../input'
import { canonicalText } from '../model/address'
import type { DesiredDestination, DesiredDestinationState, DesiredState } from '../model/desired-state'
import { destinationKeyId, serviceKeyId } from '../model/keys'
import type { NormalizedServiceChange, NormalizedServiceKey } from '../model/normalized'
import type { InPieces } from '../model/turn'
import { inOneGo, inPieces, Pieces } from '../model/turn'
import type {
  DaemonInput,
  DestinationConfig,
  DestinationKey,
  ServiceConfig,
  ServiceKey,
  Timeouts,
  Tunnel,
} from '../model/types'
import { DestinationSet } from './destination-set'
import type { Pools } from './pools'
import { checkPools } from './pools'
import { StateProblems } from './state-error'

/** One object each: a state can have hundreds of thousands. */
export interface WantedDestination extends DestinationKey {
  readonly forwarding: DestinationConfig['forwarding']
  readonly weight: number
  readonly upperThreshold: number
  readonly lowerThreshold: number
  readonly tunnel: Tunnel | undefined
  readonly state: DesiredDestinationState
  readonly reason: DesiredDestination['reason']
  /** Milliseconds since 1970; when it goes whatever connections it has. */
  readonly until: number | undefined
  /** It has been listed: its values are what a kernel held. */
  readonly held: boolean
}

export interface WantedService {
  readonly key: ServiceKey
  readonly name: string | undefined
  /** It has been listed, and so have its local addresses. */
  readonly held: boolean
  /** What the caller named; what is left out has its default. */
  readonly config: ServiceConfig
  /** Undefined: no opinion. In the order in which they were named. */
  readonly destinations: readonly WantedDestination[] | undefined
  /** Undefined: no opinion. Canonical. */
  readonly localAddresses: ReadonlySet<string> | undefined
  /** Canonical; when each goes whatever it has, milliseconds since 1970. */
  readonly drainLocalAddresses: ReadonlyMap<string, number | undefined>
  readonly checked: { readonly service: NormalizedServiceKey; readonly change: NormalizedServiceChange }
}

export interface WantedState {
  /** By `serviceKeyId`; undefined: no opinion. */
  readonly services: ReadonlyMap<string, WantedService> | undefined
  readonly timeouts: { readonly [name in keyof Timeouts]?: number | undefined } | undefined
  readonly daemons: readonly DaemonInput[] | undefined
}

const STATE = new PropertyNames(['pools', 'services', 'timeouts', 'daemons'])
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
interface Checking {
  readonly problems: StateProblems
  readonly pieces: Pieces
  readonly pools: Pools
  /** Pools all of whose addresses a service of this family can have, as `'10 front'`. */
  readonly fitting: Set<string>
  readonly seen: DestinationSet
}

const twice = (field: string, id: string, value: unknown): Error =>
  invalidValue(field, `is there twice: '${id}'`, value)

/** A name for what is right: paths are made for what is wrong. */
const SOME = 'destination'

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
      problems.try(() => take(value, `${field}[${i}]`))
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

function* wantedService(value: unknown, field: string, checking: Checking): InPieces<WantedService> {
  const { service, change, listed: held, properties, name, rest } = checkDesiredService(value, field)
  const path = `${field}.destinations`
  const destinations =
    rest.destinations === undefined
      ? undefined
      : yield* wantedDestinations(checkArray(rest.destinations, path), service, path, checking)
  const localAddresses =
    rest.localAddresses === undefined
      ? undefined
      : wantedLocalAddresses(rest.localAddresses, service, `${field}.localAddresses`, checking, held)
  const drains = rest.drainLocalAddresses
  return {
    key: service.key,
    name,
    held,
    config: configOf(properties as ServiceConfig),
    destinations,
    localAddresses,
    drainLocalAddresses:
      drains === undefined
        ? NO_DRAINS
        : wantedDrains(drains, service, localAddresses, `${field}.drainLocalAddresses`, checking),
    checked: { service, change },
  }
}

function* wantedServices(value: unknown, checking: Checking): InPieces<Map<string, WantedService>> {
  const { problems, pieces } = checking
  const found = new Map<string, WantedService>()
  for (const [i, item] of checkArray(value, 'services').entries()) {
    if (pieces.isDue()) yield
    const path = `services[${i}]`
    yield* problems.tryInPieces(function* () {
      const service = yield* wantedService(item, path, checking)
      const id = serviceKeyId(service.key)
      if (found.has(id)) throw twice(path, id, item)
      found.set(id, service)
    })
  }
  return found
}

/** Throws a `DesiredStateError` with everything that is wrong. */
export function* wantedOrProblems(desired: DesiredState): InPieces<WantedState> {
  const problems = new StateProblems()
  const wanted = yield* collectDesiredState(desired, problems)
  problems.end()
  return wanted
}

/** Throws a `DesiredStateError` with everything that is wrong, before anything is read. */
export const checkDesiredState = (desired: DesiredState): WantedState => inOneGo(wantedOrProblems(desired))

/** The same for states that take long: rejects then. */
export const checkInPieces = (desired: DesiredState): Promise<WantedState> =>
  inPieces(wantedOrProblems(desired))

/** What is wrong is among the problems then, and missing in what is returned. */
export function* collectDesiredState(desired: DesiredState, problems: StateProblems): InPieces<WantedState> {
  const state = problems.try(() => checkObject(desired, 'state')) ?? {}
  problems.try(() => checkProperties(state, 'state', STATE))
  const pools = checkPools(state.pools, problems)
  const checking: Checking = {
    problems,
    pieces: new Pieces(),
    pools,
    fitting: new Set(),
    seen: new DestinationSet(),
  }
  const services =
    state.services === undefined
      ? undefined
      : yield* problems.tryInPieces(() => wantedServices(state.services, checking))
  const timeouts = problems.try(() => {
    if (state.timeouts === undefined) return undefined
    checkTimeouts(state.timeouts, 'timeouts')
    return { ...(state.timeouts as WantedState['timeouts']) }
  })
  const daemons = problems.try(() => {
    if (state.daemons === undefined) return undefined
    const states = new Set<string>()
    return checkArray(state.daemons, 'daemons').map((value, i) => {
      checkDaemonInput(value, `daemons[${i}]`)
      const daemon = { ...(value as DaemonInput) }
      if (states.has(daemon.state)) throw twice(`daemons[${i}]`, daemon.state, value)
      states.add(daemon.state)
      return daemon
    })
  })
  return { services, timeouts, daemons }
}
