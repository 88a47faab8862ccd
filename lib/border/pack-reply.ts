/** Reply records written: the half of reply.ts and decode.ts that a kernel of our own needs (native/abi/reply.h). */

import type {
  DaemonRecord,
  DestinationRecord,
  InfoRecord,
  LocalAddressRecord,
  MessageRecord,
  OutcomeRecord,
  ProbeRecord,
  ServiceRecord,
  TimeoutRecord,
} from '../model/records.gen'
import { Border, LAYOUT_HASH, ReplyHeaderLayout, SECTIONS } from './layout.gen'
import { RecordMemory } from './record-memory'
import {
  writeDaemonRecord,
  writeDestinationRecord,
  writeInfoRecord,
  writeLocalAddressRecord,
  writeMessageRecord,
  writeOutcome,
  writeProbeRecord,
  writeServiceRecord,
  writeTimeoutRecord,
} from './records.gen'
import type { SectionName } from './reply'

/** Presence bits that no field stands for: those of the statistics, and whether the family was sent. */
export type WithPresence<T> = T & { readonly present: number }

/** One reply before it is packed. */
export interface ReplySections {
  readonly outcomes: OutcomeRecord[]
  readonly services: WithPresence<ServiceRecord>[]
  readonly destinations: WithPresence<DestinationRecord>[]
  readonly localAddresses: LocalAddressRecord[]
  readonly daemons: DaemonRecord[]
  readonly timeouts: TimeoutRecord[]
  readonly infos: InfoRecord[]
  readonly probes: ProbeRecord[]
  readonly messages: MessageRecord[]
}

type Write<T> = (to: RecordMemory, at: number, record: T) => void

const WRITERS: { readonly [name in SectionName]: Write<ReplySections[name][number]> } = {
  outcomes: writeOutcome,
  services: (to, at, record) => writeServiceRecord(to, at, record, record.present),
  destinations: (to, at, record) => writeDestinationRecord(to, at, record, record.present),
  localAddresses: writeLocalAddressRecord,
  daemons: writeDaemonRecord,
  timeouts: writeTimeoutRecord,
  infos: writeInfoRecord,
  probes: writeProbeRecord,
  messages: writeMessageRecord,
}

export function emptySections(): ReplySections {
  const sections: Partial<Record<SectionName, unknown[]>> = {}
  for (const { name } of SECTIONS) sections[name] = []
  return sections as ReplySections
}

/** `more`: the job goes on, another reply follows. The reverse of `Reply` and the decoders. */
export function packReply(sections: ReplySections, more: boolean): ArrayBuffer {
  const total = SECTIONS.reduce<number>(
    (sum, { name, record }) => sum + sections[name].length * record.size,
    ReplyHeaderLayout.size,
  )
  const buffer = new ArrayBuffer(total)
  const to = new RecordMemory(buffer)
  to.putU32(ReplyHeaderLayout.magic, Border.magic)
  to.putU32(ReplyHeaderLayout.layoutHash, LAYOUT_HASH)
  to.putU32(ReplyHeaderLayout.more, more ? 1 : 0)
  let at: number = ReplyHeaderLayout.size
  for (const { name, count, record } of SECTIONS) {
    const items: readonly unknown[] = sections[name]
    const write = WRITERS[name] as Write<unknown>
    to.putU32(count, items.length)
    for (const item of items) {
      write(to, at, item)
      at += record.size
    }
  }
  return buffer
}
