/**
 * What an operation of the API is made of before anybody runs it: a command, or a plan of requests and what their
 * answers lead to.
 */

import type { RecordSink } from '../border/reply'
import type { RequestFields } from '../border/request'
import type { ErrorSubject, IpvsError } from '../errors/ipvs-error'
import type { ObjectLock } from './object-locks'
import type { SharedList } from './shared-list'

/** A change that needs one request and has no result. */
export interface Command {
  readonly fields: RequestFields
}

/** What changes the table and has no result. */
export type Write = Command | CallPlan<void>

export interface PlannedRequest extends Command {
  readonly sinks?: readonly RecordSink[]
  /** An errno that counts as success: what was to be done, another plan has done. */
  readonly tolerate?: 'ENOENT' | 'EEXIST'
  /** What it reads, where calls of the same tick can share it; the only request of its step then. */
  readonly sharedList?: SharedList<unknown>
}

/** Turns a failure into a result; returns undefined to let it stand. */
export type Recover<T> = (error: IpvsError) => { readonly value: T | FollowUp<T> } | undefined

/**
 * Requests that the answers before made necessary. With `holds` of the step before they go before every
 * operation that was called later.
 */
export class FollowUp<T> {
  constructor(
    readonly requests: readonly PlannedRequest[],
    /** Called when all of them have succeeded. */
    readonly done: () => T | FollowUp<T>,
    /** They may lead to further requests, which have to come before operations that were called later, too. */
    readonly holds = false,
    readonly recover?: Recover<T>,
  ) {}
}

export interface CallPlan<T> {
  /** `'services.add'`. */
  readonly operation: string
  readonly subject: ErrorSubject
  readonly request: PlannedRequest
  /** Set when `done` may lead to further requests. */
  readonly lock?: ObjectLock
  /** Called when the request has succeeded. May throw. */
  done(): T | FollowUp<T>
  readonly recover?: Recover<T> | undefined
}

/** A plan begins with the same as others go on with. */
export function startWith<T>({ requests: [request], done, recover }: FollowUp<T>) {
  return { request: request as PlannedRequest, done, recover }
}

/** For plans that have no result. */
export function nothing(): void {}
