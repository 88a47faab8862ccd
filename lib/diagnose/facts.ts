/** What the checks are made from. */

import type { Capabilities } from '../kernel/capabilities'
import { parseAddress } from '../model/address'
import type { MachineInfo, MachineSocket } from '../model/machine'
import type { ExtendedStatistics } from '../model/observed'
import type { SysctlInfo } from '../model/sysctls'
import type { DaemonInput, LocalAddressInfo, ServiceKey } from '../model/types'
import type { Found } from './finding-list'
import type { ServiceView } from './view'

/** A part that could not be read is undefined, and is a finding of its own. */
export interface Facts {
  readonly capabilities: Capabilities
  readonly services: readonly ServiceView[]
  readonly machine: MachineInfo | undefined
  readonly own: OwnAddresses
  readonly sysctls: ReadonlyMap<string, SysctlInfo> | undefined
  readonly daemons: readonly DaemonInput[] | undefined
  /** Ports on which people log in. */
  readonly loginPorts: readonly number[]
  /** By address; empty where sockets could not be read. */
  readonly sockets: ReadonlyMap<string, readonly MachineSocket[]>
  /** Addresses by which people log in, with the sockets that say so. */
  readonly logins: ReadonlyMap<string, readonly string[]>
  /** The second look, `interval` after the first; undefined where there is nothing to compare. */
  readonly growth: Growth | undefined
}

export interface Growth {
  readonly milliseconds: number
  readonly localAddresses: readonly {
    readonly service: ServiceKey
    readonly before: LocalAddressInfo
    readonly after: LocalAddressInfo
  }[]
  readonly counters: { readonly before: ExtendedStatistics; readonly after: ExtendedStatistics } | undefined
}

export type Report = (found: Found) => void
export type Check = (facts: Facts, report: Report) => void

/** The number that a sysctl has, undefined where there is none or it could not be read. */
export function numberOf({ sysctls }: Facts, name: string): number | undefined {
  const value = sysctls?.get(name)?.value
  return typeof value === 'number' ? value : undefined
}

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.')

/** Which addresses are this machine's own. */
export class OwnAddresses {
  private readonly known: boolean
  private readonly addresses: ReadonlySet<string>
  private readonly networks: readonly { readonly first: number; readonly mask: number }[]

  constructor(private readonly machine: MachineInfo | undefined) {
    this.known = machine?.addresses !== undefined
    this.addresses = new Set(machine?.addresses?.map(({ address }) => address))
    this.networks = (machine?.localNetworks ?? []).map((text) => {
      const [address, prefix] = text.split('/')
      const bits = Number(prefix)
      const mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0
      return { first: ((parseAddress(address as string)?.a ?? 0) & mask) >>> 0, mask }
    })
  }

  /** Undefined where it cannot be told. */
  has(address: string): boolean | undefined {
    if (!this.known) return undefined
    if (isLoopback(address) || this.addresses.has(address)) return true
    if (address.includes(':')) return false
    const word = parseAddress(address)?.a ?? 0
    return this.networks.some(({ first, mask }) => (word & mask) >>> 0 === first)
  }

  /** Of one family, loopback left out. */
  others(family: 'ipv4' | 'ipv6'): string[] {
    return Array.from(this.addresses).filter(
      (address) =>
        address.includes(':') === (family === 'ipv6') && !isLoopback(address) && !address.startsWith('fe80:'),
    )
  }

  /** Names of interfaces that an address of this machine is on. */
  interfacesOf(matches: (address: string) => boolean): Set<string> {
    const names = new Set<string>()
    for (const { address, interface: name } of this.machine?.addresses ?? []) {
      if (name !== undefined && !isLoopback(address) && matches(address)) names.add(name)
    }
    return names
  }
}

/** At most so many of a list go into the evidence. */
export const SHOWN = 10

/** Array.prototype.flatMap, which Node 10 does not have. */
export function flatMap<T, U>(items: Iterable<T>, of: (item: T) => readonly U[]): U[] {
  const found: U[] = []
  for (const item of items) {
    for (const one of of(item)) found.push(one)
  }
  return found
}

/** Items by a key, in the order in which the keys came. */
export function groupBy<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}
