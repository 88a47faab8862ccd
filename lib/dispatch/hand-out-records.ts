/** Hands the records of a reply to the requests that they belong to. */

import type { Reply } from '../border/reply'
import { ProgramEntry } from './pending-call'
import type { Job } from './trip'

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
export function deliver(reply: Reply, { owners }: Job): void {
  for (const name of DATA_SECTIONS) {
    const section = reply[name]
    const { count } = section
    let from = 0
    while (from < count) {
      const index = reply.operationOf(section, from)
      let to = from + 1
      while (to < count && reply.operationOf(section, to) === index) to++
      const entry = owners[index]
      if (entry instanceof ProgramEntry && !entry.settled) {
        entry.received = true
        for (const follower of entry.followers) follower.received = true
        const request = entry.requests[index - entry.at]
        request?.sinks?.find((sink) => sink.section === name)?.take(reply, from, to)
      }
      from = to
    }
  }
}
