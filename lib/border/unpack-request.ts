/** Request records read back: for errors that name what was asked for, and for a kernel of our own. */

import type { AddressFamily, PackedAddress } from '../model/address'
import { Border, LAYOUT_HASH, Request, RequestHeader, requestPresence } from './layout.gen'

/** What identifies a service in a request. */
export type UnpackedService =
  | { readonly family: AddressFamily; readonly fwmark: number }
  | {
      readonly family: AddressFamily
      readonly fwmark?: undefined
      readonly protocol: number
      readonly address: PackedAddress
      readonly port: number
    }

/** A request with every field of its record; what its presence bits leave out is undefined. */
export interface UnpackedRequest {
  /** `Operation` of layout.gen. */
  readonly operation: number
  /** `Transport` of layout.gen. */
  readonly transport: number
  /** Milliseconds. */
  readonly timeout: number
  readonly service: UnpackedService | undefined
  readonly scheduler: string
  readonly flags: number
  readonly flagsMask: number
  readonly persistenceTimeout: number
  readonly netmask: number
  readonly establishedTimeout: number | undefined
  readonly engine: string | undefined
  readonly target: {
    readonly address: PackedAddress
    readonly port: number
    /** The address family is sent along. */
    readonly named: boolean
  }
  readonly forwarding: number
  readonly weight: number
  readonly upperThreshold: number
  readonly lowerThreshold: number
  readonly tunnel: { readonly type: number; readonly port: number; readonly flags: number } | undefined
  readonly timeouts: {
    readonly tcp: number | undefined
    readonly tcpFin: number | undefined
    readonly udp: number | undefined
  }
  readonly daemon: {
    readonly state: number
    readonly interface: string
    readonly syncId: number
    readonly syncMaxLength: number | undefined
    readonly multicastGroup: PackedAddress | undefined
    readonly multicastPort: number | undefined
    readonly multicastTtl: number | undefined
  }
  readonly localAddresses: boolean
}

export interface UnpackedJob {
  /** `Dialect` of layout.gen, as the client takes the kernel for. */
  readonly dialect: number
  readonly requests: readonly UnpackedRequest[]
}

const LITTLE = true

function readAddress(view: DataView, at: number, family: number): PackedAddress {
  return {
    family: family as AddressFamily,
    a: view.getUint32(at),
    b: view.getUint32(at + 4),
    c: view.getUint32(at + 8),
    d: view.getUint32(at + 12),
  }
}

/** Up to the NUL; a field without one is taken whole. */
function readName(bytes: Uint8Array, at: number): string {
  const field = bytes.subarray(at, at + Border.nameSize)
  const end = field.indexOf(0)
  return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString('utf8')
}

function readService(view: DataView, presence: number): UnpackedService | undefined {
  if ((presence & requestPresence.service) === 0) return undefined
  const family = view.getUint16(Request.serviceFamily, LITTLE) as AddressFamily
  if ((presence & requestPresence.fwmark) !== 0) {
    return { family, fwmark: view.getUint32(Request.fwmark, LITTLE) }
  }
  return {
    family,
    protocol: view.getUint16(Request.protocol, LITTLE),
    address: readAddress(view, Request.serviceAddress, family),
    port: view.getUint16(Request.servicePort, LITTLE),
  }
}

/** One record. */
export function readRequest(bytes: Uint8Array): UnpackedRequest {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const u16 = (field: number) => view.getUint16(field, LITTLE)
  const u32 = (field: number) => view.getUint32(field, LITTLE)
  const presence = u32(Request.presence)
  const has = (bit: number) => (presence & bit) !== 0
  const optional16 = (bit: number, field: number) => (has(bit) ? u16(field) : undefined)
  const optional32 = (bit: number, field: number) => (has(bit) ? u32(field) : undefined)
  return {
    operation: u16(Request.operation),
    transport: u16(Request.transport),
    timeout: u32(Request.timeoutMs),
    service: readService(view, presence),
    scheduler: readName(bytes, Request.scheduler),
    flags: u32(Request.flags),
    flagsMask: u32(Request.flagsMask),
    persistenceTimeout: u32(Request.persistenceTimeout),
    netmask: u32(Request.netmask),
    establishedTimeout: optional32(requestPresence.establishedTimeout, Request.establishedTimeout),
    engine: has(requestPresence.persistenceEngine) ? readName(bytes, Request.persistenceEngine) : undefined,
    target: {
      address: readAddress(view, Request.targetAddress, u16(Request.targetFamily)),
      port: u16(Request.targetPort),
      named: has(requestPresence.targetFamily),
    },
    forwarding: u32(Request.forwarding),
    weight: view.getInt32(Request.weight, LITTLE),
    upperThreshold: u32(Request.upperThreshold),
    lowerThreshold: u32(Request.lowerThreshold),
    tunnel: has(requestPresence.tunnel)
      ? { type: u16(Request.tunnelType), port: u16(Request.tunnelPort), flags: u16(Request.tunnelFlags) }
      : undefined,
    timeouts: {
      tcp: optional32(requestPresence.timeoutTcp, Request.timeoutTcp),
      tcpFin: optional32(requestPresence.timeoutTcpFin, Request.timeoutTcpFin),
      udp: optional32(requestPresence.timeoutUdp, Request.timeoutUdp),
    },
    daemon: {
      state: u32(Request.daemonState),
      interface: readName(bytes, Request.interfaceName),
      syncId: u32(Request.syncId),
      syncMaxLength: optional16(requestPresence.syncMaxLength, Request.syncMaxLength),
      multicastGroup: has(requestPresence.multicastGroup)
        ? readAddress(view, Request.multicastGroup, u16(Request.multicastFamily))
        : undefined,
      multicastPort: optional16(requestPresence.multicastPort, Request.multicastPort),
      multicastTtl: optional16(requestPresence.multicastTtl, Request.multicastTtl),
    },
    localAddresses: has(requestPresence.localAddresses),
  }
}

/** Throws when the buffer is not a job of this build. The reverse of `packRequests`. */
export function unpackRequests(buffer: ArrayBuffer): UnpackedJob {
  const view = new DataView(buffer)
  if (
    buffer.byteLength < RequestHeader.size ||
    view.getUint32(RequestHeader.magic, LITTLE) !== Border.magic ||
    view.getUint32(RequestHeader.layoutHash, LITTLE) !== LAYOUT_HASH
  ) {
    throw new Error('not a request of this build')
  }
  const count = view.getUint32(RequestHeader.count, LITTLE)
  if (buffer.byteLength < RequestHeader.size + count * Request.size) {
    throw new Error('the request is shorter than its header says')
  }
  const requests = Array.from({ length: count }, (_, i) =>
    readRequest(new Uint8Array(buffer, RequestHeader.size + i * Request.size, Request.size)),
  )
  return { dialect: view.getUint16(RequestHeader.dialect, LITTLE), requests }
}
