/** Request records: what one job asks the kernel for, packed for the border (native/abi/records.h). */

import type { PackedAddress } from '../model/address'
import type {
  NormalizedDaemon,
  NormalizedDestinationConfig,
  NormalizedServiceConfig,
  NormalizedServiceKey,
  NormalizedTimeouts,
} from '../model/normalized'
import {
  AddressLayout,
  Border,
  DaemonConfigLayout,
  LAYOUT_HASH,
  presence,
  RequestHeaderLayout,
  RequestLayout,
  ServiceConfigLayout,
  ServiceKeyLayout,
  TargetLayout,
} from './layout.gen'
import { RecordMemory } from './record-memory'
import {
  writeDaemonConfig,
  writeDestinationConfig,
  writeServiceConfig,
  writeTimeoutConfig,
} from './records.gen'
import type { About } from './request-subject'
import { describeRequest } from './request-subject'
import { readUnpacked } from './unpack-request'

/** One operation. What does not belong to it is left out. */
export interface RequestFields {
  /** `Operation` of layout.gen. */
  readonly operation: number
  readonly service?: NormalizedServiceKey | undefined
  readonly config?: NormalizedServiceConfig | undefined
  /** The bits of the flags of `config` that are set or cleared at all; the others are not sent. */
  readonly flagsMask?: number
  /** Destination or local address. */
  readonly target?: { readonly address: PackedAddress; readonly port?: number } | undefined
  readonly destination?: NormalizedDestinationConfig | undefined
  readonly daemon?: NormalizedDaemon | undefined
  /** Stop a daemon: its state alone. */
  readonly daemonState?: number
  readonly timeouts?: NormalizedTimeouts | undefined
  /** A snapshot with local addresses. */
  readonly localAddresses?: boolean
  /** `Transport` of layout.gen, where it is not that of the client (fullnat-v2 removes services over sockopt). */
  readonly transport?: number | undefined
}

/** Requests that one job takes at most, so that settling them does not hold the event loop up. */
export const TRIP_REQUESTS = 1000

/** A buffer starts with room for this many requests, for calls that come one by one, and grows by this factor. */
const FIRST_CAPACITY = 8
const GROWTH = 4

/** Offsets within a request. */
const FAMILY = RequestLayout.service + ServiceKeyLayout.address + AddressLayout.family
const PROTOCOL = RequestLayout.service + ServiceKeyLayout.protocol
const PORT = RequestLayout.service + ServiceKeyLayout.port
const FWMARK = RequestLayout.service + ServiceKeyLayout.fwmark
const FLAGS = RequestLayout.config + ServiceConfigLayout.flags
const TARGET_PORT = RequestLayout.target + TargetLayout.port
const DAEMON_STATE = RequestLayout.daemon + DaemonConfigLayout.state

/**
 * Requests in the order in which they were called, each packed when the call is made: nothing of what the caller passed
 * in is kept.
 */
export class RequestBuffer extends RecordMemory {
  private buffer: ArrayBuffer
  private used = 0

  constructor(capacity: number = FIRST_CAPACITY) {
    const buffer = newBuffer(capacity)
    super(buffer)
    this.buffer = buffer
  }

  get count(): number {
    return this.used
  }

  /** Empty again, with the room that it has. */
  clear(): void {
    this.bytes.fill(0, 0, RequestHeaderLayout.size + this.used * RequestLayout.size)
    this.used = 0
  }

  /** `transport` is a `Transport` of layout.gen. */
  push(fields: RequestFields, transport: number): void {
    this.reserve(1)
    const at = RequestHeaderLayout.size + this.used * RequestLayout.size
    this.used++
    this.putU16(at + RequestLayout.operation, fields.operation)
    this.putU16(at + RequestLayout.transport, fields.transport ?? transport)
    let present = 0
    if (fields.service) present |= this.putService(at, fields.service)
    if (fields.config) {
      const mask = fields.flagsMask ?? 0
      present |= writeServiceConfig(this, at + RequestLayout.config, fields.config)
      this.putU32(at + FLAGS, fields.config.flags & mask)
      this.putU32(at + RequestLayout.flagsMask, mask)
    }
    if (fields.target) {
      const { address, port } = fields.target
      this.putAddress(at + RequestLayout.target + TargetLayout.address, address)
      this.putU16(at + TARGET_PORT, port ?? 0)
      // Only where it differs: kernels before 3.18 do not know the attribute.
      if (fields.service && address.family !== fields.service.family) present |= presence.targetFamily
    }
    if (fields.destination) {
      present |= writeDestinationConfig(this, at + RequestLayout.destination, fields.destination)
    }
    if (fields.daemon) present |= writeDaemonConfig(this, at + RequestLayout.daemon, fields.daemon)
    if (fields.daemonState !== undefined) this.putU32(at + DAEMON_STATE, fields.daemonState)
    if (fields.timeouts) present |= writeTimeoutConfig(this, at + RequestLayout.timeouts, fields.timeouts)
    if (fields.localAddresses) present |= presence.localAddresses
    this.putU32(at + RequestLayout.presence, present)
  }

  /** Copies `count` requests of another buffer, from its request `from`, behind its own. */
  append(other: RequestBuffer, from: number, count: number): void {
    this.reserve(count)
    const start = RequestHeaderLayout.size + from * RequestLayout.size
    const bytes = other.bytes.subarray(start, start + count * RequestLayout.size)
    this.bytes.set(bytes, RequestHeaderLayout.size + this.used * RequestLayout.size)
    this.used += count
  }

  /** Holds as much as one job takes. */
  get full(): boolean {
    return this.used >= TRIP_REQUESTS
  }

  /** Has more room than a job needs: it was filled by a plan with thousands of requests. */
  get oversized(): boolean {
    return this.buffer.byteLength > RequestHeaderLayout.size + TRIP_REQUESTS * RequestLayout.size
  }

  /** The first request of `operation` (of layout.gen) from `index` on and before `end`, else `end`. */
  find(operation: number, index: number, end: number): number {
    const { halves } = this
    const stride = RequestLayout.size >> 1
    const first = (RequestHeaderLayout.size + RequestLayout.operation) >> 1
    let found = index
    while (found < end && halves[first + found * stride] !== operation) found++
    return found
  }

  /** Milliseconds that are left for the requests from `index` on and before `end`. */
  setTimeouts(index: number, end: number, milliseconds: number): void {
    const { numbers: words } = this
    const stride = RequestLayout.size >> 2
    const first = (RequestHeaderLayout.size + RequestLayout.timeoutMs) >> 2
    for (let i = index; i < end; i++) words[first + i * stride] = milliseconds
  }

  /** What a request is, read back from its record. */
  describe(index: number): About {
    return describeRequest(readUnpacked(this, RequestHeaderLayout.size + index * RequestLayout.size))
  }

  /** All requests as one job. `dialect` is a `Dialect` of layout.gen. */
  job(dialect: number): ArrayBuffer {
    const { halves, numbers: words } = this
    words[RequestHeaderLayout.magic >> 2] = Border.magic
    words[RequestHeaderLayout.layoutHash >> 2] = LAYOUT_HASH
    words[RequestHeaderLayout.count >> 2] = this.used
    halves[RequestHeaderLayout.dialect >> 1] = dialect
    const size = RequestHeaderLayout.size + this.used * RequestLayout.size
    return this.buffer.byteLength === size ? this.buffer : this.buffer.slice(0, size)
  }

  private reserve(more: number): void {
    const needed = RequestHeaderLayout.size + (this.used + more) * RequestLayout.size
    if (needed <= this.buffer.byteLength) return
    const { bytes } = this
    const grown = Math.max(this.used, FIRST_CAPACITY) * GROWTH
    // A full job is sent without another copy.
    const capacity = this.used < TRIP_REQUESTS ? Math.min(grown, TRIP_REQUESTS) : grown
    this.buffer = newBuffer(Math.max(capacity, this.used + more))
    this.attach(this.buffer)
    this.bytes.set(bytes)
  }

  private putService(at: number, service: NormalizedServiceKey): number {
    if (service.kind === 'fwmark') {
      this.putU16(at + FAMILY, service.family)
      this.putU32(at + FWMARK, service.fwmark)
      return presence.service | presence.fwmark
    }
    this.putAddress(at + RequestLayout.service + ServiceKeyLayout.address, service.address)
    this.putU16(at + PROTOCOL, service.protocol)
    this.putU16(at + PORT, service.port)
    return presence.service
  }
}

function newBuffer(capacity: number): ArrayBuffer {
  return new ArrayBuffer(RequestHeaderLayout.size + capacity * RequestLayout.size)
}

export interface PackedRequest {
  readonly fields: RequestFields
  readonly transport: number
  /** Milliseconds that are left. */
  readonly timeout: number
}

/** One job as one buffer. `dialect` is a `Dialect` of layout.gen. */
export function packRequests(requests: readonly PackedRequest[], dialect: number): ArrayBuffer {
  const packed = new RequestBuffer(requests.length)
  requests.forEach(({ fields, transport, timeout }, index) => {
    packed.push(fields, transport)
    packed.setTimeouts(index, index + 1, timeout)
  })
  return packed.job(dialect)
}
