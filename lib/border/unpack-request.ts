/** Request records read back: for errors that name what was asked for, and for a kernel of our own. */

import type { RequestRecord, ServiceKeyRecord } from '../model/records.gen'
import { Border, LAYOUT_HASH, presence, RequestHeaderLayout, RequestLayout } from './layout.gen'
import { RecordMemory } from './record-memory'
import { readRequest } from './records.gen'

/** A request with every field of its record; what its presence bits leave out is undefined. */
export interface UnpackedRequest extends Omit<RequestRecord, 'service'> {
  /** Undefined where the request is about none, or about all. */
  readonly service: ServiceKeyRecord | undefined
  /** The address family of `target` is sent along. */
  readonly targetFamily: boolean
  /** A snapshot with local addresses. */
  readonly localAddresses: boolean
}

export interface UnpackedJob {
  /** `Dialect` of layout.gen, as the client takes the kernel for. */
  readonly dialect: number
  readonly requests: readonly UnpackedRequest[]
}

/** The record at offset `at`. */
export function readUnpacked(from: RecordMemory, at: number): UnpackedRequest {
  const present = from.u32(at + RequestLayout.presence)
  const has = (bit: number) => (present & bit) !== 0
  const request = readRequest(from, at)
  return {
    ...request,
    service: has(presence.service) ? request.service : undefined,
    targetFamily: has(presence.targetFamily),
    localAddresses: has(presence.localAddresses),
  }
}

/** Throws when the buffer is not a job of this build. The reverse of `packRequests`. */
export function unpackRequests(buffer: ArrayBuffer): UnpackedJob {
  const from = new RecordMemory(buffer)
  if (
    buffer.byteLength < RequestHeaderLayout.size ||
    from.u32(RequestHeaderLayout.magic) !== Border.magic ||
    from.u32(RequestHeaderLayout.layoutHash) !== LAYOUT_HASH
  ) {
    throw new Error('not a request of this build')
  }
  const count = from.u32(RequestHeaderLayout.count)
  if (buffer.byteLength < RequestHeaderLayout.size + count * RequestLayout.size) {
    throw new Error('the request is shorter than its header says')
  }
  const requests = Array.from({ length: count }, (_, i) =>
    readUnpacked(from, RequestHeaderLayout.size + i * RequestLayout.size),
  )
  return { dialect: from.u16(RequestHeaderLayout.dialect), requests }
}
