/** CPUs of fullnat-v3 that no local address of a service would live on, with the addresses that mend it. */

import { localAddressCpu } from '../kernel/local-address-coverage'
import type { PackedAddress } from '../model/address'
import { lastByte, parseAddress } from '../model/address'
import type { AddressRange } from '../model/address-range'
import { addressNumber } from '../model/address-range'
import { formatServiceKey } from '../model/keys'
import { Pieces } from '../model/turn'
import type { ReconcileReader } from './client'
import type { PlanWarning } from './plan-types'
import { addressesByCpu } from './suggest-local-addresses'
import type { WantedService } from './wanted-types'

const LAST_BYTE = BigInt(256)

/** Those that differ in the last byte alone: they are on the same network, more often than not. */
function neighbours(address: PackedAddress): AddressRange {
  const number = addressNumber(address)
  const first = number - (number % LAST_BYTE) + BigInt(1)
  return { family: address.family, first, last: first + LAST_BYTE - BigInt(3) }
}

const isFullnat = ({ destinations }: WantedService): boolean =>
  (destinations ?? []).some(({ state, forwarding }) => state !== 'off' && forwarding === 'fullnat')

export async function coverageWarnings(
  { localAddresses: reader }: ReconcileReader,
  wanted: readonly WantedService[],
): Promise<PlanWarning[]> {
  const machine = await reader?.cpus?.()
  if (!machine || machine.reserveCore >= machine.cpus) return []
  const { cpus, reserveCore } = machine
  const taken = new Set<string>()
  const pieces = new Pieces()
  const pools = new Set<ReadonlySet<string>>()
  for (const { localAddresses } of wanted) {
    // Services share the addresses of their pool.
    if (!localAddresses || pools.has(localAddresses)) continue
    pools.add(localAddresses)
    if (pieces.isDue(localAddresses.size)) await pieces.next()
    for (const address of localAddresses) taken.add(address)
  }
  const found: PlanWarning[] = []
  for (const service of wanted) {
    const { key, localAddresses } = service
    if (pieces.isDue(1 + (localAddresses?.size ?? 0))) await pieces.next()
    if (!localAddresses || localAddresses.size === 0 || !isFullnat(service)) continue
    const packed = Array.from(localAddresses, parseAddress) as PackedAddress[]
    const covered = new Set(packed.map((address) => localAddressCpu(lastByte(address), cpus, reserveCore)))
    const missing = new Set<number>()
    for (let cpu = reserveCore; cpu < cpus; cpu++) if (!covered.has(cpu)) missing.add(cpu)
    if (missing.size === 0) continue
    const free = addressesByCpu(missing, machine, neighbours(packed[0] as PackedAddress), taken)
    const mend = Array.from(missing, (cpu) => free.get(cpu)).filter((text) => text !== undefined)
    found.push({
      code: 'local-addresses-per-cpu',
      message: `${formatServiceKey(key)} has no local address on CPU ${Array.from(missing).join(', ')}: connections that arrive there are lost`,
      service: key,
      hint:
        mend.length < missing.size
          ? 'Name local addresses with other last bytes: suggestLocalAddresses() finds them.'
          : `Name ${mend.join(', ')} besides, where those are free.`,
    })
  }
  return found
}
