/** What of a queue may go to the kernel in one trip. */

import { RequestBuffer, TRIP_REQUESTS } from '../border/request'
import type { About } from '../border/request-subject'
import type { Admission } from '../kernel/machine-rules'
import { now } from '../model/clock'
import type { ObjectLock } from './object-locks'
import { lockOfService, ObjectLocks } from './object-locks'
import type { PendingCall } from './pending-call'
import { PendingCommands, PendingPlan } from './pending-call'

/** `parts` are the commands of `call`, each a call of its own. */
export type Split = (call: PendingCall, parts: readonly PendingCall[]) => void

/** Rejects everything that a call stands for, when the trip has been filled: whoever hears of it may call or abort. */
export type Refuse = (call: PendingCall, error: (about: About) => unknown) => void

export interface Trip {
  readonly packed: RequestBuffer
  readonly calls: readonly PendingCall[]
  /** By index in the trip: whose request it is, until it is answered. */
  readonly owners: (PendingCall | undefined)[]
  /** A call may go on with further requests, which come before what is queued. */
  readonly holds: boolean
}

export interface Filled {
  readonly trip: Trip | undefined
  /** What stays in the queue. */
  readonly rest: PendingCall[]
}

/** Calls beyond this many that had to wait are not looked at for something that could go along. */
const MOST_HELD_BACK = 4 * TRIP_REQUESTS

/** What a call is about. */
function locksOf(call: PendingCall): ObjectLock[] {
  if (call instanceof PendingPlan) return [call.plan.lock ?? lockOfService(call.plan.subject)]
  return Array.from({ length: call.count }, (_, i) => lockOfService(call.about(call.at + i).subject))
}

/**
 * Lists that a trip reads, and who reads them. Until a command comes nothing changes between one read and the next; what a
 * read-modify-write sends besides reads is about other objects than those that go with it (`mayJoin`).
 */
class Readers {
  private readonly byName = new Map<string, PendingPlan>()

  /** True where another call of the trip reads for this one, too. */
  share(call: PendingCall): boolean {
    if (!(call instanceof PendingPlan)) {
      this.byName.clear()
      return false
    }
    const { sharedList } = call
    if (!sharedList) {
      if (!call.holds) this.byName.clear()
      return false
    }
    const reader = this.byName.get(sharedList.name)
    // With another timeout or signal one could end without the other.
    if (reader?.sharedList && reader.term === call.term) {
      sharedList.follow(reader.sharedList)
      reader.followers.push(call)
      return true
    }
    sharedList.startAnew()
    this.byName.set(sharedList.name, call)
    return false
  }
}

/** The requests of `call` that must not be sent now, with the reason. */
function refusedOf(call: PendingCall, admissions: readonly Admission[]): Map<number, unknown> {
  const refused = new Map<number, unknown>()
  const { at, count, packed } = call
  const end = at + count
  for (const { operation, admit } of admissions) {
    for (let i = packed.find(operation, at, end); i < end; i = packed.find(operation, i + 1, end)) {
      try {
        admit(() => call.aboutRequest(i))
      } catch (error) {
        refused.set(i, error)
      }
    }
  }
  return refused
}

/** What of `call` may be sent; the rest is refused. */
function admitted(
  call: PendingCall,
  admissions: readonly Admission[],
  refuse: Refuse,
  split: Split,
): PendingCall[] {
  const refused = refusedOf(call, admissions)
  if (refused.size === 0) return [call]
  if (!(call instanceof PendingCommands) || call.count === 1) {
    const [error] = refused.values()
    refuse(call, () => error)
    return []
  }
  const singles = Array.from({ length: call.count }, (_, i) => call.single(call.at + i))
  split(call, singles)
  return singles.filter((one) => {
    if (!refused.has(one.at)) return true
    refuse(one, () => refused.get(one.at))
    return false
  })
}

/** The requests of all calls in one buffer: where they stand together in one already, it is taken as it is. */
function gather(calls: readonly PendingCall[]): RequestBuffer {
  const total = calls.reduce((sum, { count }) => sum + count, 0)
  const source = (calls[0] as PendingCall).packed
  let end = 0
  let whole = source.count === total
  for (const call of calls) {
    if (!whole) break
    whole = call.packed === source && call.at === end
    end += call.count
  }
  if (whole) return source
  const packed = new RequestBuffer(total)
  for (const call of calls) {
    packed.append(call.packed, call.at, call.count)
    call.packed = packed
    call.at = packed.count - call.count
  }
  return packed
}

/**
 * In the order of the queue, but that calls which do not touch what has to wait may go before it: behind a read that may
 * lead to a write nothing about the same object goes along. `refuse` is called for what may not be sent now, `split`
 * for a call of which that is a part.
 */
export function fillTrip(
  queue: readonly PendingCall[],
  admissions: readonly Admission[],
  refuse: Refuse,
  split: Split,
): Filled {
  const calls: PendingCall[] = []
  /** Those of them whose requests are sent. */
  const senders: PendingCall[] = []
  /** What the calls of the trip that may go on, and those that wait, are about. */
  const locks = new ObjectLocks()
  const readers = new Readers()
  const waiting: PendingCall[] = []
  let held = 0
  let holds = false
  let total = 0
  let looked = 0
  for (const call of queue) {
    if (total >= TRIP_REQUESTS || held > MOST_HELD_BACK) break
    looked++
    if (call.settled) continue
    if (holds || held > 0) {
      const wanted = locksOf(call)
      if (wanted.some((lock) => locks.conflict(lock))) {
        // What comes behind it about the same service keeps its order, too.
        for (const { service } of wanted) locks.add({ service, object: '' })
        held += call.count
        waiting.push(call)
        continue
      }
    }
    const parts = admissions.length > 0 ? admitted(call, admissions, refuse, split) : [call]
    for (const one of parts) {
      if (one instanceof PendingPlan) {
        one.followers = []
        if (one.holds) {
          holds = true
          for (const lock of locksOf(one)) locks.add(lock)
        }
      }
      calls.push(one)
      if (!readers.share(one)) senders.push(one)
      total += one.count
    }
  }
  const rest = waiting.concat(queue.slice(looked))
  if (total === 0) return { trip: undefined, rest }
  const packed = gather(senders)
  const owners: (PendingCall | undefined)[] = []
  const moment = now()
  for (const call of calls) {
    call.onTrip = true
    call.open = call.count
    call.handedOver = moment
    call.requestsSent += call instanceof PendingPlan ? call.count : 1
  }
  for (const call of senders) {
    packed.setTimeouts(call.at, call.at + call.count, call.term.timeout)
    for (let i = 0; i < call.count; i++) owners.push(call)
  }
  return { trip: { packed, calls, owners, holds }, rest }
}
