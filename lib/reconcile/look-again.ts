/** Reading again what steps were about. */

import type { CallOptions } from '../model/call-types'
import { serviceKeyId } from '../model/keys'
import { Pieces } from '../model/turn'
import type { ServiceKey, SnapshotService } from '../model/types'
import type { ReconcileClient } from './client'
import type { PlanStep } from './plan-types'
import { readTable } from './read-table'
import { TableView } from './table-view'

/** Beyond so many services a whole snapshot is cheaper. */
const MOST_SINGLE_LOOKS = 16

async function readService(
  ipvs: ReconcileClient,
  key: ServiceKey,
  call: CallOptions,
): Promise<SnapshotService | undefined> {
  const service = await ipvs.services.get(key, call)
  if (!service) return undefined
  const gone = (error: { code?: string }): never[] => {
    // It went between the two reads.
    if (error.code === 'ESRCH') return []
    throw error
  }
  const [destinations, localAddresses] = await Promise.all([
    ipvs.destinations.list(key, call).catch(gone),
    ipvs.capabilities.localAddresses ? ipvs.localAddresses.list(key, call).catch(gone) : [],
  ])
  return { service, destinations, localAddresses }
}

/** The services that these steps are about: each by itself, or all with one snapshot. */
export async function lookAt(
  ipvs: ReconcileClient,
  steps: readonly PlanStep[],
  call: CallOptions,
): Promise<TableView> {
  const keys = new Map<string, ServiceKey>()
  let last: ServiceKey | undefined
  const pieces = new Pieces()
  for (const step of steps) {
    if (pieces.isDue()) await pieces.next()
    // Plans have many steps of one service behind each other.
    if (!('service' in step) || step.service === last) continue
    last = step.service
    keys.set(serviceKeyId(last), last)
  }
  const only = new Set(keys.keys())
  if (keys.size > MOST_SINGLE_LOOKS) return TableView.of(await readTable(ipvs, call), only)
  const found = await Promise.all(Array.from(keys.values(), (key) => readService(ipvs, key, call)))
  const services = found.filter((service): service is SnapshotService => service !== undefined)
  return TableView.of({ services, consistent: undefined }, only)
}
