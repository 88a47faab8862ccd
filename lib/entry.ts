/** One call on its way through the dispatcher, and the errors that end it on this side of the kernel. */

import type { IpvsError } from './errors'
import { ownError } from './errors'
import type { Program, Request } from './program'

export interface Settle<T> {
  resolve(value: T): void
  reject(error: unknown): void
}

/** One call. */
export class Entry {
  /** Requests that are to be sent next. */
  requests: readonly Request[]
  /** What comes after them, when all have succeeded. */
  next: () => unknown
  /** Of `requests`, those without an answer yet. */
  open = 0
  failed: IpvsError | undefined
  inJob = false
  /** One of `requests` met a family that is gone. */
  stale = false
  /** Records of it were handed over. */
  received = false
  /** Something of it reached the kernel. */
  sent = false
  settled = false
  followUp = false
  /** What is sent now may lead to further requests, so later calls must not get between. */
  holds: boolean
  retried = false
  detach: (() => void) | undefined

  constructor(
    readonly program: Program<unknown>,
    readonly settle: Settle<unknown>,
    /** Of performance.now(). */
    readonly deadline: number,
    readonly signal: AbortSignal | undefined,
  ) {
    this.requests = [program.request]
    this.next = () => program.done()
    this.holds = program.lane !== undefined
  }
}

/** Whether the kernel may have seen something of it that was to change the table. */
const maybeSent = (entry: Entry) => entry.sent || entry.inJob

export function abortError(entry: Entry): IpvsError {
  const { operation, subject } = entry.program
  const sent = maybeSent(entry)
  const description = sent ? 'aborted after it was sent' : 'aborted before it was sent'
  return ownError('ABORT_ERR', { operation, subject, sent, description, cause: entry.signal?.reason })
}

export function timeoutError(entry: Entry): IpvsError {
  const { operation, subject } = entry.program
  return ownError('ERR_IPVS_TIMEOUT', { operation, subject, sent: maybeSent(entry) })
}

export function closedError(entry: Entry): IpvsError {
  const { operation, subject } = entry.program
  return ownError('ERR_IPVS_CLOSED', { operation, subject, sent: entry.sent })
}
