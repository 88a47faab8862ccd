/** What both interfaces of the kernel share behind their own checks: arguments turned into operations of the table. */

import { Operation } from '../../border/layout.gen'
import type { UnpackedRequest } from '../../border/unpack-request'
import { SECONDS_MAX } from '../../input/values'
import type { Errno } from '../../kernel/errno'
import { ERRNO } from '../../kernel/errno'
import type { AddressFamily } from '../../model/address'
import { FORWARDING_MASK, SERVICE_FLAGS_HASHED } from '../../model/numbers'
import type { ServiceObject } from '../objects/table-objects'
import type { DestinationInputs } from '../table/destinations'
import { addDestination, editDestination, ofFamily, removeDestination } from '../table/destinations'
import { addLocalAddress, removeLocalAddress, zeroService } from '../table/service-table'
import type { KernelState } from '../table/state'

/** The library never sends IP_VS_SVC_F_HASHED (native/ipvs/encode.cc). */
export const SENDABLE_FLAGS = ~SERVICE_FLAGS_HASHED

/** What is left of seconds that are kept as ticks in 32 bits: ip_vs_ctl.c:ip_vs_add_service (`u->timeout * HZ`) and back. */
export function keptSeconds({ facts: { hz } }: KernelState, seconds: number): number {
  return Math.floor(Number(BigInt.asUintN(32, BigInt(seconds) * BigInt(hz))) / hz)
}

/** 0 and what is not named leave a timeout as it is. 2.6.32 takes every number. */
export function setTimeouts(kernel: KernelState, { tcp, tcpFin, udp }: UnpackedRequest['timeouts']): Errno {
  const given = [tcp, tcpFin, udp].filter((seconds): seconds is number => seconds !== undefined)
  if (kernel.facts.checksTimeouts && given.some((seconds) => seconds > SECONDS_MAX)) return ERRNO.EINVAL
  const now = kernel.timeouts
  kernel.timeouts = { tcp: tcp || now.tcp, tcpFin: tcpFin || now.tcpFin, udp: udp || now.udp }
  return 0
}

/** Those of the kernel itself, too: ip_vs_ctl.c:ip_vs_zero_all. */
export function zeroAll(kernel: KernelState): Errno {
  const errno = zero(kernel, kernel.services.values())
  if (errno === 0) kernel.counters.setToZero(kernel.facts.fullnat)
  return errno
}

/** Zeroing is a stub on fullnat-v3 (ip_vs_ctl.c:ip_vs_zero_all). */
export function zero(kernel: KernelState, services: Iterable<ServiceObject>): Errno {
  if (kernel.facts.perCpu) return ERRNO.EACCES
  for (const service of services) zeroService(service)
  return 0
}

/** 2.6.32 knows neither tunnels nor a family of its own. */
export function destinationInputs(
  kernel: KernelState,
  request: UnpackedRequest,
  serviceFamily: AddressFamily,
): DestinationInputs {
  const { target, targetFamily, destination } = request
  const own = !kernel.facts.fullnat && targetFamily
  return {
    ...destination,
    address: own ? target.address : ofFamily(target.address, serviceFamily),
    port: target.port,
    forwarding: destination.forwarding & FORWARDING_MASK,
  }
}

/** The commands on what belongs to a service that was found. */
export function changeService(kernel: KernelState, service: ServiceObject, request: UnpackedRequest): Errno {
  const inputs = destinationInputs(kernel, request, service.family)
  const { address, port } = inputs
  switch (request.operation) {
    case Operation.destinationAdd:
      return addDestination(kernel, service, inputs)
    case Operation.destinationSet:
      return editDestination(kernel, service, inputs)
    case Operation.destinationRemove:
      return removeDestination(kernel, service, address, port)
    case Operation.localAddressAdd:
      return addLocalAddress(kernel, service, ofFamily(request.target.address, service.family))
    case Operation.localAddressRemove:
      return removeLocalAddress(service, ofFamily(request.target.address, service.family))
    default:
      return ERRNO.EINVAL
  }
}
