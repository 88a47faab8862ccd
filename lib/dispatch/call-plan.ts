/**
 * What an operation of the API is made of before anybody runs it: a command, or a program of requests and what their
 * answers lead to.
 */

import type { DataSection, Reply } from '../border/reply'
import type { RequestFields } from '../border/request'
import type { ErrorSubject, IpvsError } from '../errors/ipvs-error'
import type { Lane } from './object-locks'
import type { Listing } from './shared-list'

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
  /** What it reads, where calls of the same tick can share it; the only request of its step then. */
  readonly listing?: Listing<unknown>
}

/** Turns a failure into a result; returns undefined to let it stand. */
export type Recover<T> = (error: IpvsError) => { readonly value: T | FollowUp<T> } | undefined

/** Requests that the answers before made necessary. They go before every operation that was called later. */
export class FollowUp<T> {
  constructor(
    readonly requests: readonly Request[],
    /** Called when all of them have succeeded. */
    readonly done: () => T | FollowUp<T>,
    /** They may lead to further requests, which have to come before operations that were called later, too. */
    readonly holds = false,
    readonly recover?: Recover<T>,
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
  readonly recover?: Recover<T> | undefined
}

/** A program begins with the same as others go on with. */
export function startWith<T>({ requests: [request], done, recover }: FollowUp<T>) {
  return { request: request as Request, done, recover }
}

/** For programs that have no result. */
export function nothing(): void {}
