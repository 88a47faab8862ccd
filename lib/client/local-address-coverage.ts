/** Which CPU a local address of fullnat-v3 serves. */

import type { CpuState } from '../border/transport'
import { lastByte, parseAddress } from '../model/address'
import type { LocalAddressInfo } from '../model/types'

/** Where the local addresses of a service live on fullnat-v3. */
export interface LocalAddressCoverage {
  /** CPUs `reserve_core` to the last, with the addresses that serve them. */
  readonly cpus: readonly { readonly cpu: number; readonly addresses: readonly string[] }[]
  /** CPUs without an address: every connection whose first packet arrives there is lost without an answer. */
  readonly uncovered: readonly number[]
}

/** The CPU that a local address of fullnat-v3 serves (ip_vs_ctl.c:laddr_to_cpuid); `reserved` < `online`. */
export function localAddressCpu(lastByte: number, online: number, reserved: number): number {
  return (lastByte % (online - reserved)) + reserved
}

/** By the addresses that were read. */
export function coverage(found: readonly LocalAddressInfo[], state: CpuState): LocalAddressCoverage {
  const cpus: { cpu: number; addresses: string[] }[] = []
  for (let cpu = state.reserved; cpu < state.online; cpu++) cpus.push({ cpu, addresses: [] })
  for (const { address } of found) {
    const packed = parseAddress(address)
    if (!packed) continue
    const cpu = localAddressCpu(lastByte(packed), state.online, state.reserved)
    cpus[cpu - state.reserved]?.addresses.push(address)
  }
  return { cpus, uncovered: cpus.filter(({ addresses }) => addresses.length === 0).map(({ cpu }) => cpu) }
}
