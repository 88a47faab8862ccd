/** Names of properties: those that mean nothing are refused, with the one that was probably meant. */

import { invalidValue } from '../errors/argument-errors'
import type { Properties } from './values'
import { checkObject } from './values'

/** Names under which other tools know our properties. */
const ALIASES: Readonly<Record<string, string>> = {
  proto: 'protocol',
  vip: 'address',
  ip: 'address',
  host: 'address',
  mark: 'fwmark',
  sched: 'scheduler',
  schedname: 'scheduler',
  ops: 'onePacket',
  esttimeout: 'establishedTimeout',
  synproxyenabled: 'synproxy',
  persistent: 'persistence',
  pe: 'engine',
  mask: 'netmask',
  method: 'forwarding',
  forwardingmethod: 'forwarding',
  fwd: 'forwarding',
  fwdmethod: 'forwarding',
  uthreshold: 'upperThreshold',
  lthreshold: 'lowerThreshold',
  finwait: 'tcpFin',
  mcastifn: 'interface',
  mcastgroup: 'multicastGroup',
}

/** Levenshtein distance. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const replaced = (row[j - 1] as number) + (one[i - 1] === other[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[other.length] as number
}

const plainOf = (name: string): string => name.toLowerCase().replace(/[_-]/g, '')

/** The one that was probably meant. */
export function closestName(name: string, known: readonly string[]): string | undefined {
  const plain = plainOf(name)
  const alias = ALIASES[plain]
  if (alias !== undefined && known.includes(alias)) return alias
  const ranked = known
    .map((candidate) => ({ candidate, away: distance(plain, plainOf(candidate)) }))
    .sort((one, other) => one.away - other.away)
  const best = ranked[0]
  return best && best.away <= Math.min(2, plain.length / 2) ? best.candidate : undefined
}

/** What a listed object has beside its configuration, and what tells it from one that a caller made. */
const LISTED = 'stats'

/**
 * Was the object listed, or made of one that was? What the kernel holds is no argument: such an object may have every value
 * that a kernel can hold, and no rule is about what nobody named.
 */
export function isListed(properties: Properties): boolean {
  const mark = properties[LISTED]
  return typeof mark === 'object' && mark !== null
}

const NO_COUNTERS = Object.freeze({})

/** As if it had been listed: a state that was saved has what a kernel held. */
export const asListed = <T extends object>(object: T): T =>
  Object.assign({}, object, { [LISTED]: NO_COUNTERS })

/** Names that an object may have. */
export class PropertyNames {
  private readonly allowed: ReadonlySet<string>

  /** Those of `ignored` may be there besides: they come from what was listed, or have an error of their own. */
  constructor(
    readonly known: readonly string[],
    ignored: readonly string[] = [],
  ) {
    this.allowed = new Set([...known, ...ignored])
  }

  allow(name: string): boolean {
    return this.allowed.has(name)
  }
}

/** Refuses names that mean nothing here. */
export function checkProperties(value: unknown, field: string, names: PropertyNames): Properties {
  const properties = checkObject(value, field)
  // Not Object.keys(): it makes an array of each of ten thousand objects.
  for (const name in properties) {
    if (names.allow(name) || !Object.prototype.hasOwnProperty.call(properties, name)) continue
    const { known } = names
    const meant = closestName(name, known)
    throw invalidValue(
      `${field}.${name}`,
      meant ? `is not known (did you mean '${meant}'?)` : `is not known (there are: ${known.join(', ')})`,
      properties[name],
    )
  }
  return properties
}

/** In a change. */
export function refuseFixed(
  properties: Properties,
  identity: readonly string[],
  readOnly: readonly string[],
  field: string,
): void {
  const refuse = (names: readonly string[], reason: string) => {
    for (const name of names) {
      if (properties[name] !== undefined) throw invalidValue(`${field}.${name}`, reason, properties[name])
    }
  }
  refuse(identity, 'is part of the identity and cannot be changed')
  refuse(readOnly, 'is read-only: it can be listed, not changed')
}
