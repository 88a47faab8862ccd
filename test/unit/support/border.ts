/** The other side of the border: reads packed jobs and writes replies, for tests. */

import {
  Dialect,
  Operation,
  outcomeFlags,
  presence,
  RequestHeaderLayout,
  RequestLayout,
  SECTIONS,
  Transport,
} from '../../../lib/border/layout.gen'
import { emptySections, packReply, type ReplySections } from '../../../lib/border/pack-reply'
import { RecordMemory } from '../../../lib/border/record-memory'
import {
  readDaemonRecord,
  readDestinationRecord,
  readInfoRecord,
  readLocalAddressRecord,
  readMessageRecord,
  readOutcome,
  readProbeRecord,
  readRequest,
  readServiceRecord,
  readTimeoutRecord,
  writeRequest,
} from '../../../lib/border/records.gen'
import type { Reply, SectionName } from '../../../lib/border/reply'
import { unpackRequests } from '../../../lib/border/unpack-request'
import { AF_INET, AF_INET6, formatPacked, type PackedAddress } from '../../../lib/model/address'
import type { RequestRecord } from '../../../lib/model/records.gen'

export type OperationName = keyof typeof Operation

/** A request as it stands in the buffer; every field, wanted or not. */
export interface ReadRequest extends Omit<RequestRecord, 'operation' | 'transport'> {
  readonly operation: OperationName
  readonly transport: keyof typeof Transport
  readonly presence: readonly (keyof typeof presence)[]
  readonly serviceAddress: string
  readonly targetAddress: string
}

export interface ReadJob {
  readonly dialect: keyof typeof Dialect
  readonly requests: readonly ReadRequest[]
}

function keyOf<T extends object>(numbers: T, number: number): keyof T {
  const found = (Object.keys(numbers) as (keyof T)[]).find((name) => numbers[name] === number)
  if (found === undefined) throw new Error(`${number} is none of ${Object.keys(numbers).join(', ')}`)
  return found
}

/** Also of an address that was not named. */
const textOf = (address: PackedAddress) =>
  formatPacked(address.family === AF_INET6 ? address : { ...address, family: AF_INET })

const BITS = Object.keys(presence) as (keyof typeof presence)[]

function readAt(from: RecordMemory, at: number): ReadRequest {
  const record = readRequest(from, at)
  const present = from.u32(at + RequestLayout.presence)
  const again = new RecordMemory(new ArrayBuffer(RequestLayout.size))
  writeRequest(again, 0, record, present)
  // Bytes behind a NUL, in a reserved field, or of a field that is said not to be there.
  if (!Buffer.from(again.bytes).equals(from.bytes.subarray(at, at + RequestLayout.size)))
    throw new Error('a request with more in it than its fields')
  return {
    ...record,
    operation: keyOf(Operation, record.operation),
    transport: keyOf(Transport, record.transport),
    presence: BITS.filter((name) => (present & presence[name]) !== 0),
    serviceAddress: textOf(record.service.address),
    targetAddress: textOf(record.target.address),
  }
}

export function readJob(buffer: ArrayBuffer): ReadJob {
  const { dialect, requests } = unpackRequests(buffer)
  if (buffer.byteLength !== RequestHeaderLayout.size + requests.length * RequestLayout.size)
    throw new Error('not the length')
  const from = new RecordMemory(buffer)
  return {
    dialect: keyOf(Dialect, dialect),
    requests: requests.map((_, i) => readAt(from, RequestHeaderLayout.size + i * RequestLayout.size)),
  }
}

// ---- replies

/** The fields of a record that matter; all others are 0, or not there. */
export type Some<T> = { readonly [name in keyof T]?: T[name] extends object ? Some<T[name]> : T[name] }
export type RecordOf<Name extends SectionName> = ReplySections[Name][number]
export type SomeSections = { readonly [Name in SectionName]?: readonly Some<RecordOf<Name>>[] }

const READERS: { readonly [Name in SectionName]: (from: RecordMemory, at: number) => RecordOf<Name> } = {
  outcomes: readOutcome,
  services: (from, at) => ({ ...readServiceRecord(from, at), present: 0 }),
  destinations: (from, at) => ({ ...readDestinationRecord(from, at), present: 0 }),
  localAddresses: readLocalAddressRecord,
  daemons: readDaemonRecord,
  timeouts: readTimeoutRecord,
  infos: readInfoRecord,
  probes: readProbeRecord,
  messages: readMessageRecord,
}

/** All records of a section; `present` is 0. */
export function recordsOf<Name extends SectionName>(reply: Reply, name: Name): RecordOf<Name>[] {
  const { count, start, stride } = reply[name]
  return Array.from({ length: count }, (_, i) => READERS[name](reply, start + i * stride))
}

const BLANK = new RecordMemory(new ArrayBuffer(Math.max(...SECTIONS.map(({ record }) => record.size))))

function fill<T extends object>(blank: T, some: Some<T>): T {
  const filled = { ...blank } as Record<string, unknown>
  for (const [name, value] of Object.entries(some)) {
    if (!(name in filled)) throw new Error(`no field ${name}`)
    const under = filled[name]
    const nested = typeof value === 'object' && typeof under === 'object' && value && under
    filled[name] = nested ? fill(under, value) : value
  }
  return filled as T
}

/** A whole record; what is said later counts. */
export const record = <Name extends SectionName>(
  name: Name,
  ...some: readonly Some<RecordOf<Name>>[]
): RecordOf<Name> => some.reduce<RecordOf<Name>>(fill, READERS[name](BLANK, 0))

export function writeReply(some: SomeSections, more = false): ArrayBuffer {
  const sections = emptySections()
  for (const { name } of SECTIONS) {
    const records = (some[name] ?? []) as readonly Some<RecordOf<typeof name>>[]
    ;(sections[name] as RecordOf<typeof name>[]).push(...records.map((fields) => record(name, fields)))
  }
  return packReply(sections, more)
}

export { outcomeFlags }
