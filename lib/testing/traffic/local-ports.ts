/** A local address and a port of it for a FULLNAT connection: ip_vs_conn.c:ip_vs_hbind_laddr. */

import type { Endpoint } from '../objects/connection-objects'
import type { LocalAddressObject, ServiceObject } from '../objects/table-objects'
import { addressId } from '../objects/table-objects'
import { nextLocalAddress } from '../table/service-table'
import type { KernelState } from '../table/state'

/** What the kernel must not have twice: the connection as the destination sees it. */
export function localTuple(
  cpu: number,
  protocol: number,
  destination: Endpoint,
  local: LocalAddressObject,
  port: number,
): string {
  return `${cpu} ${protocol} ${addressId(destination.address)} ${destination.port} ${addressId(local.address)} ${port}`
}

/** The error of a kernel that would have crashed here. */
const divideError = (min: number): Error =>
  new Error(
    `divide error: the kernel would have crashed. fullnat_lport_min ${min} is right above fullnat_lport_max ` +
      '(ip_vs_conn.c:ip_vs_hbind_laddr); the library refuses such a write',
  )

export type LocalChoice =
  | { readonly object: LocalAddressObject; readonly port: number }
  /** No local address, or none with a free port. */
  | { readonly object: LocalAddressObject | undefined; readonly port: undefined }

/**
 * The address is the next in turn (on fullnat-v3 of the CPU that got the packet), the port the next of the address; a
 * port that the destination already knows is a conflict, and only so many are tried.
 */
export function takeLocal(
  kernel: KernelState,
  service: ServiceObject,
  cpu: number,
  protocol: number,
  destination: Endpoint,
): LocalChoice {
  const object = nextLocalAddress(service, cpu)
  if (!object) return { object, port: undefined }
  const min = kernel.sysctl('fullnat_lport_min')
  const ports = kernel.sysctl('fullnat_lport_max') - min + 1
  if (ports === 0) throw divideError(min)
  const tries = kernel.sysctl('fullnat_lport_tries')
  for (let i = 0; i < tries; i++) {
    object.port++
    const port = min + (object.port % ports)
    if (!kernel.localTuples.has(localTuple(cpu, protocol, destination, object, port))) return { object, port }
    object.portConflicts += BigInt(1)
  }
  return { object, port: undefined }
}
