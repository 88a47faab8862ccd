/** Local addresses that give every CPU of fullnat-v3 one. */

import { invalidType, invalidValue, outOfRange } from '../errors/argument-errors'
import { checkProperties, PropertyNames } from '../input'
import { checkInteger, INT_MAX } from '../input/values'
import { localAddressCpu } from '../kernel/local-address-coverage'
import { AF_INET, canonicalAddress, formatPacked, lastByte } from '../model/address'
import type { AddressRange } from '../model/address-range'
import { addressOfNumber, parseAddressRange, rangeSize } from '../model/address-range'

/** Options of `suggestLocalAddresses`. */
export interface SuggestOptions {
  /** CPUs that are online; `ipvs.localAddresses.cpus()` has both numbers. */
  readonly cpus: number
  /** The first so many get none, as the sysctl `reserve_core` says. Default 0. */
  readonly reserveCore?: number | undefined
  /** Where the addresses come from: `'10.1.0.0/24'`, or a range. */
  readonly network: string
  /** Addresses that are not to be suggested. */
  readonly taken?: readonly string[] | undefined
}

const OPTIONS = new PropertyNames(['cpus', 'reserveCore', 'network', 'taken'])
/** The last byte decides: what is not found in so many rounds of it is not there. */
const MOST_LOOKED_AT = 65_536

const ONE = BigInt(1)

function checkNetwork(value: unknown): AddressRange {
  const field = 'options.network'
  if (typeof value !== 'string') throw invalidType(field, 'string', value)
  const range = parseAddressRange(value)
  if (typeof range === 'string') throw invalidValue(field, range, value)
  // The first address of an IPv4 network names it, the last is for broadcasts.
  const named = value.includes('/') && range.family === AF_INET && rangeSize(range) > BigInt(2)
  return named ? { ...range, first: range.first + ONE, last: range.last - ONE } : range
}

function checkTaken(value: unknown): ReadonlySet<string> {
  if (value === undefined) return new Set()
  if (!Array.isArray(value)) throw invalidType('options.taken', 'Array', value)
  return new Set(
    (value as readonly unknown[]).map((item, i) => {
      const address = typeof item === 'string' ? canonicalAddress(item) : undefined
      if (address === undefined) throw invalidValue(`options.taken[${i}]`, 'must be an IP address', item)
      return address
    }),
  )
}

/** For each of the CPUs the lowest free address that would live on it, as far as there is one. */
export function addressesByCpu(
  wanted: ReadonlySet<number>,
  { cpus, reserveCore }: { readonly cpus: number; readonly reserveCore: number },
  { family, first, last }: AddressRange,
  taken: ReadonlySet<string>,
): Map<number, string> {
  const found = new Map<number, string>()
  let looked = 0
  for (let at = first; at <= last && found.size < wanted.size && looked < MOST_LOOKED_AT; at += ONE) {
    looked++
    const packed = addressOfNumber(at, family)
    const cpu = localAddressCpu(lastByte(packed), cpus, reserveCore)
    if (!wanted.has(cpu) || found.has(cpu)) continue
    const text = formatPacked(packed)
    if (!taken.has(text)) found.set(cpu, text)
  }
  return found
}

/**
 * One local address for each CPU from `reserveCore` on, in the order of the CPUs: on fullnat-v3 each lives on the CPU that its
 * last byte says, and a CPU without one loses every connection whose first packet arrives there (ip_vs_ctl.c:laddr_to_cpuid).
 *
 * ```ts
 * import { suggestLocalAddresses } from 'ipvs-fullnat/reconcile'
 *
 * suggestLocalAddresses({ cpus: 4, network: '10.1.0.0/24' })   // ['10.1.0.4', '10.1.0.1', '10.1.0.2', '10.1.0.3']
 * ```
 *
 * Throws where `reserveCore` leaves no CPU, and where the network has no address for one of them.
 */
export function suggestLocalAddresses(options: SuggestOptions): string[] {
  const checked = checkProperties(options, 'options', OPTIONS)
  const cpus = checkInteger(checked.cpus, 'options.cpus', 1, INT_MAX)
  const { reserveCore: reserved = 0, network } = checked
  if (!Number.isInteger(reserved) || (reserved as number) < 0 || (reserved as number) >= cpus) {
    throw outOfRange('options.reserveCore', `>= 0 && < cpus (${cpus})`, reserved)
  }
  const reserveCore = reserved as number
  const range = checkNetwork(network)
  const taken = checkTaken(checked.taken)
  const wanted = new Set<number>()
  for (let cpu = reserveCore; cpu < cpus; cpu++) wanted.add(cpu)
  const found = addressesByCpu(wanted, { cpus, reserveCore }, range, taken)
  return Array.from(wanted, (cpu) => {
    const address = found.get(cpu)
    if (address === undefined)
      throw invalidValue('options.network', `has no free address for CPU ${cpu}`, network)
    return address
  })
}
