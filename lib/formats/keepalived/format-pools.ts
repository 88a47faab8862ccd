/** Pools → `local_address_group`, in lines that Alibaba's and dpvs's keepalived read as what they say. */

import { invalidType, invalidValue } from '../../errors/argument-errors'
import { AF_INET, formatPacked } from '../../model/address'
import type { AddressRange } from '../../model/address-range'
import { addressesOf, addressOfNumber, parseAddressRange, rangeSize } from '../../model/address-range'
import type { DesiredState } from '../../model/desired-state'
import type { KeepalivedDialect } from './dialects'
import { MOST_GROUP_ADDRESSES } from './limits'
import type { Losses } from './losses'

/** What every dialect reads as one word, and nothing else. */
export const isPlainWord = (text: string): boolean => /^[A-Za-z0-9_][A-Za-z0-9_.:@/+-]*$/.test(text)

/** Their loops end at 254 at most (check_data.c:alloc_laddr_entry), and what ends in 255 is dropped. */
const LAST_BYTE = 254

function linesOfQuads({ family, first, last }: AddressRange): string[] {
  const lines: string[] = []
  const text = (number: bigint) => formatPacked(addressOfNumber(number, family))
  for (let start = first; start <= last; ) {
    const byte = Number(start & BigInt(255))
    const whole = start + BigInt(255 - byte)
    const end = last < whole ? last : whole
    const endByte = byte + Number(end - start)
    const until = Math.min(endByte, LAST_BYTE)
    if (until > byte) lines.push(`${text(start)}-${until}`)
    else if (until === byte) lines.push(text(start))
    if (endByte > LAST_BYTE) lines.push(text(end))
    start = end + BigInt(1)
  }
  return lines
}

/** The ends of IPv6 ranges are decimal in one dialect and hexadecimal in the other: addresses are the same in both. */
const linesOf = (range: AddressRange): string[] =>
  range.family === AF_INET ? linesOfQuads(range) : addressesOf(range)

function rangesOf(addresses: unknown, field: string): AddressRange[] {
  if (!Array.isArray(addresses)) throw invalidType(field, 'Array', addresses)
  return Array.from(addresses as unknown[], (entry, i) => {
    if (typeof entry !== 'string') throw invalidType(`${field}[${i}]`, 'string', entry)
    const range = parseAddressRange(entry)
    if (typeof range === 'string') throw invalidValue(`${field}[${i}]`, range, entry)
    return range
  })
}

/** The name of a group in the text, or why there is none. */
type Written = { readonly name: string } | { readonly reason: string }

/** The groups of a text: the pools, and one for each list of addresses that services have. */
export class LocalGroups {
  private readonly blocks: (readonly string[])[] = []
  private readonly names = new Map<string, Written>()
  private readonly lists = new Map<string, Written>()
  private readonly taken: Set<string>

  constructor(
    pools: NonNullable<DesiredState['pools']>,
    private readonly dialect: KeepalivedDialect,
    /** dpvs wants to know it; undefined where nobody says. */
    private readonly device: string | undefined,
    losses: Losses,
  ) {
    const all = Object.keys(pools)
    this.taken = new Set(all.filter(isPlainWord))
    for (const pool of all) {
      const ranges = rangesOf(pools[pool]?.addresses, `state.pools[${JSON.stringify(pool)}].addresses`)
      const written = this.add(isPlainWord(pool) ? pool : undefined, ranges)
      const one = losses.of({ pool })
      if ('reason' in written) one.object(written.reason)
      else if (written.name !== pool) one.property('name', pool, `cannot be written: it is '${written.name}'`)
      this.names.set(pool, written)
    }
  }

  get lines(): readonly (readonly string[])[] {
    return this.blocks
  }

  /** The name of a group with these addresses; undefined where there can be none, which is a loss. */
  nameOf(
    wanted: readonly string[] | { readonly pool: string },
    field: string,
    losses: Losses,
  ): string | undefined {
    const written = 'pool' in wanted ? this.names.get(wanted.pool) : this.listed(wanted, field)
    if (!written) throw invalidValue(`${field}.pool`, 'must be one of state.pools', wanted)
    if ('name' in written) return written.name
    losses.property('localAddresses', wanted, written.reason)
    return undefined
  }

  private listed(wanted: readonly string[], field: string): Written {
    const ranges = rangesOf(wanted, field)
    const id = wanted.join(' ')
    const written = this.lists.get(id) ?? this.add(undefined, ranges)
    this.lists.set(id, written)
    return written
  }

  private add(name: string | undefined, ranges: readonly AddressRange[]): Written {
    if (this.dialect === 'mainline') return { reason: 'keepalived has no local addresses' }
    if (this.dialect === 'dpvs' && this.device === undefined) {
      return { reason: 'dpvs wants the interface, and none is given' }
    }
    const count = ranges.reduce((sum, range) => sum + rangeSize(range), BigInt(0))
    if (count > BigInt(MOST_GROUP_ADDRESSES)) return { reason: `more than ${MOST_GROUP_ADDRESSES} addresses` }
    const group = name ?? this.freshName()
    const device = this.dialect === 'dpvs' ? ` ${this.device}` : ''
    const lines: string[] = []
    for (const range of ranges) for (const line of linesOf(range)) lines.push(`    ${line}${device}`)
    this.blocks.push([`local_address_group ${group} {`, ...lines, '}'])
    return { name: group }
  }

  private freshName(): string {
    for (let i = 1; ; i++) {
      const name = `laddr_${i}`
      if (this.taken.has(name)) continue
      this.taken.add(name)
      return name
    }
  }
}
