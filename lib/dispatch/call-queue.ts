/** Calls that wait for a trip, in the order in which they were made. */

import { TRIP_REQUESTS } from '../border/request'
import type { PendingCall } from './pending-call'

/** Settled calls are taken out of a queue of at least so many when they are half of it. */
const LEAST_SWEEP = 64

export class CallQueue {
  private waiting: PendingCall[] = []
  /** Requests of the calls, those of settled ones included. */
  requests = 0
  /** An estimate: a call that ends on its way back into the queue counts, too. */
  private settled = 0
  private order = 0

  get calls(): readonly PendingCall[] {
    return this.waiting
  }

  /** There is enough for a trip. */
  get full(): boolean {
    return this.requests >= TRIP_REQUESTS
  }

  /** Calls that wait and are not settled. */
  get pending(): number {
    return this.waiting.reduce((sum, call) => sum + (call.settled ? 0 : call.pending), 0)
  }

  get last(): PendingCall | undefined {
    return this.waiting[this.waiting.length - 1]
  }

  push(call: PendingCall): void {
    call.order = ++this.order
    this.waiting.push(call)
    this.requests += call.count
  }

  /** Calls that go on come where they were made among those that wait. */
  insert(calls: readonly PendingCall[]): void {
    if (calls.length === 0) return
    // Commands of one call have one order; sort() is not stable before Node 11.
    const merged = calls.concat(this.waiting.filter(({ settled }) => !settled))
    this.replace(merged.sort((one, other) => one.order - other.order || one.at - other.at))
  }

  replace(calls: PendingCall[]): void {
    this.waiting = calls
    this.requests = calls.reduce((sum, { count }) => sum + count, 0)
    this.settled = 0
  }

  takeAll(): readonly PendingCall[] {
    const { waiting } = this
    this.replace([])
    return waiting
  }

  /** A call has ended while it waited: a kernel that hangs must not keep it in memory. */
  dropped(): void {
    this.settled++
    if (this.waiting.length < LEAST_SWEEP || this.settled * 2 < this.waiting.length) return
    this.replace(this.waiting.filter(({ settled }) => !settled))
  }
}
