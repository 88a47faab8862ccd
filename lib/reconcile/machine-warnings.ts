/** What the machine makes of a plan: its sysctls, its CPUs, the connections that it has now. */

import type { CallOptions } from '../model/call-types'
import { formatServiceKey, keyOf, serviceKeyId } from '../model/keys'
import { Pieces } from '../model/turn'
import type { ServiceInfo, SnapshotService } from '../model/types'
import type { ReconcileReader } from './client'
import { coverageWarnings } from './coverage-warnings'
import type { Draining, PlanStep, PlanWarning } from './plan-types'
import type { WantedService } from './wanted-types'

export interface PlannedTable {
  /** By `serviceKeyId`. */
  readonly wanted: ReadonlyMap<string, WantedService>
  readonly services: readonly SnapshotService[]
  readonly steps: readonly PlanStep[]
  readonly draining: readonly Draining[]
}

/** A local address has so many ports towards one destination (ip_vs_conn.c:ip_vs_hbind_laddr). */
const LOCAL_PORTS = { min: 5000, max: 65_535 }
/** Of the ports: beyond that each new connection searches for long. */
const FULL = 0.8

/** A setting that cannot be read has its default, and a client without sysctls knows none. */
async function setting(
  { sysctl }: ReconcileReader,
  name: string,
  otherwise: number,
  call: CallOptions,
): Promise<number> {
  try {
    const found = await sysctl?.get(name, call)
    return typeof found?.value === 'number' ? found.value : otherwise
  } catch {
    return otherwise
  }
}

/** Destinations that go while they have connections: those are lost, whatever the kernel does with them. */
async function cutWarnings(
  ipvs: ReconcileReader,
  table: PlannedTable,
  call: CallOptions,
): Promise<PlanWarning[]> {
  const going = new Set<string>()
  const whole = new Set<string>()
  const pieces = new Pieces()
  for (const step of table.steps) {
    if (pieces.isDue()) await pieces.next()
    if (step.verb !== 'remove') continue
    if (step.kind === 'service') whole.add(serviceKeyId(step.service))
    else if (step.kind === 'destination') {
      going.add(`${serviceKeyId(step.service)} ${step.destination.address} ${step.destination.port}`)
    }
  }
  if (going.size + whole.size === 0) return []
  let [destinations, connections] = [0, 0]
  for (const { service, destinations: list } of table.services) {
    if (pieces.isDue(1 + list.length)) await pieces.next()
    const id = serviceKeyId(service)
    for (const { address, port, activeConnections } of list) {
      if (activeConnections === 0 || !(whole.has(id) || going.has(`${id} ${address} ${port}`))) continue
      destinations++
      connections += activeConnections
    }
  }
  if (connections === 0) return []
  const ends = await setting(ipvs, 'expire_nodest_conn', 0, call)
  const how = ends ? 'end at once (expire_nodest_conn 1)' : 'hang until they time out (expire_nodest_conn 0)'
  return [
    {
      code: 'cuts-connections',
      message: `${connections} active connections of ${destinations} destinations that go ${how}`,
      hint: "state: 'drain' lets them end first.",
    },
  ]
}

/** Settings with which a destination of weight 0 gets clients all the same. */
async function drainWarnings(
  ipvs: ReconcileReader,
  { services, draining }: PlannedTable,
  call: CallOptions,
): Promise<PlanWarning[]> {
  const ids = new Set<string>()
  for (const { kind, service } of draining) if (kind === 'destination') ids.add(serviceKeyId(service))
  if (ids.size === 0) return []
  const found: PlanWarning[] = []
  if (ipvs.capabilities.dialect === 'mainline') {
    const [reuse, ends] = await Promise.all([
      setting(ipvs, 'conn_reuse_mode', 1, call),
      setting(ipvs, 'expire_nodest_conn', 0, call),
    ])
    if (reuse === 0) {
      found.push({
        code: 'drain-port-reuse',
        message: `a client that uses a port again stays with the destination that drains (conn_reuse_mode 0, expire_nodest_conn ${ends})`,
        hint: 'Set conn_reuse_mode to 1, or give the drain a time (until).',
      })
    }
  }
  const sticky = services.filter(({ service }) => service.persistence && ids.has(serviceKeyId(service)))
  if (sticky.length > 0 && (await setting(ipvs, 'expire_quiescent_template', 0, call)) === 0) {
    for (const { service } of sticky) {
      found.push({
        code: 'drain-persistence',
        message: `${formatServiceKey(service)} is persistent: its clients go on to the destination that drains (expire_quiescent_template 0)`,
        service: keyOf(service),
        hint: 'Set expire_quiescent_template to 1, or give the drain a time (until).',
      })
    }
  }
  return found
}

/** Every connection to a destination takes a port of a local address. */
async function capacityWarnings(
  ipvs: ReconcileReader,
  { wanted, services }: PlannedTable,
  call: CallOptions,
): Promise<PlanWarning[]> {
  const pieces = new Pieces()
  const busy: { readonly service: ServiceInfo; readonly most: number }[] = []
  for (const { service, destinations } of services) {
    if (pieces.isDue(1 + destinations.length)) await pieces.next()
    let most = 0
    for (const { forwarding, activeConnections, inactiveConnections } of destinations) {
      if (forwarding === 'fullnat') most = Math.max(most, activeConnections + inactiveConnections)
    }
    if (most > 0) busy.push({ service, most })
  }
  if (busy.length === 0) return []
  const [min, max] = await Promise.all([
    setting(ipvs, 'fullnat_lport_min', LOCAL_PORTS.min, call),
    setting(ipvs, 'fullnat_lport_max', LOCAL_PORTS.max, call),
  ])
  const ports = Math.max(1, max - min + 1)
  const found: PlanWarning[] = []
  for (const { service, most } of busy) {
    if (pieces.isDue()) await pieces.next()
    const planned = wanted.get(serviceKeyId(service))?.localAddresses
    if (!planned || planned.size === 0) continue
    if (most <= planned.size * ports * FULL) continue
    found.push({
      code: 'local-address-capacity',
      message: `${formatServiceKey(service)} has ${most} connections to one destination, and ${planned.size} local addresses with ${ports} ports each`,
      service: keyOf(service),
      hint: `Name ${Math.ceil(most / (ports * FULL))} local addresses or more, or widen fullnat_lport_min and fullnat_lport_max.`,
    })
  }
  return found
}

export async function machineWarnings(
  ipvs: ReconcileReader,
  table: PlannedTable,
  call: CallOptions,
): Promise<PlanWarning[]> {
  const { localAddresses, perCpuLocalAddresses } = ipvs.capabilities
  const found = await Promise.all([
    localAddresses ? capacityWarnings(ipvs, table, call) : [],
    perCpuLocalAddresses ? coverageWarnings(ipvs, Array.from(table.wanted.values())) : [],
    cutWarnings(ipvs, table, call),
    drainWarnings(ipvs, table, call),
  ])
  return found.reduce<PlanWarning[]>((all, some) => all.concat(some), [])
}
