/** The transport of a fake kernel: packed requests in, packed replies out, as native/engine/job_runner.cc does it. */

import { Operation, outcomeFlags, Syscall, Transport as TransportNumber } from '../border/layout.gen'
import type { ReplySections } from '../border/pack-reply'
import { emptySections, packReply } from '../border/pack-reply'
import { requestName } from '../border/request-subject'
import type { CpuState, Transport } from '../border/transport'
import type { UnpackedRequest } from '../border/unpack-request'
import { unpackRequests } from '../border/unpack-request'
import { ERRNO, errnoName } from '../kernel/errno'
import { AF_INET, AF_INET6 } from '../model/address'
import { now } from '../model/clock'
import { nextTurn } from '../model/turn'
import type { Faults } from './faults/faults'
import type { FakeRequest } from './faults/request-log'
import { requestInWords } from './faults/request-log'
import { executeOne, type Result } from './interfaces/execute'
import type { Session } from './interfaces/execution'
import { fakeFiles } from './proc-files'
import { fakeMachine } from './proc-files/machine'
import type { KernelState } from './table/state'

/** Which interfaces a client of the fake kernel has. */
export interface FakeTransportOptions {
  /** `false`: there is no generic netlink, and the library falls back to sockopt. Default true. */
  readonly netlink?: boolean
  /**
   * The process is in another network namespace: FULLNAT kernels have IPVS in the initial one only, where sockopt
   * reaches it and netlink does not. Default false.
   */
  readonly foreignNamespace?: boolean
}

/** native/engine/job_runner.h: kRecordsPerStep, kOutcomesPerStep, kStepMs. */
const RECORDS_PER_REPLY = 1000
const OUTCOMES_PER_REPLY = 4096
/** Milliseconds of work or waiting after which there is a reply, though it may be empty. */
const REPLY_MS = 50

const listed = ({ services, destinations, localAddresses, daemons }: ReplySections): number =>
  services.length + destinations.length + localAddresses.length + daemons.length

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** native/abi/request_checks.cc:valid_request */
function isValid({ operation, transport, service }: UnpackedRequest): boolean {
  if (requestName(operation) === undefined) return false
  if (transport !== TransportNumber.netlink && transport !== TransportNumber.sockopt) return false
  if (!service) return true
  return (service.address.family === AF_INET || service.address.family === AF_INET6) && service.fwmark !== 0
}

const isRead = ({ operation }: UnpackedRequest): boolean =>
  operation === Operation.probe ||
  operation === Operation.snapshot ||
  /\.(get|list)$|^info$/.test(requestName(operation) as string)

/** An answer that never came: of a write nobody knows whether it was done. */
function lost(request: UnpackedRequest, error: number, syscall: number, flags = 0): Result {
  const unknown = isRead(request) ? 0 : outcomeFlags.unknown
  return { error, syscall, flags: outcomeFlags.sent | unknown | flags }
}

function describeResult({ error, flags }: Result): string | undefined {
  if (error === 0) return undefined
  return (flags & outcomeFlags.unknown) !== 0 ? 'lost' : errnoName(error)
}

export function fakeTransport(
  kernel: KernelState,
  faults: Faults,
  log: FakeRequest[],
  { netlink = true, foreignNamespace = false }: FakeTransportOptions = {},
): Transport {
  const session: Session = { kernel, faults, familyId: 0, netlink: netlink && !foreignNamespace }
  let closed = false
  /** The jobs that run, in order. */
  let last: Promise<void> = Promise.resolve()

  async function runJob(
    requests: readonly UnpackedRequest[],
    onReply: (reply: ArrayBuffer) => void,
  ): Promise<void> {
    // How long the kernel has said nothing: where a fault holds it up, and never because this machine is slow.
    let silent = 0
    let replyBegan = now()
    let reply = emptySections()
    const handOver = async (more: boolean) => {
      const full = reply
      reply = emptySections()
      // As the addon answers: never in the turn in which it was asked for, so that timers get theirs.
      await nextTurn()
      onReply(packReply(full, more))
      replyBegan = now()
    }
    const isFull = () => listed(reply) >= RECORDS_PER_REPLY || reply.outcomes.length >= OUTCOMES_PER_REPLY
    const handOverWhenDue = async () => {
      if (isFull() || now() - replyBegan >= REPLY_MS) await handOver(true)
    }
    /** What is answered does not wait for what is late. */
    const waitFor = async (ms: number) => {
      if (reply.outcomes.length > 0) await handOver(true)
      await sleep(ms)
    }
    const descriptions = requests.map(requestInWords)
    const overrun = descriptions.some((description) => faults.take('enobufs', description) !== undefined)

    const perform = async (request: UnpackedRequest, index: number): Promise<Result> => {
      const description = descriptions[index] as FakeRequest
      const sockopt = request.transport === TransportNumber.sockopt
      const hang = faults.take('neverAnswer', description)
      if (hang) {
        const since = now()
        await hang.removed
        silent += now() - since
      }
      const left = (request.timeoutMs === 0 ? Number.POSITIVE_INFINITY : request.timeoutMs) - silent
      if (left <= 0) return { error: ERRNO.ETIMEDOUT, syscall: Syscall.none, flags: outcomeFlags.timedOut }
      const delay = faults.take('delay', description)?.effect.ms ?? 0
      // A system call cannot be given up; the answer of netlink can.
      const late = !sockopt && delay >= left
      if (delay > 0) await waitFor(late ? left : delay)
      const failure = faults.take('fail', description)
      if (failure) {
        const write = isRead(request) ? Syscall.getsockopt : Syscall.setsockopt
        return {
          error: failure.effect.errno,
          syscall: sockopt ? write : Syscall.sendmsg,
          flags: outcomeFlags.sent,
        }
      }
      silent = 0
      const parts = { reply: () => reply, pieceDone: handOverWhenDue }
      const result = await executeOne({ session, request, index, description, ...parts })
      if ((result.flags & outcomeFlags.familyChanged) !== 0) return result
      if (late) return lost(request, ERRNO.ETIMEDOUT, Syscall.poll, outcomeFlags.timedOut)
      if (faults.take('loseAnswer', description) || (overrun && !sockopt)) {
        return lost(request, ERRNO.ENOBUFS, Syscall.recvmsg)
      }
      return result
    }

    for (const [index, request] of requests.entries()) {
      if (!isValid(request)) {
        reply.outcomes.push({
          requestIndex: index,
          error: ERRNO.EINVAL,
          syscall: 0,
          flags: outcomeFlags.malformed,
        })
        continue
      }
      const result = await perform(request, index)
      reply.outcomes.push({ requestIndex: index, ...result })
      const error = describeResult(result)
      const description = descriptions[index] as FakeRequest
      if (request.operation !== Operation.probe)
        log.push(error === undefined ? description : { ...description, error })
      if (index + 1 < requests.length) await handOverWhenDue()
    }
    await handOver(false)
  }

  return {
    async run(request, onReply) {
      if (closed) throw new Error('run: the connection is closed')
      const { requests } = unpackRequests(request)
      const job = last.then(() => runJob(requests, onReply))
      last = job.catch(() => {})
      await job
    },
    files: fakeFiles(kernel, foreignNamespace),
    machine: fakeMachine(kernel),
    readCpuState(): CpuState | undefined {
      if (!kernel.facts.perCpu) return undefined
      return { online: kernel.options.cpus, reserved: kernel.reserveCore }
    },
    close() {
      closed = true
    },
  }
}
