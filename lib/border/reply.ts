/** Reply records: views over the buffer that came over the border, decoded one record at a time. */

import { ownError } from '../errors/ipvs-error'
import {
  Border,
  DaemonRecord,
  DestinationRecord,
  InfoRecord,
  LAYOUT_HASH,
  LocalAddressRecord,
  Outcome,
  outcomeFlags,
  ProbeRecord,
  ReplyHeader,
  ServiceRecord,
  TimeoutsRecord,
} from './layout.gen'

const LITTLE = true

/** One kind of record in a reply. */
export interface Section {
  readonly count: number
  readonly start: number
  readonly stride: number
  /** Offset in a record of the index of its request. */
  readonly operation: number
}

export type DataSection =
  | 'services'
  | 'destinations'
  | 'localAddresses'
  | 'daemons'
  | 'timeouts'
  | 'infos'
  | 'probes'

export interface OutcomeRecord {
  /** Index of the request in its job. */
  readonly operation: number
  /** Positive errno, 0 for success. */
  readonly error: number
  /** `Syscall` of layout.gen. */
  readonly syscall: number
  /** `outcomeFlags` of layout.gen. */
  readonly flags: number
}

/** Throws ERR_IPVS_MALFORMED_REPLY when the buffer is not a reply of this build. */
export class Reply {
  readonly view: DataView
  readonly bytes: Uint8Array
  readonly words: BigUint64Array
  readonly numbers: Uint32Array
  readonly halves: Uint16Array
  /** The job goes on, another reply follows. */
  readonly more: boolean
  readonly outcomes: Section
  readonly services: Section
  readonly destinations: Section
  readonly localAddresses: Section
  readonly daemons: Section
  readonly timeouts: Section
  readonly infos: Section
  readonly probes: Section

  constructor(buffer: ArrayBuffer) {
    const malformed = (description: string) => ownError('ERR_IPVS_MALFORMED_REPLY', { description })
    if (buffer.byteLength < ReplyHeader.size) throw malformed('the reply is shorter than its header')
    const view = new DataView(buffer)
    if (
      view.getUint32(ReplyHeader.magic, LITTLE) !== Border.magic ||
      view.getUint32(ReplyHeader.layoutHash, LITTLE) !== LAYOUT_HASH
    ) {
      throw malformed('the reply is of another build')
    }
    let start: number = ReplyHeader.size
    const section = (field: number, record: { size: number; operation: number }): Section => {
      const count = view.getUint32(field, LITTLE)
      const found = { count, start, stride: record.size, operation: record.operation }
      start += count * record.size
      return found
    }
    this.more = view.getUint32(ReplyHeader.more, LITTLE) !== 0
    // The order of native/ipvs/reply.h.
    this.outcomes = section(ReplyHeader.outcomes, Outcome)
    this.services = section(ReplyHeader.services, ServiceRecord)
    this.destinations = section(ReplyHeader.destinations, DestinationRecord)
    this.localAddresses = section(ReplyHeader.localAddresses, LocalAddressRecord)
    this.daemons = section(ReplyHeader.daemons, DaemonRecord)
    this.timeouts = section(ReplyHeader.timeouts, TimeoutsRecord)
    this.infos = section(ReplyHeader.infos, InfoRecord)
    this.probes = section(ReplyHeader.probes, ProbeRecord)
    if (start !== buffer.byteLength) throw malformed('the reply has not the length its header says')
    this.view = view
    this.bytes = new Uint8Array(buffer)
    this.words = new BigUint64Array(buffer)
    this.numbers = new Uint32Array(buffer)
    this.halves = new Uint16Array(buffer)
  }

  /** Index of the request that a record belongs to. */
  operationOf({ start, stride, operation }: Section, index: number): number {
    return this.numbers[(start + index * stride + operation) >> 2] as number
  }

  /** How many outcomes from `index` on are plain success, of requests that follow each other. */
  successes(index: number): number {
    const { count, start, stride } = this.outcomes
    const { numbers, halves } = this
    const first = this.operationOf(this.outcomes, index)
    let found = index
    for (let at = start + index * stride; found < count; at += stride) {
      if (halves[(at + Outcome.flags) >> 1] !== outcomeFlags.sent || numbers[(at + Outcome.error) >> 2] !== 0)
        break
      if (numbers[(at + Outcome.operation) >> 2] !== first + found - index) break
      found++
    }
    return found - index
  }

  outcome(index: number): OutcomeRecord {
    const at = this.outcomes.start + index * Outcome.size
    return {
      operation: this.view.getUint32(at + Outcome.operation, LITTLE),
      error: this.view.getInt32(at + Outcome.error, LITTLE),
      syscall: this.view.getUint16(at + Outcome.syscall, LITTLE),
      flags: this.view.getUint16(at + Outcome.flags, LITTLE),
    }
  }
}

/** Takes records `from` to `to` (excluded) of the section that belongs to the request. */
export interface RecordSink {
  readonly section: DataSection
  take(reply: Reply, from: number, to: number): void
}
