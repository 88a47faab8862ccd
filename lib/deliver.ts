/** Hands the records of a reply to the requests that they belong to. */

import type { Entry } from './entry'
import type { Request } from './program'
import type { Reply } from './records/reply'

/** A request of the running job; its index in the job is what records and outcomes name. */
export interface Inflight {
  readonly entry: Entry
  readonly request: Request
}

const DATA_SECTIONS = [
  'services',
  'destinations',
  'localAddresses',
  'daemons',
  'timeouts',
  'infos',
  'probes',
] as const

/** The records of one request stand together. */
export function deliver(reply: Reply, running: readonly Inflight[]): void {
  for (const name of DATA_SECTIONS) {
    const { count } = reply[name]
    let from = 0
    while (from < count) {
      const operation = reply.operationOf(name, from)
      let to = from + 1
      while (to < count && reply.operationOf(name, to) === operation) to++
      const inflight = running[operation]
      const sink = inflight?.request.sinks?.find(({ section }) => section === name)
      if (inflight && !inflight.entry.settled) {
        inflight.entry.received = true
        sink?.take(reply, from, to)
      }
      from = to
    }
  }
}
