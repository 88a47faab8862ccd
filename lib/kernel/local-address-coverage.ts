/** Which CPU a local address of fullnat-v3 serves, as far as it can be told. */

import type { CpuState } from '../border/transport'
import { lastByte, parseAddress } from '../model/address'
import type { LocalAddressInfo } from '../model/types'

/**
 * Where the local addresses of a service live on fullnat-v3. An address stays on the CPU that was reckoned when it was *added*
 * (ip_vs_ctl.c:ip_vs_add_laddr), and no list of the kernel says which that was; so this is what holds if `reserve_core` was then
 * what it is now, and `uncertain` says for which CPUs that matters. To be certain, remove the addresses and add them again.
 */
export interface LocalAddressCoverage {
  /** CPUs `reserve_core` to the last (all, where it leaves none), with the addresses that an add of now would put there. */
  readonly cpus: readonly { readonly cpu: number; readonly addresses: readonly string[] }[]
  /**
   * Of `cpus`, those without an address: every connection whose first packet arrives there is lost without an answer. All of
   * them where `reserve_core` leaves none.
   */
  readonly uncovered: readonly number[]
  /**
   * Of `cpus`, those of which the opposite can be true, because `reserve_core` may have been another when the addresses were
   * added. What is said of the others holds whatever it was. Empty where there is one CPU, or one list for all (fullnat-v2).
   */
  readonly uncertain: readonly number[]
}

/** The CPU that a local address of fullnat-v3 serves (ip_vs_ctl.c:laddr_to_cpuid); `reserved` < `online`. */
export function localAddressCpu(lastByte: number, online: number, reserved: number): number {
  return (lastByte % (online - reserved)) + reserved
}

/**
 * By each address in the order of the list the CPUs that it can be on. The list is grouped by CPU, the first CPU first
 * (ip_vs_ctl.c:ip_vs_genl_dump_laddrs), which rules some of them out.
 */
function possibleCpus(bytes: readonly number[], online: number): number[][] {
  const all = bytes.map((byte) => {
    const cpus = new Set<number>()
    for (let reserved = 0; reserved < online; reserved++) cpus.add(localAddressCpu(byte, online, reserved))
    return Array.from(cpus).sort((one, other) => one - other)
  })
  let least = 0
  const fromBelow = all.map((cpus) => {
    const left = cpus.filter((cpu) => cpu >= least)
    least = left[0] ?? least
    return left
  })
  let most = online - 1
  return fromBelow
    .reverse()
    .map((cpus) => {
      const left = cpus.filter((cpu) => cpu <= most)
      most = left[left.length - 1] ?? most
      return left
    })
    .reverse()
}

/** Whether every address can be on a CPU other than `cpu`, in the order of the list. */
function canBeWithout(possible: readonly (readonly number[])[], cpu: number): boolean {
  let least = 0
  return possible.every((cpus) => {
    const next = cpus.find((other) => other >= least && other !== cpu)
    least = next ?? least
    return next !== undefined
  })
}

/** By the addresses that were read. */
export function coverage(
  found: readonly LocalAddressInfo[],
  { online, reserved }: CpuState,
): LocalAddressCoverage {
  const usable = reserved >= 0 && reserved < online
  const first = usable ? reserved : 0
  const cpus: { cpu: number; addresses: string[] }[] = []
  for (let cpu = first; cpu < online; cpu++) cpus.push({ cpu, addresses: [] })
  const bytes: number[] = []
  for (const { address } of found) {
    const packed = parseAddress(address)
    if (!packed) continue
    const byte = lastByte(packed)
    bytes.push(byte)
    if (usable) cpus[localAddressCpu(byte, online, reserved) - first]?.addresses.push(address)
  }
  const possible = possibleCpus(bytes, online)
  const certain = ({ cpu, addresses }: (typeof cpus)[number]) =>
    addresses.length > 0 ? !canBeWithout(possible, cpu) : !possible.some((others) => others.includes(cpu))
  const numbers = (those: typeof cpus) => those.map(({ cpu }) => cpu)
  return {
    cpus,
    uncovered: numbers(cpus.filter(({ addresses }) => addresses.length === 0)),
    uncertain: numbers(cpus.filter((cpu) => !certain(cpu))),
  }
}
