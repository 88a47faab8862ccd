/** One request on the fake kernel, over the interface that it names. */

import { Operation, outcomeFlags, Syscall, Transport } from '../../border/layout.gen'
import { ERRNO } from '../../kernel/errno'
import { AF_INET } from '../../model/address'
import type { ServiceKeyRecord } from '../../model/records.gen'
import type { DumpKind } from '../faults/faults'
import { VERSION } from '../objects/kernel-numbers'
import type { ServiceObject } from '../objects/table-objects'
import { findService } from '../table/service-table'
import { endOrphans } from '../traffic/orphans'
import type { DumpRequest } from './dumps'
import { DUMP_KINDS, runDump } from './dumps'
import type { Execution, Session } from './execution'
import { admitNetlink, executeNetlink } from './netlink'
import { daemonRecord, serviceRecord } from './reply-records'
import { admitSockopt, executeSockopt } from './sockopt'

export interface Result {
  readonly error: number
  /** `Syscall` of layout.gen. */
  readonly syscall: number
  /** `outcomeFlags` of layout.gen. */
  readonly flags: number
}

const SENT = outcomeFlags.sent
const done: Result = { error: 0, syscall: Syscall.none, flags: SENT }

function refused(error: number, flags: number = SENT): Result {
  return error === 0 ? done : { error, syscall: Syscall.sendmsg, flags }
}

/** native/engine/job_runner.cc:probe */
function probe({ session, index, reply }: Execution): Result {
  const { kernel, netlink } = session
  const { facts } = kernel
  const there = netlink && kernel.loaded
  session.familyId = there ? kernel.familyId : 0
  const noFamily = netlink ? ERRNO.ENOENT : ERRNO.EPROTONOSUPPORT
  const localAddresses = admitSockopt(kernel, true)
  reply().probes.push({
    requestIndex: index,
    commands: there ? facts.commands : BigInt(0),
    netlinkError: there ? 0 : noFamily,
    netlinkSyscall: there ? Syscall.none : netlink ? Syscall.sendmsg : Syscall.socket,
    familyId: session.familyId,
    familyVersion: there ? 1 : 0,
    maxAttribute: there ? facts.maxAttribute : 0,
    sockoptVersionError: admitSockopt(kernel, false),
    // The service that is asked for cannot exist.
    sockoptLocalAddressError: localAddresses === 0 ? ERRNO.ESRCH : localAddresses,
  })
  return done
}

/** A message to a family that is gone, or to its old number (native/engine/netlink_session.cc:family_changed). */
function familyGone(session: Session): boolean {
  const { kernel } = session
  if (session.familyId !== 0 && kernel.loaded && session.familyId === kernel.familyId) return false
  session.familyId = 0
  return true
}

const keyOf = ({ fwmark, protocol, address, port }: ServiceObject): ServiceKeyRecord => ({
  address,
  protocol,
  port,
  fwmark: fwmark === 0 ? undefined : fwmark,
})

async function snapshot(execution: Execution): Promise<Result> {
  const { session, request, index } = execution
  const found: ServiceKeyRecord[] = []
  const services: DumpRequest = { kind: 'services', requestIndex: index, service: undefined, parent: 0 }
  await runDump(execution, services, (service) => found.push(keyOf(service)))
  for (const [parent, service] of found.entries()) {
    const kinds: DumpKind[] = request.localAddresses ? ['destinations', 'localAddresses'] : ['destinations']
    for (const kind of kinds) {
      if (familyGone(session)) return refused(ERRNO.ENOENT, outcomeFlags.familyChanged)
      await runDump(execution, { kind, requestIndex: index, service, parent })
    }
  }
  return done
}

async function list(execution: Execution, kind: DumpKind): Promise<Result> {
  const {
    session: { kernel },
    request: { service },
    index,
  } = execution
  const count = await runDump(execution, { kind, requestIndex: index, service, parent: 0 })
  if (count > 0 || !service || findService(kernel, service)) return done
  // A list of a service that does not exist is empty and no error; the engine asks for the service then.
  return refused(ERRNO.ESRCH, SENT | outcomeFlags.serviceMissing)
}

async function overNetlink(execution: Execution): Promise<Result> {
  const { session, request, index, reply } = execution
  const { kernel } = session
  if (familyGone(session)) return refused(ERRNO.ENOENT, outcomeFlags.familyChanged)
  const refusal = admitNetlink(kernel, request)
  if (refusal !== 0) return refused(refusal)
  const context = { facts: kernel.facts, transport: Transport.netlink, requestIndex: index }
  const kind = DUMP_KINDS[request.operation]
  if (kind !== undefined) return list(execution, kind)
  switch (request.operation) {
    case Operation.snapshot:
      return snapshot(execution)
    case Operation.serviceGet: {
      const service = request.service && findService(kernel, request.service)
      if (!service) return refused(ERRNO.ESRCH)
      reply().services.push(serviceRecord(context, service))
      return done
    }
    case Operation.daemonList:
      reply().daemons.push(...kernel.daemons.map((daemon) => daemonRecord(context, daemon)))
      return done
    case Operation.timeoutsGet:
      reply().timeouts.push({ requestIndex: index, config: kernel.timeouts })
      return done
    case Operation.info: {
      const connectionTableSize = kernel.options.connectionTableSize ?? kernel.facts.connectionTableSize
      reply().infos.push({
        requestIndex: index,
        version: VERSION,
        connectionTableSize,
        serviceCount: undefined,
      })
      return done
    }
    default:
      return refused(executeNetlink(kernel, request))
  }
}

/** What can leave connections without a destination. */
const REMOVALS: readonly number[] = [Operation.destinationRemove, Operation.serviceRemove, Operation.flush]

export async function executeOne(execution: Execution): Promise<Result> {
  const { session, request } = execution
  if (request.operation === Operation.probe) return probe(execution)
  const result = await overEither(execution)
  if (result.error === 0 && REMOVALS.includes(request.operation)) endOrphans(session.kernel)
  return result
}

async function overEither(execution: Execution): Promise<Result> {
  const { session, request, index, reply } = execution
  if (request.transport === Transport.netlink) return overNetlink(execution)
  if (request.service && request.service.address.family !== AF_INET) {
    return { error: ERRNO.EAFNOSUPPORT, syscall: Syscall.none, flags: outcomeFlags.unencodable }
  }
  return { ...executeSockopt(session.kernel, request, index, reply()), flags: SENT }
}
