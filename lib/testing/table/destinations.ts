/** Destinations of the fake kernel: add, edit, remove, and the trash. */

import type { Errno } from '../../kernel/errno'
import { ERRNO } from '../../kernel/errno'
import type { PackedAddress } from '../../model/address'
import { AF_INET6 } from '../../model/address'
import { FORWARDING_MASK, FORWARDING_METHODS, TUNNEL_TYPES } from '../../model/numbers'
import type { DestinationConfigRecord, TargetRecord } from '../../model/records.gen'
import { newCounters } from '../objects/counters'
import { newEstimator } from '../objects/estimator'
import type { Cell, DestinationObject, ServiceObject } from '../objects/table-objects'
import { destinationId, newDestination } from '../objects/table-objects'
import type { KernelState } from './state'

/** `forwarding` 0–7. */
export interface DestinationInputs extends TargetRecord, DestinationConfigRecord {}

/** A destination before it is set to anything. */
const NOTHING: DestinationConfigRecord = {
  forwarding: 0,
  weight: 0,
  upperThreshold: 0,
  lowerThreshold: 0,
  tunnel: undefined,
}
/** Milliseconds: IP_VS_DEST_TRASH_PERIOD of mainline. */
const TRASH_PERIOD = 120_000

/** ip_vs_ctl.c:ip_vs_add_dest, ip_vs_edit_dest: what both check, in this order. */
function checkInputs(
  kernel: KernelState,
  { weight, upperThreshold, lowerThreshold, tunnel }: DestinationInputs,
): Errno {
  if (weight < 0) return ERRNO.ERANGE
  if (lowerThreshold > upperThreshold) return ERRNO.ERANGE
  // Mainline: a GUE tunnel needs its port.
  if (!kernel.facts.fullnat && tunnel?.type === TUNNEL_TYPES.gue && tunnel.port === 0) return ERRNO.EINVAL
  return 0
}

const totalOf = ({ active, inactive }: Cell): number => active + inactive

/** ip_vs_ctl.c:__ip_vs_update_dest */
function update(kernel: KernelState, destination: DestinationObject, inputs: DestinationInputs): void {
  const { fullnat } = kernel.facts
  if (inputs.weight !== 0 || !destination.available) destination.lastWeight = inputs.weight
  // 2.6.32 turns a destination with an address of its own into LOCALNODE, mainline never does.
  const local = fullnat && kernel.host.isLocal(inputs.address, true)
  destination.available = true
  if (inputs.upperThreshold === 0 || inputs.upperThreshold > destination.upperThreshold) {
    for (const cell of destination.cells) if (cell) cell.overloaded = false
  }
  const { address: _, port: __, ...config } = inputs
  Object.assign(destination, config, {
    forwarding: local ? FORWARDING_METHODS.local : inputs.forwarding & FORWARDING_MASK,
    tunnel: fullnat ? undefined : (inputs.tunnel ?? { type: 0, port: 0, flags: 0 }),
  })
}

/** In the trash: at most one of an identity, since adding it again takes it out. */
export const trashId = (owner: string, address: PackedAddress, port: number): string =>
  `${owner} -> ${destinationId(address, port)}`

/** ip_vs_ctl.c:ip_vs_trash_get_dest: the same service by its identity, also when it was added again since. */
function takeFromTrash(
  kernel: KernelState,
  service: ServiceObject,
  address: PackedAddress,
  port: number,
): DestinationObject | undefined {
  const id = trashId(service.key, address, port)
  const found = kernel.trash.get(id)
  if (!found) return undefined
  kernel.trash.delete(id)
  // 2.6.32 starts the statistics over; mainline only where the service object is another one.
  if (kernel.facts.fullnat || found.service !== service.id) {
    found.stats = newCounters()
    found.estimator = newEstimator()
  }
  found.service = service.id
  found.idleSince = undefined
  return found
}

/** What nothing holds leaves the trash: at once on 2.6.32 (nobody can tell the difference), later on mainline. */
export function purgeTrash(kernel: KernelState): void {
  const period = kernel.facts.fullnat ? 0 : TRASH_PERIOD
  for (const [id, { references, idleSince }] of Array.from(kernel.trash)) {
    if (references === 0 && idleSince !== undefined && kernel.now >= idleSince + period)
      kernel.trash.delete(id)
  }
}

/** Nothing holds the destination any more. */
export function becameIdle(kernel: KernelState, destination: DestinationObject): void {
  if (destination.available) return
  destination.idleSince = kernel.now
  if (!kernel.facts.fullnat) return
  const id = trashId(destination.owner, destination.address, destination.port)
  if (kernel.trash.get(id) === destination) kernel.trash.delete(id)
}

export function addDestination(
  kernel: KernelState,
  service: ServiceObject,
  inputs: DestinationInputs,
): Errno {
  const { address, port } = inputs
  const wrong = checkInputs(kernel, inputs)
  if (wrong !== 0) return wrong
  const id = destinationId(address, port)
  if (service.destinations.has(id)) return ERRNO.EEXIST
  let destination = takeFromTrash(kernel, service, address, port)
  if (!destination) {
    if (!kernel.host.takesDestination(address, kernel.facts.fullnat)) return ERRNO.EINVAL
    destination = newDestination(kernel.id(), service, { address, port }, NOTHING)
  }
  update(kernel, destination, inputs)
  const before = kernel.listBefore(service)
  service.destinations.set(id, destination)
  kernel.destinationsChanged(service, { kind: 'add', destination, before })
  return 0
}

export function editDestination(
  kernel: KernelState,
  service: ServiceObject,
  inputs: DestinationInputs,
): Errno {
  const wrong = checkInputs(kernel, inputs)
  if (wrong !== 0) return wrong
  const destination = service.destinations.get(destinationId(inputs.address, inputs.port))
  if (!destination) return ERRNO.ENOENT
  update(kernel, destination, inputs)
  kernel.destinationsChanged(service, { kind: 'update', destination, before: [] })
  return 0
}

export function removeDestination(
  kernel: KernelState,
  service: ServiceObject,
  address: PackedAddress,
  port: number,
): Errno {
  const id = destinationId(address, port)
  const destination = service.destinations.get(id)
  if (!destination) return ERRNO.ENOENT
  const before = kernel.listBefore(service)
  service.destinations.delete(id)
  throwAway(kernel, destination)
  kernel.destinationsChanged(service, { kind: 'remove', destination, before })
  return 0
}

/** ip_vs_ctl.c:__ip_vs_del_dest */
export function throwAway(kernel: KernelState, destination: DestinationObject): void {
  destination.available = false
  if (destination.references === 0) destination.idleSince = kernel.now
  if (destination.references === 0 && kernel.facts.fullnat) return
  kernel.trash.set(trashId(destination.owner, destination.address, destination.port), destination)
}

/** ip_vs_conn.c:ip_vs_bind_dest: above its threshold from now on? */
export function checkOverload(destination: DestinationObject, cell: Cell): void {
  if (destination.upperThreshold !== 0 && totalOf(cell) >= destination.upperThreshold) cell.overloaded = true
}

/** ip_vs_conn.c:ip_vs_unbind_dest: below the lower threshold, or below three quarters of the upper one. */
export function checkRelief({ upperThreshold, lowerThreshold }: DestinationObject, cell: Cell): void {
  const total = totalOf(cell)
  if (lowerThreshold !== 0) {
    if (total < lowerThreshold) cell.overloaded = false
  } else if (upperThreshold === 0 || total * 4 < upperThreshold * 3) {
    cell.overloaded = false
  }
}

/** Mainline ip_vs_ctl.c:ip_vs_genl_set_cmd: only tunnels lead to the other family, and not beside a sync daemon. */
export function mayDiffer(
  kernel: KernelState,
  { address, forwarding }: DestinationInputs,
  family: number,
): boolean {
  if (address.family === family) return true
  return kernel.daemons.length === 0 && forwarding === FORWARDING_METHODS.tunnel
}

/** 2.6.32 has no family of its own for destinations: it reads the address as one of the service's. */
export function ofFamily(address: PackedAddress, family: PackedAddress['family']): PackedAddress {
  return family === AF_INET6 ? { ...address, family } : { family, a: address.a, b: 0, c: 0, d: 0 }
}
