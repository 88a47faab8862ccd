/** Hands the records of a reply to the requests that they belong to. */

import { SECTIONS } from '../border/layout.gen'
import type { Reply } from '../border/reply'
import { PendingPlan } from './pending-call'
import type { Trip } from './trip'

/** The records of one request stand together. True where there were any. */
export function handOutRecords(reply: Reply, { owners }: Trip): boolean {
  let found = false
  for (const { name } of SECTIONS) {
    if (name === 'outcomes' || name === 'messages') continue
    const section = reply[name]
    const { count } = section
    found ||= count > 0
    let from = 0
    while (from < count) {
      const index = reply.requestOf(section, from)
      let to = from + 1
      while (to < count && reply.requestOf(section, to) === index) to++
      const call = owners[index]
      if (call instanceof PendingPlan && !call.settled) {
        call.received = true
        for (const follower of call.followers) follower.received = true
        const request = call.requests[index - call.at]
        request?.sinks?.find((sink) => sink.section === name)?.take(reply, from, to)
      }
      from = to
    }
  }
  return found
}
