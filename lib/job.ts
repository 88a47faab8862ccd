/** What of a queue may go to the kernel in one trip. */

import { performance } from 'perf_hooks'
import type { Inflight } from './deliver'
import type { Entry } from './entry'
import { timeoutError } from './entry'
import type { Request } from './program'
import { conflicts } from './program'
import type { PackedRequest } from './records/request'

/** Throws for a request that must not be sent now. */
export type Admit = (sending: { readonly operation: string; readonly request: Request }) => void

export interface Job {
  /** Entries at the head of the queue that were looked at. */
  readonly taken: number
  /** By index in the job. */
  readonly running: Inflight[]
  readonly packed: PackedRequest[]
  readonly refused: readonly { readonly entry: Entry; readonly error: unknown }[]
}

/** Requests that one job takes at most, so that packing them and settling them does not hold the event loop up. */
const JOB_REQUESTS = 1000

/** Behind a read that may lead to a write, only reads of the same kind on other objects. */
function mayJoin(entry: Entry, holding: readonly Entry[]): boolean {
  const { lane } = entry.program
  if (!lane || !entry.holds) return false
  return !holding.some((other) => other.program.lane && conflicts(other.program.lane, lane))
}

/** In the order of the queue; `transport` is a `Transport` of layout.gen. */
export function fillJob(queue: readonly Entry[], admit: Admit, transport: number): Job {
  const now = performance.now()
  const running: Inflight[] = []
  const packed: PackedRequest[] = []
  const refused: { entry: Entry; error: unknown }[] = []
  const holding: Entry[] = []
  let taken = 0
  for (const entry of queue) {
    if (packed.length >= JOB_REQUESTS || (holding.length > 0 && !mayJoin(entry, holding))) break
    taken++
    if (entry.settled) continue
    const timeout = Math.ceil(entry.deadline - now)
    try {
      if (timeout <= 0) throw timeoutError(entry)
      for (const request of entry.requests) admit({ operation: entry.program.operation, request })
    } catch (error) {
      refused.push({ entry, error })
      continue
    }
    if (entry.holds) holding.push(entry)
    entry.inJob = true
    entry.open = entry.requests.length
    for (const request of entry.requests) {
      running.push({ entry, request })
      packed.push({ fields: request.fields, transport, timeout })
    }
  }
  return { taken, running, packed, refused }
}
