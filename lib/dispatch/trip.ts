/** What of a queue may go to the kernel in one trip. */

import { JOB_REQUESTS, RequestBuffer } from '../border/request'
import type { About } from '../border/request-subject'
import { Lanes } from './object-locks'
import type { Entry } from './pending-call'
import { CommandEntry, ProgramEntry, timeoutError } from './pending-call'

/** What must not be sent at all times. */
export interface Admission {
  /** `Operation` of layout.gen. */
  readonly operation: number
  /** Throws for a request of that operation that must not be sent now. */
  admit(entry: Entry, index: number): void
}

/** Rejects all calls of an entry. */
export type Refuse = (entry: Entry, error: (about: About) => unknown) => void

export interface Job {
  readonly packed: RequestBuffer
  readonly entries: readonly Entry[]
  /** By index in the job: whose request it is, until it is answered. */
  readonly owners: (Entry | undefined)[]
  /** An entry may go on with further requests, which come before what is queued. */
  readonly holds: boolean
}

export interface Filled {
  readonly job: Job | undefined
  /** Entries at the head of the queue that are in the job or were refused. */
  readonly taken: number
}

/** Behind a read that may lead to a write, only reads of the same kind on other objects. */
function mayJoin(entry: Entry, lanes: Lanes): boolean {
  if (!(entry instanceof ProgramEntry) || !entry.holds) return false
  const { lane } = entry.program
  return lane !== undefined && !lanes.conflict(lane)
}

/**
 * Lists that a job reads, and who reads them. Until a command comes nothing changes between one read and the next; what a
 * read-modify-write sends besides reads is about other objects than those that go with it (`mayJoin`).
 */
class Readers {
  private readonly byName = new Map<string, ProgramEntry>()

  /** True where another entry of the job reads for this one, too. */
  share(entry: Entry): boolean {
    if (!(entry instanceof ProgramEntry)) {
      this.byName.clear()
      return false
    }
    const { listing } = entry
    if (!listing) {
      if (!entry.holds) this.byName.clear()
      return false
    }
    const reader = this.byName.get(listing.name)
    // With another deadline or signal one could end without the other.
    if (reader?.listing && reader.term === entry.term) {
      listing.follow(reader.listing)
      reader.followers.push(entry)
      return true
    }
    listing.startAnew()
    this.byName.set(listing.name, entry)
    return false
  }
}

/** The entries of `entry` that may be sent; the others are refused. */
function admitted(entry: Entry, { operation, admit }: Admission, refuse: Refuse): Entry[] {
  const refused: { index: number; error: unknown }[] = []
  const { at, count, packed } = entry
  const end = at + count
  for (let i = packed.find(operation, at, end); i < end; i = packed.find(operation, i + 1, end)) {
    try {
      admit(entry, i)
    } catch (error) {
      refused.push({ index: i, error })
    }
  }
  const [first] = refused
  if (!first) return [entry]
  if (!(entry instanceof CommandEntry) || entry.count === 1) {
    refuse(entry, () => first.error)
    return []
  }
  const kept: Entry[] = []
  for (let index = at; index < end; index++) {
    const found = refused.find((one) => one.index === index)
    if (found) entry.reject(index, found.error)
    else kept.push(entry.single(index))
  }
  return kept
}

/** The requests of all entries in one buffer: where they stand together in one already, it is taken as it is. */
function gather(entries: readonly Entry[]): RequestBuffer {
  const total = entries.reduce((sum, { count }) => sum + count, 0)
  const source = (entries[0] as Entry).packed
  let end = 0
  let whole = source.count === total
  for (const entry of entries) {
    if (!whole) break
    whole = entry.packed === source && entry.at === end
    end += entry.count
  }
  if (whole) return source
  const packed = new RequestBuffer(total)
  for (const entry of entries) {
    packed.append(entry.packed, entry.at, entry.count)
    entry.packed = packed
    entry.at = packed.count - entry.count
  }
  return packed
}

/** In the order of the queue. `refuse` is called for what may not be sent now. */
export function fillJob(
  queue: readonly Entry[],
  now: number,
  admission: Admission | undefined,
  refuse: Refuse,
): Filled {
  const entries: Entry[] = []
  /** Those of them whose requests are sent. */
  const senders: Entry[] = []
  const lanes = new Lanes()
  const readers = new Readers()
  let holds = false
  let total = 0
  let taken = 0
  for (const entry of queue) {
    if (total >= JOB_REQUESTS || (holds && !mayJoin(entry, lanes))) break
    taken++
    if (entry.settled) continue
    if (entry.term.deadline <= now) {
      refuse(entry, (about) => timeoutError(entry, about))
      continue
    }
    for (const one of admission ? admitted(entry, admission, refuse) : [entry]) {
      if (one instanceof ProgramEntry) {
        one.followers = []
        if (one.program.lane && one.holds) lanes.add(one.program.lane)
        holds ||= one.holds
      }
      entries.push(one)
      if (!readers.share(one)) senders.push(one)
      total += one.count
    }
  }
  if (total === 0) return { job: undefined, taken }
  const packed = gather(senders)
  const owners: (Entry | undefined)[] = []
  for (const entry of entries) {
    entry.inJob = true
    entry.open = entry.count
  }
  for (const entry of senders) {
    const timeout = Math.ceil(entry.term.deadline - now)
    packed.setTimeouts(entry.at, entry.at + entry.count, timeout)
    for (let i = 0; i < entry.count; i++) owners.push(entry)
  }
  return { job: { packed, entries, owners, holds }, taken }
}
