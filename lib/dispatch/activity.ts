/** Counts what a client does: always on, so nothing is made for a call, and a trip costs two looks at the clock. */

import type { RequestBuffer } from '../border/request'
import { IpvsError, IpvsErrorCodes } from '../errors/ipvs-error'
import type { ClientActivity } from '../model/activity'
import { now } from '../model/clock'
import { beginTrip } from './tracing'

/** Seconds: from one request on an idle machine to what the default timeout ends. */
const BOUNDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]

/** With one of these, and sent, nobody knows what became of a call. */
const UNKNOWN: ReadonlySet<string> = new Set([
  IpvsErrorCodes.OUTCOME_UNKNOWN,
  IpvsErrorCodes.TIMEOUT,
  IpvsErrorCodes.ABORT,
  IpvsErrorCodes.MALFORMED_REPLY,
])

/** Of errors that are not ours: somebody's own transport can have any number of codes. */
const OTHER = 'other'

export class Activity {
  calls = 0
  private trips = 0
  private requests = 0
  private outcomeUnknown = 0
  private readonly errors = new Map<string, number>()
  /** Trips by the smallest bound that they keep; the last are those beyond all. */
  private readonly tripsBelow = new Array<number>(BOUNDS.length + 1).fill(0)
  private seconds = 0
  private ended = 0
  /** Of now(): when the last trip ended. */
  private lastEnd = 0

  /** A call rejects with `error`, which is returned. */
  failed<T>(error: T): T {
    const ours = error instanceof IpvsError ? error : undefined
    const code = ours?.code ?? OTHER
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1)
    if (ours?.sent && UNKNOWN.has(ours.code)) this.outcomeUnknown++
    return error
  }

  /** A trip is handed over; what is returned is called when it has ended, with an error where it broke. */
  beginTrip({ count }: RequestBuffer, calls: number): (error?: unknown) => void {
    this.trips++
    this.requests += count
    const traceEnd = beginTrip(count, calls)
    const handedOver = now()
    return (error) => {
      traceEnd?.(error)
      const end = now()
      // It began when the one before it had ended.
      this.took((end - Math.max(handedOver, this.lastEnd)) / 1000)
      this.lastEnd = end
    }
  }

  private took(seconds: number): void {
    const found = BOUNDS.findIndex((bound) => seconds <= bound)
    const slot = found < 0 ? BOUNDS.length : found
    this.tripsBelow[slot] = (this.tripsBelow[slot] as number) + 1
    this.seconds += seconds
    this.ended++
  }

  report(queued: number, pending: number): ClientActivity {
    const { calls, trips, requests, outcomeUnknown } = this
    const errors: Record<string, number> = {}
    for (const code of Array.from(this.errors.keys()).sort()) errors[code] = this.errors.get(code) as number
    let count = 0
    const buckets = this.tripsBelow.map((more, i) => {
      count += more
      return { atMost: BOUNDS[i] ?? Number.POSITIVE_INFINITY, count }
    })
    const kernelTime = { buckets, sum: this.seconds, count: this.ended }
    return { calls, trips, requests, errors, outcomeUnknown, queued, pending, kernelTime }
  }
}
