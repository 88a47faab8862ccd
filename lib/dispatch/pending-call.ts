/** Calls on their way through the dispatcher. */

import type { RequestBuffer } from '../border/request'
import type { About } from '../border/request-subject'
import { IpvsError, ownError } from '../errors/ipvs-error'
import type { CallPlan, FollowUp, PlannedRequest, Recover } from './call-plan'
import type { SharedList } from './shared-list'

/** Takes the result of a plan. */
export interface Settle<T> {
  resolve(value: T): void
  reject(error: unknown): void
}

/** Takes the results of commands by their numbers: most succeed, and many at a time. */
export interface SettleCommands {
  resolve(from: number, count: number): void
  reject(error: unknown, index: number): void
}

/** The promises of calls that came one after the other. */
export class Promises implements SettleCommands {
  private readonly resolves: ((value: undefined) => void)[] = []
  private readonly rejects: ((error: unknown) => void)[] = []

  add(resolve: (value: undefined) => void, reject: (error: unknown) => void): void {
    this.resolves.push(resolve)
    this.rejects.push(reject)
  }

  resolve(from: number, count: number): void {
    for (let i = from; i < from + count; i++) this.resolves[i]?.(undefined)
  }

  reject(error: unknown, index: number): void {
    this.rejects[index]?.(error)
  }
}

/** What the calls of one tick with the same options have in common. */
export class Term {
  constructor(
    /** Milliseconds that the kernel may be silent, 0 for no limit. */
    readonly timeout: number,
    readonly signal: AbortSignal | undefined,
    /** Of now(): the end of the tick in which they were made. */
    public since: number,
  ) {}
}

/** Requests that go together: those of a plan, or of one or many commands. */
export abstract class PendingCall {
  /** The first of `count` requests in `packed`; those of the running trip have the same index there as in the trip. */
  at = 0
  count = 0
  /** Requests of the running trip that have no answer yet. */
  open = 0
  onTrip = false
  settled = false
  /** Met a family that is gone, and is sent again. */
  retried = false
  /** What is sent now may lead to further requests, so later calls about the same must not get between. */
  holds = false
  /** Its place among all calls, in the order in which they were made. */
  order = 0
  /** Of now(): when it went on its last trip. */
  handedOver = 0
  /** On all its trips, for each of its calls. */
  requestsSent = 0

  constructor(
    readonly term: Term,
    public packed: RequestBuffer,
  ) {}

  /** Calls that are not settled. */
  abstract get pending(): number
  abstract get sent(): boolean
  /** What request `index` of `packed` is about. */
  abstract about(index: number): About
  /** What the error of request `index` names: a plan that adds several local addresses does not name the one. */
  aboutRequest(index: number): About {
    const { operation, subject } = this.about(index)
    return { operation, subject: { ...subject, ...this.packed.describe(index).subject } }
  }
  /** Rejects every call of it that is not settled. */
  abstract rejectAll(error: (about: About) => unknown): void
}

/** Commands: each request is a call of its own, and has no result. Nothing but its packed record is kept. */
export class PendingCommands extends PendingCall {
  /** So many from the first on are no longer its own: answered, or under another call. */
  private gone = 0
  /** Others that are not. */
  private goneApart: Set<number> | undefined

  constructor(
    term: Term,
    packed: RequestBuffer,
    at: number,
    count: number,
    private readonly settle: SettleCommands,
    /** What `settle` calls the first of them. */
    private readonly base: number,
  ) {
    super(term, packed)
    this.at = at
    this.count = count
    this.open = count
  }

  get pending(): number {
    return this.open
  }

  get sent(): boolean {
    return this.onTrip
  }

  about(index: number): About {
    return this.packed.describe(index)
  }

  /** Behind its last request in `packed`. */
  get end(): number {
    return this.at + this.count
  }

  /** Takes the next command of `packed` along. */
  extend(): void {
    this.count++
    this.open++
  }

  resolve(index: number, count: number): void {
    this.leave(index, count)
    this.settle.resolve(this.base + index - this.at, count)
  }

  reject(index: number, error: unknown): void {
    this.leave(index, 1)
    this.settle.reject(error, this.base + index - this.at)
  }

  rejectAll(error: (about: About) => unknown): void {
    for (let i = this.gone; i < this.count; i++) {
      if (!this.goneApart?.has(i)) this.settle.reject(error(this.about(this.at + i)), this.base + i)
    }
    this.open = 0
  }

  private leave(index: number, count: number): void {
    this.open -= count
    const from = index - this.at
    if (from === this.gone) {
      this.gone += count
      return
    }
    this.goneApart ??= new Set()
    for (let i = from; i < from + count; i++) this.goneApart.add(i)
  }

  /** One of its commands as a call of its own, which it goes on under. */
  single(index: number): PendingCommands {
    this.leave(index, 1)
    const one = new PendingCommands(
      this.term,
      this.packed,
      index,
      1,
      this.settle,
      this.base + index - this.at,
    )
    one.order = this.order
    return one
  }
}

/** A plan: one call, whose requests may lead to further ones. */
export class PendingPlan extends PendingCall {
  requests: readonly PlannedRequest[]
  /** What comes after them, when all have succeeded. */
  next: () => unknown
  recover: Recover<unknown> | undefined
  /** Those that get the answer of its request too, because they read the same. */
  followers: PendingPlan[] = []
  failed: IpvsError | undefined
  /** One of `requests` met a family that is gone. */
  stale = false
  /** Records of it were handed over. */
  received = false
  /** Something of it reached the kernel; what the first step read does not count. */
  reached = false
  followUp = false

  constructor(
    term: Term,
    packed: RequestBuffer,
    readonly plan: CallPlan<unknown>,
    private readonly settle: Settle<unknown>,
  ) {
    super(term, packed)
    this.requests = [plan.request]
    this.next = () => plan.done()
    this.recover = plan.recover
    this.holds = plan.lock !== undefined
  }

  get pending(): number {
    return this.settled ? 0 : 1
  }

  get sent(): boolean {
    return this.reached || this.onTrip
  }

  about(): About {
    return this.plan
  }

  resolve(value: unknown): void {
    this.settle.resolve(value)
  }

  rejectAll(error: (about: About) => unknown): void {
    this.settle.reject(error(this.plan))
  }

  /** What it reads, where others may read it along. */
  get sharedList(): SharedList<unknown> | undefined {
    return this.requests[0]?.sharedList
  }

  /** The family is there again. */
  again(): void {
    this.stale = false
    this.failed = undefined
  }

  /** Its requests are answered, and have led to these, which are packed behind what there is in `packed`. */
  goOn(
    { requests, done, holds, recover }: FollowUp<unknown>,
    packed: RequestBuffer,
    transport: number,
  ): void {
    // What was read so far has changed nothing.
    if (!this.followUp) this.reached = false
    this.requests = requests
    this.next = done
    this.recover = recover
    this.failed = undefined
    this.followUp = true
    this.received = false
    this.holds = holds
    this.onTrip = false
    this.packed = packed
    this.at = packed.count
    this.count = requests.length
    for (const { fields } of requests) packed.push(fields, transport)
  }
}

/** Of a call that waits: whether something that it did before reached the kernel. */
const reached = (call: PendingCall): boolean => call instanceof PendingPlan && call.reached

export const abortError = (call: PendingCall, { operation, subject }: About): IpvsError => {
  const { sent } = call
  const description = sent ? 'aborted after it was sent' : 'aborted before it was sent'
  return ownError('ABORT_ERR', { operation, subject, sent, description, cause: call.term.signal?.reason })
}

export const timeoutError = ({ sent }: PendingCall, { operation, subject }: About): IpvsError =>
  ownError('ERR_IPVS_TIMEOUT', { operation, subject, sent })

export const closedError = (call: PendingCall, { operation, subject }: About): IpvsError =>
  ownError('ERR_IPVS_CLOSED', { operation, subject, sent: reached(call) })

/** What becomes of calls when the family cannot be looked for again. */
export function reopenError(call: PendingCall, cause: unknown, { operation, subject }: About): IpvsError {
  const sent = reached(call)
  if (cause instanceof IpvsError) {
    const { code, errno, syscall, hint } = cause
    // What was said of the look itself, without its subject.
    const description = cause.message.slice(cause.message.indexOf(': ') + 2).replace(/, open$/, '')
    return new IpvsError({ code, description, errno, syscall, hint, operation, subject, sent, cause })
  }
  const description = `the netlink family is gone, and could not be looked for again: ${String(cause)}`
  return ownError('ERR_IPVS_NOT_LOADED', { operation, subject, sent, description, cause })
}

/** Of every call after it turned out that another kernel module answers. */
export const verdictError =
  (verdict: unknown) =>
  (call: PendingCall, about: About): IpvsError =>
    reopenError(call, verdict, about)

/** What stays true for as long as the client lives. */
export const isVerdict = (error: unknown): boolean =>
  (error as { readonly code?: unknown } | undefined)?.code === 'ERR_IPVS_MODULE_CHANGED'
