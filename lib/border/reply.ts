/** Reply records: views over the buffer that came over the border, decoded one record at a time. */

import { ownError } from '../errors/ipvs-error'
import type { OutcomeRecord } from '../model/records.gen'
import { Border, LAYOUT_HASH, OutcomeLayout, outcomeFlags, ReplyHeaderLayout, SECTIONS } from './layout.gen'
import { RecordMemory } from './record-memory'
import { readMessageRecord, readOutcome } from './records.gen'

/** One kind of record in a reply. */
export interface Section {
  readonly count: number
  readonly start: number
  readonly stride: number
  /** Offset in a record of the index of its request. */
  readonly requestIndex: number
}

export type SectionName = (typeof SECTIONS)[number]['name']
export type DataSection = Exclude<SectionName, 'outcomes' | 'messages'>

/** Throws ERR_IPVS_MALFORMED_REPLY when the buffer is not a reply of this build. */
export class Reply extends RecordMemory implements Readonly<Record<SectionName, Section>> {
  /** The job goes on, another reply follows. */
  readonly more: boolean
  readonly outcomes!: Section
  readonly services!: Section
  readonly destinations!: Section
  readonly localAddresses!: Section
  readonly daemons!: Section
  readonly timeouts!: Section
  readonly infos!: Section
  readonly probes!: Section
  readonly messages!: Section

  constructor(buffer: ArrayBuffer) {
    super(buffer)
    const malformed = (description: string) => ownError('ERR_IPVS_MALFORMED_REPLY', { description })
    if (buffer.byteLength < ReplyHeaderLayout.size) throw malformed('the reply is shorter than its header')
    if (
      this.u32(ReplyHeaderLayout.magic) !== Border.magic ||
      this.u32(ReplyHeaderLayout.layoutHash) !== LAYOUT_HASH
    ) {
      throw malformed('the reply is of another build')
    }
    this.more = this.u32(ReplyHeaderLayout.more) !== 0
    let start: number = ReplyHeaderLayout.size
    for (const { name, count: field, record } of SECTIONS) {
      const count = this.u32(field)
      this[name] = { count, start, stride: record.size, requestIndex: record.requestIndex }
      start += count * record.size
    }
    if (start !== buffer.byteLength) throw malformed('the reply has not the length its header says')
  }

  /** Index of the request that a record belongs to. */
  requestOf({ start, stride, requestIndex }: Section, index: number): number {
    return this.u32(start + index * stride + requestIndex)
  }

  /** The kernel's own words about a request, if it had any. */
  messageOf(request: number): string | undefined {
    const { count, start, stride } = this.messages
    for (let i = 0; i < count; i++) {
      if (this.requestOf(this.messages, i) !== request) continue
      return readMessageRecord(this, start + i * stride).text
    }
    return undefined
  }

  /** How many outcomes from `index` on are plain success, of requests that follow each other. */
  successes(index: number): number {
    const { count, start, stride } = this.outcomes
    const first = this.requestOf(this.outcomes, index)
    let found = index
    for (let at = start + index * stride; found < count; at += stride) {
      if (
        this.u16(at + OutcomeLayout.flags) !== outcomeFlags.sent ||
        this.u32(at + OutcomeLayout.error) !== 0
      )
        break
      if (this.u32(at + OutcomeLayout.requestIndex) !== first + found - index) break
      found++
    }
    return found - index
  }

  outcome(index: number): OutcomeRecord {
    return readOutcome(this, this.outcomes.start + index * OutcomeLayout.size)
  }
}

/** Takes records `from` to `to` (excluded) of the section that belongs to the request. */
export interface RecordSink {
  readonly section: DataSection
  take(reply: Reply, from: number, to: number): void
}
