/**
 * What an operation of the API is made of before anybody runs it: a command, or a program of requests and what their
 * answers lead to.
 */

import type { ErrorSubject, IpvsError } from './errors'
import type { DataSection, Reply } from './records/reply'
import type { RequestFields } from './records/request'

/** Takes records `from` to `to` (excluded) of the section that belongs to the request. */
export interface RecordSink {
  readonly section: DataSection
  take(reply: Reply, from: number, to: number): void
}

/** A change that needs one request and has no result. */
export interface Command {
  readonly fields: RequestFields
}

/** What changes the table and has no result. */
export type Change = Command | Program<void>

export interface Request extends Command {
  readonly sinks?: readonly RecordSink[]
  /** An errno that counts as success: what was to be done, another program has done. */
  readonly tolerate?: 'ENOENT' | 'EEXIST'
}

/**
 * What a read-modify-write holds on to. Two of them may go together unless they are about the same object; an empty
 * `object` is the service itself with all in it, an empty `service` is everything.
 */
export interface Lane {
  readonly service: string
  readonly object: string
}

/** Requests that the answers before made necessary. They go before every operation that was called later. */
export class FollowUp<T> {
  constructor(
    readonly requests: readonly Request[],
    /** Called when all of them have succeeded. */
    readonly done: () => T | FollowUp<T>,
    /** `done` may lead to further requests, which have to come before operations that were called later, too. */
    readonly holds = false,
  ) {}
}

export interface Program<T> {
  /** `'services.add'`. */
  readonly operation: string
  readonly subject: ErrorSubject
  readonly request: Request
  /** Set when `done` may lead to further requests. */
  readonly lane?: Lane
  /** Called when the request has succeeded. May throw. */
  done(): T | FollowUp<T>
  /** Turns a failure into a result; returns undefined to let it stand. */
  recover?(error: IpvsError): { readonly value: T | FollowUp<T> } | undefined
}

export function conflicts(one: Lane, other: Lane): boolean {
  if (one.service === '' || other.service === '') return true
  if (one.service !== other.service) return false
  return one.object === '' || other.object === '' || one.object === other.object
}

/** For programs that have no result. */
export function nothing(): void {}
