/**
 * Tracing channels of Node's `diagnostics_channel` (14.17 and later): `tracingChannel('ipvs-fullnat:call')` for each call
 * and `'ipvs-fullnat:trip'` for each trip to the kernel. Without a subscriber nothing is made for them.
 */

import type { RequestBuffer } from '../border/request'
import type { About } from '../border/request-subject'
import { now } from '../model/clock'
import { TraceChannel } from '../model/trace-channel'
import type { DestinationKey, ServiceKey } from '../model/types'
import type { CallPlan } from './call-plan'
import type { CommandRange } from './open-batch'
import type { PendingCall, Settle, SettleCommands, Term } from './pending-call'
import { PendingCommands, PendingPlan } from './pending-call'

/** What subscribers of `ipvs-fullnat:call` get; times and `requests` are there at `asyncEnd`. */
export interface TracedCall {
  /** `'services.add'` */
  readonly operation: string
  readonly service: ServiceKey | undefined
  readonly destination: DestinationKey | undefined
  readonly localAddress: string | undefined
  /** Milliseconds from the call until its last request was handed over. */
  queueTime: number | undefined
  /** Milliseconds from then until the answer. */
  kernelTime: number | undefined
  /** How many requests it was made of. */
  requests: number | undefined
  error: unknown
}

/** What subscribers of `ipvs-fullnat:trip` get; `kernelTime` is there at `asyncEnd`. */
export interface TracedTrip {
  readonly requests: number
  readonly calls: number
  /** Milliseconds from being handed over to the last answer; behind other trips it waits for them. */
  kernelTime: number | undefined
  /** The transport is broken. */
  error: unknown
}

const calls = new TraceChannel('ipvs-fullnat:call')
const trips = new TraceChannel('ipvs-fullnat:trip')

/** Somebody wants to hear of calls. */
export const tracesCalls = (): boolean => calls.active

/** A call that somebody watches; `call` is set when there is one. */
class CallTrace {
  call: PendingCall | undefined
  private readonly context: TracedCall
  private readonly madeAt = now()

  constructor({ operation, subject: { service, destination, localAddress } }: About) {
    this.context = {
      operation,
      service,
      destination,
      localAddress,
      queueTime: undefined,
      kernelTime: undefined,
      requests: undefined,
      error: undefined,
    }
    calls.begin(this.context)
  }

  end(error?: unknown): void {
    const { context, call, madeAt } = this
    const ended = now()
    const handedOver = call && call.requestsSent > 0 ? call.handedOver : undefined
    context.queueTime = (handedOver ?? ended) - madeAt
    context.kernelTime = handedOver === undefined ? 0 : ended - handedOver
    context.requests = call?.requestsSent ?? 0
    context.error = error
    calls.end(context)
  }

  /** `settle`, and the end of the trace before it. */
  settling<T>({ resolve, reject }: Settle<T>): Settle<T> {
    return {
      resolve: (value) => {
        this.end()
        resolve(value)
      },
      reject: (error) => {
        this.end(error)
        reject(error)
      },
    }
  }
}

/** The traces of commands `base` and on; `watch` when there is a call. */
function traceCommands(
  settle: SettleCommands,
  abouts: readonly About[],
  base: number,
): { readonly settle: SettleCommands; watch(call: PendingCall): void } {
  const traces = abouts.map((about) => new CallTrace(about))
  return {
    watch(call) {
      for (const trace of traces) trace.call = call
    },
    settle: {
      resolve(from, count) {
        for (let i = from; i < from + count; i++) traces[i - base]?.end()
        settle.resolve(from, count)
      },
      reject(error, index) {
        traces[index - base]?.end(error)
        settle.reject(error, index)
      },
    },
  }
}

/** Commands as a call, traced where somebody watches. */
export function pendingCommands(
  term: Term,
  { packed, at, count, base }: CommandRange,
  settle: SettleCommands,
): PendingCommands {
  if (!tracesCalls()) return new PendingCommands(term, packed, at, count, settle, base)
  const abouts = Array.from({ length: count }, (_, i) => packed.describe(at + i))
  const traced = traceCommands(settle, abouts, base)
  const call = new PendingCommands(term, packed, at, count, traced.settle, base)
  traced.watch(call)
  return call
}

/** A plan whose request is the last of `packed` as a call, traced where somebody watches. */
export function pendingPlan<T>(
  term: Term,
  packed: RequestBuffer,
  plan: CallPlan<T>,
  settle: Settle<T>,
): PendingPlan {
  // Whoever hears of the call may make one.
  const at = packed.count - 1
  const trace = tracesCalls() ? new CallTrace(plan) : undefined
  const settling = (trace ? trace.settling(settle) : settle) as Settle<unknown>
  const call = new PendingPlan(term, packed, plan as CallPlan<unknown>, settling)
  if (trace) trace.call = call
  call.at = at
  call.count = 1
  return call
}

/** Undefined where nobody wants to hear of trips. */
export function beginTrip(requests: number, callCount: number): ((error?: unknown) => void) | undefined {
  if (!trips.active) return undefined
  const context: TracedTrip = { requests, calls: callCount, kernelTime: undefined, error: undefined }
  const startedAt = now()
  trips.begin(context)
  return (error) => {
    context.kernelTime = now() - startedAt
    context.error = error
    trips.end(context)
  }
}
