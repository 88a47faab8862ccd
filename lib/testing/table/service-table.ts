/** Services and local addresses of the fake kernel. */

import type { Errno } from '../../kernel/errno'
import { ERRNO } from '../../kernel/errno'
import type { PackedAddress } from '../../model/address'
import { AF_INET6, lastByte } from '../../model/address'
import { PROTOCOLS, SERVICE_FLAGS_HASHED } from '../../model/numbers'
import type { ServiceConfigRecord, ServiceKeyRecord } from '../../model/records.gen'
import { newCounters } from '../objects/counters'
import { newEstimator } from '../objects/estimator'
import { sameAddress } from '../objects/machine'
import type { LocalAddressObject, LocalAddressSlot, ServiceObject } from '../objects/table-objects'
import { addressServiceId, fwmarkServiceId, localAddressesOf, UNSPECIFIED } from '../objects/table-objects'
import { throwAway } from './destinations'
import type { KernelState } from './state'

/** The one persistence engine there is (ip_vs_pe_sip.c). */
const ENGINES = ['sip']

export function serviceId(service: ServiceKeyRecord): string {
  if (service.fwmark !== undefined) return fwmarkServiceId(service.address.family, service.fwmark)
  return addressServiceId(service.protocol, service.address, service.port)
}

export function findService(kernel: KernelState, service: ServiceKeyRecord): ServiceObject | undefined {
  return kernel.services.get(serviceId(service))
}

/** ip_vs_ctl.c:ip_vs_add_service, ip_vs_edit_service: what both check, in this order. */
function checkInputs(
  kernel: KernelState,
  family: number,
  { scheduler, engine, netmask }: ServiceConfigRecord,
): Errno {
  if (!kernel.facts.schedulers.includes(scheduler)) return ERRNO.ENOENT
  if (engine && !kernel.facts.fullnat && !ENGINES.includes(engine)) return ERRNO.ENOENT
  // Also where it is not persistent.
  if (family === AF_INET6 && (netmask < 1 || netmask > 128)) return ERRNO.EINVAL
  return 0
}

export function addService(kernel: KernelState, key: ServiceKeyRecord, inputs: ServiceConfigRecord): Errno {
  const wrong = checkInputs(kernel, key.address.family, inputs)
  if (wrong !== 0) return wrong
  const service: ServiceObject = {
    id: kernel.id(),
    key: serviceId(key),
    family: key.address.family,
    fwmark: key.fwmark ?? 0,
    // Netlink stores TCP for a mark, and so does the library over sockopt.
    protocol: key.fwmark !== undefined ? PROTOCOLS.tcp : key.protocol,
    address: key.fwmark !== undefined ? { ...UNSPECIFIED, family: key.address.family } : key.address,
    port: key.fwmark !== undefined ? 0 : key.port,
    ...inputs,
    flags: (inputs.flags | SERVICE_FLAGS_HASHED) >>> 0,
    destinations: new Map(),
    localAddresses: [],
    schedulerStates: [],
    stats: newCounters(),
    estimator: newEstimator(),
    order: undefined,
  }
  kernel.services.set(service.key, service)
  kernel.servicesChanged()
  return 0
}

export function editService(kernel: KernelState, service: ServiceObject, inputs: ServiceConfigRecord): Errno {
  const wrong = checkInputs(kernel, service.family, inputs)
  if (wrong !== 0) return wrong
  // The same scheduler keeps what it remembers.
  if (service.scheduler !== inputs.scheduler) service.schedulerStates.length = 0
  Object.assign(service, inputs, { flags: (inputs.flags | SERVICE_FLAGS_HASHED) >>> 0 })
  return 0
}

export function removeService(kernel: KernelState, service: ServiceObject): void {
  for (const destination of service.destinations.values()) throwAway(kernel, destination)
  service.destinations.clear()
  service.order = undefined
  kernel.services.delete(service.key)
  kernel.servicesChanged()
}

export function flush(kernel: KernelState): void {
  for (const service of Array.from(kernel.services.values())) removeService(kernel, service)
}

/** Counters of the service and its destinations; not those of its local addresses (ip_vs_ctl.c:ip_vs_zero_service). */
export function zeroService(service: ServiceObject): void {
  for (const owner of [service, ...Array.from(service.destinations.values())]) {
    owner.stats = newCounters()
    owner.estimator = newEstimator()
  }
}

/** The error of a kernel that would have crashed here. */
function divideError(kernel: KernelState): Error {
  const { cpus } = kernel.options
  return new Error(
    `divide error: the kernel would have crashed. reserve_core ${kernel.reserveCore} leaves none of ${cpus} CPUs ` +
      'for a local address (ip_vs_ctl.c:laddr_to_cpuid); the library refuses this unless the value changed behind it',
  )
}

/** ip_vs_ctl.c:laddr_to_cpuid; 0 where local addresses are not per CPU. */
export function cpuOf(kernel: KernelState, address: PackedAddress): number {
  if (!kernel.facts.perCpu) return 0
  const free = kernel.options.cpus - kernel.reserveCore
  if (free <= 0) throw divideError(kernel)
  return (lastByte(address) % free) + kernel.reserveCore
}

export function findLocalAddress(
  service: ServiceObject,
  address: PackedAddress,
): LocalAddressObject | undefined {
  return localAddressesOf(service).find((local) => sameAddress(local.address, address))
}

/** No check of the address at all: ip_vs_ctl.c:ip_vs_new_laddr. */
export function addLocalAddress(kernel: KernelState, service: ServiceObject, address: PackedAddress): Errno {
  if (findLocalAddress(service, address)) return ERRNO.EEXIST
  const cpu = cpuOf(kernel, address)
  const slot: LocalAddressSlot = service.localAddresses[cpu] ?? { list: [], current: -1 }
  service.localAddresses[cpu] = slot
  slot.list.push({ id: kernel.id(), address, cpu, portConflicts: BigInt(0), connections: 0, port: 0 })
  return 0
}

/** Connections keep the object; a new one of the same address starts over. */
export function removeLocalAddress(service: ServiceObject, address: PackedAddress): Errno {
  const found = findLocalAddress(service, address)
  if (!found) return ERRNO.ENOENT
  const slot = service.localAddresses[found.cpu] as LocalAddressSlot
  const at = slot.list.indexOf(found)
  slot.list.splice(at, 1)
  // The one behind it takes its place, so that the next turn skips that one (ip_vs_ctl.c:ip_vs_del_laddr).
  if (slot.current > at) slot.current--
  else if (slot.current === at && at === slot.list.length) slot.current = -1
  return 0
}

/** The next in turn: ip_vs_conn.c:ip_vs_get_laddr. */
export function nextLocalAddress(service: ServiceObject, cpu: number): LocalAddressObject | undefined {
  const slot = service.localAddresses[cpu]
  if (!slot || slot.list.length === 0) return undefined
  slot.current = (slot.current + 1) % slot.list.length
  return slot.list[slot.current]
}
