/** The other side of the border: reads packed jobs and writes replies, for tests. */

import {
  Border,
  DaemonRecord,
  DestinationRecord,
  Dialect,
  InfoRecord,
  LAYOUT_HASH,
  LocalAddressRecord,
  Operation,
  Outcome,
  outcomeFlags,
  ProbeRecord,
  ReplyHeader,
  Request,
  RequestHeader,
  requestPresence,
  ServiceRecord,
  Stats,
  TimeoutsRecord,
  Transport,
} from '../../../lib/border/layout.gen'
import { formatAddress } from '../../../lib/model/address'

const LITTLE = true

export type OperationName = keyof typeof Operation

/** A request as it stands in the buffer; every field, wanted or not. */
export interface ReadRequest {
  operation: OperationName
  transport: keyof typeof Transport
  timeout: number
  presence: (keyof typeof requestPresence)[]
  fwmark: number
  serviceFamily: number
  serviceAddress: string
  protocol: number
  servicePort: number
  targetFamily: number
  targetAddress: string
  targetPort: number
  flags: number
  flagsMask: number
  persistenceTimeout: number
  netmask: number
  establishedTimeout: number
  forwarding: number
  weight: number
  upperThreshold: number
  lowerThreshold: number
  scheduler: string
  persistenceEngine: string
  tunnelType: number
  tunnelPort: number
  tunnelFlags: number
  timeoutTcp: number
  timeoutTcpFin: number
  timeoutUdp: number
  daemonState: number
  syncId: number
  interfaceName: string
  multicastFamily: number
  multicastGroup: string
  multicastPort: number
  multicastTtl: number
  syncMaxLength: number
}

export interface ReadJob {
  dialect: keyof typeof Dialect
  requests: ReadRequest[]
}

function keyOf<T extends object>(numbers: T, number: number): keyof T {
  const found = (Object.keys(numbers) as (keyof T)[]).find((name) => numbers[name] === number)
  if (found === undefined) throw new Error(`${number} is none of ${Object.keys(numbers).join(', ')}`)
  return found
}

function nameAt(bytes: Uint8Array, at: number): string {
  const field = Buffer.from(bytes.subarray(at, at + Border.nameSize))
  const end = field.indexOf(0)
  if (end < 0) throw new Error('a name without a NUL')
  if (field.subarray(end).some((byte) => byte !== 0)) throw new Error('bytes behind the NUL')
  return field.subarray(0, end).toString('utf8')
}

export function readRequest(view: DataView, at: number): ReadRequest {
  const bytes = new Uint8Array(view.buffer)
  const u16 = (offset: number) => view.getUint16(at + offset, LITTLE)
  const u32 = (offset: number) => view.getUint32(at + offset, LITTLE)
  const presence = u32(Request.presence)
  const bits = Object.keys(requestPresence) as (keyof typeof requestPresence)[]
  return {
    operation: keyOf(Operation, u16(Request.operation)),
    transport: keyOf(Transport, u16(Request.transport)),
    timeout: u32(Request.timeoutMs),
    presence: bits.filter((name) => (presence & requestPresence[name]) !== 0),
    fwmark: u32(Request.fwmark),
    serviceFamily: u16(Request.serviceFamily),
    serviceAddress: formatAddress(bytes, at + Request.serviceAddress, u16(Request.serviceFamily)),
    protocol: u16(Request.protocol),
    servicePort: u16(Request.servicePort),
    targetFamily: u16(Request.targetFamily),
    targetAddress: formatAddress(bytes, at + Request.targetAddress, u16(Request.targetFamily)),
    targetPort: u16(Request.targetPort),
    flags: u32(Request.flags),
    flagsMask: u32(Request.flagsMask),
    persistenceTimeout: u32(Request.persistenceTimeout),
    netmask: u32(Request.netmask),
    establishedTimeout: u32(Request.establishedTimeout),
    forwarding: u32(Request.forwarding),
    weight: view.getInt32(at + Request.weight, LITTLE),
    upperThreshold: u32(Request.upperThreshold),
    lowerThreshold: u32(Request.lowerThreshold),
    scheduler: nameAt(bytes, at + Request.scheduler),
    persistenceEngine: nameAt(bytes, at + Request.persistenceEngine),
    tunnelType: u16(Request.tunnelType),
    tunnelPort: u16(Request.tunnelPort),
    tunnelFlags: u16(Request.tunnelFlags),
    timeoutTcp: u32(Request.timeoutTcp),
    timeoutTcpFin: u32(Request.timeoutTcpFin),
    timeoutUdp: u32(Request.timeoutUdp),
    daemonState: u32(Request.daemonState),
    syncId: u32(Request.syncId),
    interfaceName: nameAt(bytes, at + Request.interfaceName),
    multicastFamily: u16(Request.multicastFamily),
    multicastGroup: formatAddress(bytes, at + Request.multicastGroup, u16(Request.multicastFamily)),
    multicastPort: u16(Request.multicastPort),
    multicastTtl: u16(Request.multicastTtl),
    syncMaxLength: u16(Request.syncMaxLength),
  }
}

export function readJob(buffer: ArrayBuffer): ReadJob {
  const view = new DataView(buffer)
  const u32 = (offset: number) => view.getUint32(offset, LITTLE)
  if (u32(RequestHeader.magic) !== Border.magic) throw new Error('not a job')
  if (u32(RequestHeader.layoutHash) !== LAYOUT_HASH) throw new Error('a job of another build')
  const count = u32(RequestHeader.count)
  if (buffer.byteLength !== RequestHeader.size + count * Request.size) throw new Error('not the length')
  return {
    dialect: keyOf(Dialect, view.getUint16(RequestHeader.dialect, LITTLE)),
    requests: Array.from({ length: count }, (_, i) =>
      readRequest(view, RequestHeader.size + i * Request.size),
    ),
  }
}

// ---- replies

type Layout = Readonly<Record<string, number>>
/** A number, a bigint (64 bits), a name or an address by its bytes. */
type Value = number | bigint | string | Uint8Array
export type Fields = Readonly<Record<string, Value>>

/** Widths of the fields that are not 32 bits wide. */
const U16 = new Set([
  'family',
  'protocol',
  'port',
  'syscall',
  'flags16',
  'tunnelType',
  'tunnelPort',
  'tunnelFlags',
  'multicastFamily',
  'multicastPort',
  'multicastTtl',
  'syncMaxLength',
])

export const SECTIONS = {
  outcomes: Outcome,
  services: ServiceRecord,
  destinations: DestinationRecord,
  localAddresses: LocalAddressRecord,
  daemons: DaemonRecord,
  timeouts: TimeoutsRecord,
  infos: InfoRecord,
  probes: ProbeRecord,
} as const

export type SectionName = keyof typeof SECTIONS
export type ReplySections = Partial<Record<SectionName, readonly Fields[]>>

function put(view: DataView, at: number, layout: Layout, fields: Fields, u16: ReadonlySet<string>): void {
  for (const [name, value] of Object.entries(fields)) {
    const statsOffset = (Stats as Layout)[name]
    const inStats = layout[name] === undefined && 'stats' in layout && statsOffset !== undefined
    const offset = inStats ? (layout.stats as number) + (statsOffset as number) : layout[name]
    if (offset === undefined) throw new Error(`no field ${name}`)
    if (typeof value === 'bigint') view.setBigUint64(at + offset, value, LITTLE)
    else if (typeof value === 'string')
      new Uint8Array(view.buffer).set(Buffer.from(value).subarray(0, 15), at + offset)
    else if (typeof value === 'object') new Uint8Array(view.buffer).set(value, at + offset)
    else if (u16.has(name)) view.setUint16(at + offset, value, LITTLE)
    else view.setInt32(at + offset, value | 0, LITTLE)
  }
}

export function writeReply(sections: ReplySections, more = false): ArrayBuffer {
  const names = Object.keys(SECTIONS) as SectionName[]
  const count = (name: SectionName) => sections[name]?.length ?? 0
  const length = names.reduce<number>(
    (sum, name) => sum + count(name) * SECTIONS[name].size,
    ReplyHeader.size,
  )
  const buffer = new ArrayBuffer(length)
  const view = new DataView(buffer)
  view.setUint32(ReplyHeader.magic, Border.magic, LITTLE)
  view.setUint32(ReplyHeader.layoutHash, LAYOUT_HASH, LITTLE)
  view.setUint32(ReplyHeader.more, more ? 1 : 0, LITTLE)
  let at: number = ReplyHeader.size
  for (const name of names) {
    view.setUint32(ReplyHeader[name], count(name), LITTLE)
    for (const fields of sections[name] ?? []) {
      put(view, at, SECTIONS[name], fields, name === 'outcomes' ? new Set(['syscall', 'flags']) : U16)
      at += SECTIONS[name].size
    }
  }
  return buffer
}

export { outcomeFlags }
