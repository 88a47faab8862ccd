/** The sockopt interface: which check comes when (ip_vs_ctl.c:do_ip_vs_set_ctl, do_ip_vs_get_ctl; abi.md §1.5, §1.6). */

import { Operation, Syscall, Transport } from '../../border/layout.gen'
import type { ReplySections } from '../../border/pack-reply'
import type { UnpackedRequest } from '../../border/unpack-request'
import type { Errno } from '../../kernel/errno'
import { ERRNO } from '../../kernel/errno'
import { AF_INET } from '../../model/address'
import { PROTOCOLS } from '../../model/numbers'
import type { ServiceConfigRecord, ServiceKeyRecord } from '../../model/records.gen'
import { VERSION } from '../objects/kernel-numbers'
import type { ServiceObject } from '../objects/table-objects'
import { destinationsOf } from '../objects/table-objects'
import { startDaemon, stopDaemon } from '../table/daemons'
import { addService, editService, findService, flush, removeService } from '../table/service-table'
import type { KernelState } from '../table/state'
import { changeService, keptSeconds, SENDABLE_FLAGS, setTimeouts, zero, zeroAll } from './commands'
import type { RecordContext } from './reply-records'
import { daemonRecord, destinationRecord, localAddressRecords, serviceRecord } from './reply-records'

/** What the stack held when an established timeout was read from it once (transcripts/basic-v3.txt). */
const STACK_RESIDUE = 4264247

export interface SockoptResult {
  readonly error: Errno
  /** `Syscall` of layout.gen. */
  readonly syscall: number
}

const get = (error: Errno): SockoptResult => ({
  error,
  syscall: error === 0 ? Syscall.none : Syscall.getsockopt,
})
const set = (error: Errno): SockoptResult => ({
  error,
  syscall: error === 0 ? Syscall.none : Syscall.setsockopt,
})

/** All flags are replaced; fullnat-v3 leaves the established timeout to chance (abi.md §1.7-g). */
function serviceInputs(kernel: KernelState, { config }: UnpackedRequest): ServiceConfigRecord {
  return {
    ...config,
    flags: (config.flags & SENDABLE_FLAGS) >>> 0,
    persistenceTimeout: keptSeconds(kernel, config.persistenceTimeout),
    establishedTimeout: kernel.facts.perCpu ? STACK_RESIDUE : 0,
    engine: undefined,
  }
}

/** What the numbers of the options allow at all: nf_sockopt.c, then CAP_NET_ADMIN. */
export function admitSockopt(kernel: KernelState, localAddresses: boolean): Errno {
  if (!kernel.loaded || (localAddresses && !kernel.facts.fullnat)) return ERRNO.ENOPROTOOPT
  return kernel.permitted ? 0 : ERRNO.EPERM
}

function takesProtocol(kernel: KernelState, key: ServiceKeyRecord): boolean {
  // The library takes that of a marked service from the kernel.
  if (key.fwmark !== undefined || key.protocol === PROTOCOLS.tcp || key.protocol === PROTOCOLS.udp)
    return true
  return !kernel.facts.fullnat && key.protocol === PROTOCOLS.sctp
}

function setService(kernel: KernelState, request: UnpackedRequest, key: ServiceKeyRecord): SockoptResult {
  const { operation } = request
  const found = findService(kernel, key)
  // The library reads a marked service before it changes it.
  if (key.fwmark !== undefined && !found && operation !== Operation.serviceAdd) return get(ERRNO.ESRCH)
  if (!takesProtocol(kernel, key)) return set(ERRNO.EFAULT)
  if (operation === Operation.serviceAdd) {
    return set(found ? ERRNO.EEXIST : addService(kernel, key, serviceInputs(kernel, request)))
  }
  if (!found) return set(ERRNO.ESRCH)
  switch (operation) {
    case Operation.serviceSet:
      return set(editService(kernel, found, serviceInputs(kernel, request)))
    case Operation.serviceRemove:
      removeService(kernel, found)
      return set(0)
    case Operation.zero:
      return set(zero(kernel, [found]))
    default:
      return set(changeService(kernel, found, request))
  }
}

function write(kernel: KernelState, request: UnpackedRequest): SockoptResult {
  const { operation, service: key } = request
  switch (operation) {
    case Operation.flush:
      flush(kernel)
      return set(0)
    case Operation.timeoutsSet:
      return set(setTimeouts(kernel, request.timeouts))
    case Operation.daemonStart:
      return set(startDaemon(kernel, request.daemon))
    case Operation.daemonStop:
      return set(stopDaemon(kernel, request.daemon.state))
    default:
  }
  const nothing = !key || (key.fwmark === undefined && key.address.a === 0 && key.port === 0)
  // An address of zeros means all services.
  if (operation === Operation.zero && nothing) return set(zeroAll(kernel))
  return key ? setService(kernel, request, key) : set(ERRNO.EINVAL)
}

/** IPv6 services are invisible. */
const visible = (kernel: KernelState): ServiceObject[] =>
  kernel.orderedServices().filter(({ family }) => family === AF_INET)

function listService(
  context: RecordContext,
  service: ServiceObject,
  request: UnpackedRequest,
  parent: number,
  reply: ReplySections,
): void {
  for (const destination of destinationsOf(service)) {
    reply.destinations.push(destinationRecord(context, destination, parent))
  }
  if (request.localAddresses) reply.localAddresses.push(...localAddressRecords(context, service, parent))
}

function read(
  kernel: KernelState,
  request: UnpackedRequest,
  index: number,
  reply: ReplySections,
): SockoptResult {
  const context = { facts: kernel.facts, transport: Transport.sockopt, requestIndex: index }
  switch (request.operation) {
    case Operation.serviceList:
      reply.services.push(...visible(kernel).map((service) => serviceRecord(context, service)))
      return get(0)
    case Operation.snapshot:
      visible(kernel).forEach((service, parent) => {
        reply.services.push(serviceRecord(context, service))
        listService(context, service, request, parent, reply)
      })
      return get(0)
    case Operation.daemonList:
      reply.daemons.push(...kernel.daemons.map((daemon) => daemonRecord(context, daemon)))
      return get(0)
    case Operation.timeoutsGet:
      reply.timeouts.push({ requestIndex: index, config: kernel.timeouts })
      return get(0)
    case Operation.info:
      reply.infos.push({
        requestIndex: index,
        version: VERSION,
        connectionTableSize: kernel.options.connectionTableSize ?? kernel.facts.connectionTableSize,
        serviceCount: visible(kernel).length,
      })
      return get(0)
    default:
  }
  const service = request.service && findService(kernel, request.service)
  if (!service) return get(ERRNO.ESRCH)
  if (request.operation === Operation.serviceGet) reply.services.push(serviceRecord(context, service))
  else if (request.operation === Operation.destinationList) listService(context, service, request, 0, reply)
  else reply.localAddresses.push(...localAddressRecords(context, service, 0))
  return get(0)
}

const READS: readonly number[] = [
  Operation.serviceGet,
  Operation.serviceList,
  Operation.destinationList,
  Operation.localAddressList,
  Operation.daemonList,
  Operation.timeoutsGet,
  Operation.info,
  Operation.snapshot,
]
const LOCAL_ADDRESSES: readonly number[] = [
  Operation.localAddressAdd,
  Operation.localAddressRemove,
  Operation.localAddressList,
]

/** One request after the other, each by one call or a few (native/engine/sockopt_session.cc). */
export function executeSockopt(
  kernel: KernelState,
  request: UnpackedRequest,
  index: number,
  reply: ReplySections,
): SockoptResult {
  const reads = READS.includes(request.operation)
  const refused = admitSockopt(kernel, LOCAL_ADDRESSES.includes(request.operation))
  if (refused !== 0) return reads ? get(refused) : set(refused)
  return reads ? read(kernel, request, index, reply) : write(kernel, request)
}
