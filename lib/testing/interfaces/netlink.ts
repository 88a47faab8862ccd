/** The generic netlink interface: which check comes when (ip_vs_ctl.c:ip_vs_genl_set_cmd; abi.md §2.8). */

import { Operation } from '../../border/layout.gen'
import type { UnpackedRequest } from '../../border/unpack-request'
import type { Errno } from '../../kernel/errno'
import { ERRNO } from '../../kernel/errno'
import { PROTOCOLS } from '../../model/numbers'
import type { ServiceConfigRecord } from '../../model/records.gen'
import type { ServiceObject } from '../objects/table-objects'
import { startDaemon, stopDaemon } from '../table/daemons'
import { mayDiffer } from '../table/destinations'
import { addService, editService, findService, flush, removeService } from '../table/service-table'
import type { KernelState } from '../table/state'
import {
  changeService,
  destinationInputs,
  keptSeconds,
  SENDABLE_FLAGS,
  setTimeouts,
  zero,
  zeroAll,
} from './commands'

/** ip_vs_ctl.c:ip_vs_genl_parse_service; the flags start from those of the service that is there. */
function serviceInputs(
  kernel: KernelState,
  { config, flagsMask, service: key }: UnpackedRequest,
  found: ServiceObject | undefined,
): ServiceConfigRecord {
  const mask = flagsMask & SENDABLE_FLAGS
  const tcp = key?.fwmark !== undefined || key?.protocol === PROTOCOLS.tcp
  // fullnat-v3: a TCP service without the attribute gets the current default, also on SET.
  const given = config.establishedTimeout || kernel.timeouts.tcp
  const established = tcp && kernel.facts.perCpu ? keptSeconds(kernel, given) : 0
  return {
    ...config,
    flags: (((found?.flags ?? 0) & ~mask) | (config.flags & mask)) >>> 0,
    persistenceTimeout: keptSeconds(kernel, config.persistenceTimeout),
    establishedTimeout: established,
  }
}

const LOCAL_ADDRESS_OPERATIONS: readonly number[] = [
  Operation.localAddressAdd,
  Operation.localAddressRemove,
  Operation.localAddressList,
]

/** The family has the command, and the caller may use it: genetlink.c:genl_rcv_msg, in this order. */
export function admitNetlink(kernel: KernelState, { operation }: UnpackedRequest): Errno {
  if (!kernel.facts.fullnat && LOCAL_ADDRESS_OPERATIONS.includes(operation)) return ERRNO.EOPNOTSUPP
  return kernel.permitted ? 0 : ERRNO.EPERM
}

/** Everything that is answered by an ack. */
export function executeNetlink(kernel: KernelState, request: UnpackedRequest): Errno {
  const { operation, service: key } = request
  switch (operation) {
    case Operation.flush:
      flush(kernel)
      return 0
    case Operation.timeoutsSet:
      return setTimeouts(kernel, request.timeouts)
    case Operation.daemonStart:
      return startDaemon(kernel, request.daemon)
    case Operation.daemonStop:
      return stopDaemon(kernel, request.daemon.state)
    case Operation.zero:
      if (!key) return zeroAll(kernel)
      break
    default:
  }
  if (!key) return ERRNO.EINVAL
  const found = findService(kernel, key)
  if (operation === Operation.serviceAdd) {
    return found ? ERRNO.EEXIST : addService(kernel, key, serviceInputs(kernel, request, undefined))
  }
  if (!found) return ERRNO.ESRCH
  switch (operation) {
    case Operation.serviceSet:
      return editService(kernel, found, serviceInputs(kernel, request, found))
    case Operation.serviceRemove:
      removeService(kernel, found)
      return 0
    case Operation.zero:
      return zero(kernel, [found])
    case Operation.destinationAdd:
    case Operation.destinationSet: {
      const inputs = destinationInputs(kernel, request, found.family)
      if (!mayDiffer(kernel, inputs, found.family)) return ERRNO.EINVAL
      break
    }
    default:
  }
  return changeService(kernel, found, request)
}
