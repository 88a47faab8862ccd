/** A desired state once it is checked: by identity, defaults filled in, pools expanded. */

import { invalidType, invalidValue } from '../errors/argument-errors'
import {
  checkDaemonInput,
  checkDestinationInput,
  checkLocalAddress,
  checkLocalAddressKey,
  checkObject,
  checkProperties,
  checkServiceInput,
  checkTimeouts,
  isListed,
  PropertyNames,
} from '../input'
import type { DesiredDestination, DesiredDestinationState, DesiredState } from '../model/desired-state'
import { destinationKeyId, serviceKeyId } from '../model/keys'
import type {
  NormalizedDestinationConfig,
  NormalizedDestinationKey,
  NormalizedServiceChange,
  NormalizedServiceKey,
} from '../model/normalized'
import { PROTOCOLS } from '../model/numbers'
import type {
  DaemonInput,
  DestinationConfig,
  DestinationKey,
  ServiceConfig,
  ServiceKey,
  Timeouts,
} from '../model/types'
import type { Pools } from './pools'
import { checkPools } from './pools'
import { StateProblems } from './state-error'

export interface WantedDestination {
  readonly key: DestinationKey
  readonly config: Required<
    Pick<DestinationConfig, 'forwarding' | 'weight' | 'upperThreshold' | 'lowerThreshold'>
  > &
    Pick<DestinationConfig, 'tunnel'>
  readonly state: DesiredDestinationState
  readonly reason: string | undefined
  /** Milliseconds since 1970; when it goes whatever connections it has. */
  readonly until: number | undefined
  /** It has been listed: its values are what a kernel held. */
  readonly held: boolean
  /** For the rules of kernels. */
  readonly checked: {
    readonly destination: NormalizedDestinationKey
    readonly config: NormalizedDestinationConfig
  }
}

export interface WantedService {
  readonly key: ServiceKey
  readonly name: string | undefined
  /** It has been listed, and so have its local addresses. */
  readonly held: boolean
  /** What the caller named; what is left out has its default. */
  readonly config: ServiceConfig
  /** Undefined: no opinion. By `destinationKeyId`. */
  readonly destinations: ReadonlyMap<string, WantedDestination> | undefined
  /** Undefined: no opinion. Canonical. */
  readonly localAddresses: ReadonlySet<string> | undefined
  readonly checked: { readonly service: NormalizedServiceKey; readonly change: NormalizedServiceChange }
}

export interface WantedState {
  /** By `serviceKeyId`; undefined: no opinion. */
  readonly services: ReadonlyMap<string, WantedService> | undefined
  readonly timeouts: { readonly [name in keyof Timeouts]?: number | undefined } | undefined
  readonly daemons: readonly DaemonInput[] | undefined
}

const STATE = new PropertyNames(['pools', 'services', 'timeouts', 'daemons'])
const STATES: readonly string[] = ['on', 'drain', 'off']
const REASONS: readonly string[] = ['drain', 'health', 'maintenance']

export function checkArray(value: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalidType(field, 'Array', value)
  return value
}

function checkWord(value: unknown, words: readonly string[], field: string): void {
  if (words.includes(value as string)) return
  throw invalidValue(field, `must be one of: ${words.map((word) => `'${word}'`).join(', ')}`, value)
}

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/

export function checkTime(value: unknown, field: string): number {
  const time = typeof value === 'string' && TIME.test(value) ? Date.parse(value) : Number.NaN
  if (Number.isNaN(time)) throw invalidValue(field, "must be a time such as '2026-01-31T12:00:00Z'", value)
  return time
}

function wantedDestination(value: unknown, service: NormalizedServiceKey, field: string): WantedDestination {
  const { state = 'on', reason, until, ...input } = checkObject(value, field)
  checkWord(state, STATES, `${field}.state`)
  if (reason !== undefined) checkWord(reason, REASONS, `${field}.reason`)
  const time = until === undefined ? undefined : checkTime(until, `${field}.until`)
  if (
    state === 'drain' &&
    time === undefined &&
    service.kind === 'address' &&
    service.protocol === PROTOCOLS.udp
  ) {
    throw invalidValue(`${field}.until`, 'must be named: UDP connections do not end by themselves', until)
  }
  const desired = input as unknown as DesiredDestination
  const { destination, config } = checkDestinationInput(desired, service, field)
  return {
    key: destination.key,
    config: {
      forwarding: desired.forwarding,
      weight: config.weight,
      upperThreshold: config.upperThreshold,
      lowerThreshold: config.lowerThreshold,
      tunnel: desired.tunnel ?? undefined,
    },
    state: state as DesiredDestinationState,
    reason: reason as string | undefined,
    until: time,
    held: isListed(input),
    checked: { destination, config },
  }
}

/** By identity; a second of the same is refused. */
function collect<T>(
  values: readonly unknown[],
  field: string,
  problems: StateProblems,
  read: (value: unknown, field: string) => T,
  idOf: (item: T) => string,
): Map<string, T> {
  const found = new Map<string, T>()
  for (const [i, value] of values.entries()) {
    const path = `${field}[${i}]`
    problems.try(() => {
      const item = read(value, path)
      const id = idOf(item)
      if (found.has(id)) throw invalidValue(path, `is there twice: '${id}'`, value)
      found.set(id, item)
    })
  }
  return found
}

function wantedLocalAddresses(
  value: unknown,
  service: NormalizedServiceKey,
  pools: Pools,
  field: string,
  problems: StateProblems,
  held: boolean,
): Set<string> {
  if (!Array.isArray(value)) {
    const { pool } = checkProperties(value, field, new PropertyNames(['pool']))
    const addresses = typeof pool === 'string' ? pools.get(pool) : undefined
    if (!addresses) throw invalidValue(`${field}.pool`, 'must be the name of a pool in pools', pool)
    for (const address of addresses) problems.try(() => checkLocalAddress(address, service, `${field}.pool`))
    return new Set(addresses)
  }
  const checkAddress = held ? checkLocalAddressKey : checkLocalAddress
  const found = collect(
    value,
    field,
    problems,
    (item, path) => checkAddress(item, service, path).text,
    (text) => text,
  )
  return new Set(found.keys())
}

function wantedService(value: unknown, field: string, pools: Pools, problems: StateProblems): WantedService {
  const { name, destinations, localAddresses, ...input } = checkObject(value, field)
  if (name !== undefined && typeof name !== 'string') throw invalidType(`${field}.name`, 'string', name)
  const { service, change } = checkServiceInput(input, field)
  const held = isListed(input)
  const {
    protocol: _p,
    address: _a,
    port: _o,
    fwmark: _f,
    family: _m,
    flags: _g,
    stats: _s,
    ...config
  } = input
  return {
    key: service.key,
    name: name as string | undefined,
    held,
    config: config as ServiceConfig,
    destinations:
      destinations === undefined
        ? undefined
        : collect(
            checkArray(destinations, `${field}.destinations`),
            `${field}.destinations`,
            problems,
            (item, path) => wantedDestination(item, service, path),
            ({ key }) => destinationKeyId(key),
          ),
    localAddresses:
      localAddresses === undefined
        ? undefined
        : wantedLocalAddresses(localAddresses, service, pools, `${field}.localAddresses`, problems, held),
    checked: { service, change },
  }
}

/** Throws a `DesiredStateError` with everything that is wrong, before anything is read. */
export function checkDesiredState(desired: DesiredState): WantedState {
  const problems = new StateProblems()
  const wanted = collectDesiredState(desired, problems)
  problems.end()
  return wanted
}

/** What is wrong is among the problems then, and missing in what is returned. */
export function collectDesiredState(desired: DesiredState, problems: StateProblems): WantedState {
  const state = problems.try(() => checkObject(desired, 'state')) ?? {}
  problems.try(() => checkProperties(state, 'state', STATE))
  const pools = checkPools(state.pools, problems)
  const services =
    state.services === undefined
      ? undefined
      : problems.try(() =>
          collect(
            checkArray(state.services, 'services'),
            'services',
            problems,
            (value, path) => wantedService(value, path, pools, problems),
            ({ key }) => serviceKeyId(key),
          ),
        )
  const timeouts = problems.try(() => {
    if (state.timeouts !== undefined) checkTimeouts(state.timeouts, 'timeouts')
    return state.timeouts as WantedState['timeouts']
  })
  const daemons = problems.try(() => {
    if (state.daemons === undefined) return undefined
    return checkArray(state.daemons, 'daemons').map((value, i) => {
      checkDaemonInput(value, `daemons[${i}]`)
      return value as DaemonInput
    })
  })
  return { services, timeouts, daemons }
}
