/** A snapshot or a desired state as the same services, checked and in order. */

import { invalidType, invalidValue } from '../../errors/argument-errors'
import {
  checkDesiredDestination,
  checkDesiredService,
  checkLocalAddressDrain,
  checkLocalAddressKey,
  checkObject,
} from '../../input'
import type { DesiredDestination, DesiredService, DesiredState } from '../../model/desired-state'
import { destinationKeyId, serviceKeyId } from '../../model/keys'
import type {
  NormalizedDestinationConfig,
  NormalizedDestinationKey,
  NormalizedServiceConfig,
  NormalizedServiceKey,
} from '../../model/normalized'
import { SERVICE_FLAGS } from '../../model/numbers'
import type { DaemonInfo, Snapshot, SnapshotService, SnapshotWithoutStats, Timeouts } from '../../model/types'
import { compareDestinationKeys, compareServiceKeys } from './order'
import { poolAddresses } from './pool-addresses'

/** What `snapshot()` gives, with or without counters, with the kernel's timeouts and daemons where they are to be written, too. */
export interface RulesSnapshot {
  readonly services: Snapshot['services'] | SnapshotWithoutStats['services']
  readonly timeouts?: Timeouts | undefined
  readonly daemons?: readonly DaemonInfo[] | undefined
}

/** What can be written as rules: a snapshot, or a desired state. */
export type RulesSource = DesiredState | RulesSnapshot

export interface SourceDestination {
  readonly key: NormalizedDestinationKey
  readonly config: NormalizedDestinationConfig
  readonly state: 'on' | 'drain' | 'off'
  readonly reason: string | undefined
  readonly until: string | undefined
}

export interface SourceService {
  readonly key: NormalizedServiceKey
  readonly config: NormalizedServiceConfig
  /** `synproxy` is named, true or false. */
  readonly namesSynproxy: boolean
  readonly name: string | undefined
  readonly destinations: readonly SourceDestination[]
  /** Undefined: no opinion. A text where it is a pool with too many. */
  readonly localAddresses: readonly string[] | { readonly tooMany: string } | undefined
  /** As they were given. */
  readonly drainLocalAddresses: readonly unknown[]
}

function checkList(value: unknown, field: string): readonly unknown[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw invalidType(field, 'Array', value)
  return value
}

/** The text would be loaded up to the second one. */
function refuseTwice<T>(list: readonly T[], idOf: (one: T) => string, field: string): void {
  const seen = new Set<string>()
  for (const one of list) {
    const id = idOf(one)
    if (seen.has(id)) throw invalidValue(field, 'must not have anything twice', id)
    seen.add(id)
  }
}

function readDestination(value: unknown, service: NormalizedServiceKey, field: string): SourceDestination {
  const { destination: key, ...desired } = checkDesiredDestination(value, service, field)
  return { key, ...desired, until: (value as DesiredDestination).until }
}

function readLocalAddresses(
  value: unknown,
  pools: DesiredState['pools'],
  service: NormalizedServiceKey,
  field: string,
): SourceService['localAddresses'] {
  if (value === undefined) return undefined
  let list: readonly unknown[] | undefined = Array.isArray(value) ? value : undefined
  if (list === undefined) {
    const { pool } = checkObject(value, field)
    const found = pools?.[String(pool)]
    if (!found) throw invalidValue(`${field}.pool`, 'must name one of the pools', pool)
    list = poolAddresses(found.addresses, `pools.${String(pool)}.addresses`)
    if (list === undefined) return { tooMany: String(pool) }
  }
  const texts = list.map((item, i) => {
    // A snapshot has objects, a desired state texts.
    const address = typeof item === 'object' && item !== null ? (item as { address: unknown }).address : item
    return checkLocalAddressKey(address, service, `${field}[${i}]`).text
  })
  return Array.from(new Set(texts))
}

function readService(value: unknown, pools: DesiredState['pools'], field: string): SourceService {
  const { service: listed, ...one } = checkObject(value, field) as unknown as DesiredService &
    Partial<SnapshotService>
  const { service: key, config, change, name, rest } = checkDesiredService({ ...one, ...listed }, field)
  const { destinations, localAddresses, drainLocalAddresses } = rest
  const real = checkList(destinations, `${field}.destinations`).map((item, i) =>
    readDestination(item, key, `${field}.destinations[${i}]`),
  )
  const drains = checkList(drainLocalAddresses, `${field}.drainLocalAddresses`)
  for (const [i, item] of drains.entries()) {
    checkLocalAddressDrain(item, key, `${field}.drainLocalAddresses[${i}]`)
  }
  refuseTwice(real, (item) => destinationKeyId(item.key.key), `${field}.destinations`)
  return {
    key,
    config,
    namesSynproxy: (change.flagsMask & SERVICE_FLAGS.synproxy) !== 0,
    name,
    destinations: real.sort((x, y) => compareDestinationKeys(x.key, y.key)),
    localAddresses: readLocalAddresses(localAddresses, pools, key, `${field}.localAddresses`),
    drainLocalAddresses: drains,
  }
}

/** Throws argument errors where it is neither a snapshot nor a state. */
export function readSource(source: RulesSource): SourceService[] {
  const { services, pools } = checkObject(source, 'source') as DesiredState
  const read = checkList(services, 'source.services').map((service, i) =>
    readService(service, pools, `source.services[${i}]`),
  )
  refuseTwice(read, ({ key }) => serviceKeyId(key.key), 'source.services')
  return read.sort((x, y) => compareServiceKeys(x.key, y.key))
}
