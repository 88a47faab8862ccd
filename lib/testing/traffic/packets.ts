/** Packets and bytes of the fake kernel. */

import { invalidValue } from '../../errors/argument-errors'
import type { ConnectionObject } from '../objects/connection-objects'
import type { Counters } from '../objects/counters'
import { addCounters } from '../objects/counters'
import type { DestinationObject, ServiceObject } from '../objects/table-objects'
import type { KernelState } from '../table/state'
import { assure, release, touch } from './connections'

/** What is left out is 0. `in` is what the client sends. */
export interface TrafficCounts {
  /** Default 0. */
  readonly inPackets?: number | bigint | undefined
  /** Of IP packets. Default 0. */
  readonly inBytes?: number | bigint | undefined
  /** Default 0. */
  readonly outPackets?: number | bigint | undefined
  /** Of IP packets. Default 0. */
  readonly outBytes?: number | bigint | undefined
}

const NAMES = ['inPackets', 'inBytes', 'outPackets', 'outBytes'] as const

function checkedCounts(counts: TrafficCounts): Partial<Counters> {
  const checked: Partial<Counters> = {}
  for (const name of Object.keys(counts)) {
    if (!(NAMES as readonly string[]).includes(name)) {
      throw invalidValue(`counts.${name}`, `is not known (there are: ${NAMES.join(', ')})`, undefined)
    }
  }
  for (const name of NAMES) {
    const value = counts[name]
    if (value === undefined) continue
    if ((typeof value === 'number' && !Number.isSafeInteger(value)) || value < 0) {
      throw invalidValue(`counts.${name}`, 'must be an integer, 0 or more', value)
    }
    checked[name] = BigInt(value)
  }
  return checked
}

export function destinationTraffic(
  kernel: KernelState,
  service: ServiceObject,
  destination: DestinationObject,
  counts: TrafficCounts,
): void {
  const checked = checkedCounts(counts)
  addCounters(service.stats, checked)
  addCounters(destination.stats, checked)
  kernel.counters.count(0, checked)
}

/** Each packet starts the timer over; those for a removed destination are dropped (ip_vs_core.c:ip_vs_in). */
export function connectionTraffic(
  kernel: KernelState,
  connection: ConnectionObject,
  counts: TrafficCounts,
): boolean {
  const checked = checkedCounts(counts)
  const { destination } = connection
  if (connection.state === 'expired') return false
  if (!destination.available) {
    if (kernel.sysctl('expire_nodest_conn') !== 0) release(kernel, connection)
    return false
  }
  const service = kernel.services.get(destination.owner)
  addCounters(destination.stats, checked)
  if (service) addCounters(service.stats, checked)
  // ip_vs_proto_udp.c:udp_state_transition
  if (checked.outPackets) assure(kernel, connection)
  kernel.counters.count(connection.cpu, checked)
  touch(kernel, connection)
  return true
}
