/** Request records: what one job asks the kernel for, packed for the border (native/abi/records.h). */

import type { PackedAddress } from '../model/address'
import type {
  NormalizedDaemon,
  NormalizedDestinationConfig,
  NormalizedServiceConfig,
  NormalizedServiceKey,
} from '../model/normalized'
import { Border, LAYOUT_HASH, Request, RequestHeader, requestPresence } from './layout.gen'
import type { About } from './request-subject'
import { describeRecord } from './request-subject'

/** One operation. What does not belong to it is left out. */
export interface RequestFields {
  /** `Operation` of layout.gen. */
  readonly operation: number
  readonly service?: NormalizedServiceKey | undefined
  readonly config?: NormalizedServiceConfig | undefined
  /** The bits of `config` for this dialect, and the bits that are set or cleared at all. */
  readonly flags?: number
  readonly flagsMask?: number
  /** Destination or local address. */
  readonly target?: { readonly address: PackedAddress; readonly port?: number } | undefined
  readonly destination?: NormalizedDestinationConfig | undefined
  readonly daemon?: NormalizedDaemon | undefined
  /** Stop a daemon: its state alone. */
  readonly daemonState?: number
  readonly timeouts?: { readonly tcp?: number; readonly tcpFin?: number; readonly udp?: number } | undefined
  /** A snapshot with local addresses. */
  readonly localAddresses?: boolean
  /** `Transport` of layout.gen, where it is not that of the client (fullnat-v2 removes services over sockopt). */
  readonly transport?: number
}

/** Requests that one job takes at most, so that settling them does not hold the event loop up. */
export const TRIP_REQUESTS = 1000

/** A buffer starts with room for this many requests, for calls that come one by one, and grows by this factor. */
const FIRST_CAPACITY = 8
const GROWTH = 4

/** The bytes of a word the other way round: addresses are in network order. */
const swapped = (word: number): number =>
  (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)

/**
 * Requests in the order in which they were called, each packed when the call is made: nothing of what the caller passed
 * in is kept. Typed arrays, because both platforms of the addon are little-endian as the border is.
 */
export class RequestBuffer {
  private buffer: ArrayBuffer
  private bytes!: Uint8Array
  private halves!: Uint16Array
  private words!: Uint32Array
  private used = 0

  constructor(capacity: number = FIRST_CAPACITY) {
    this.buffer = this.allocate(capacity)
  }

  get count(): number {
    return this.used
  }

  /** Empty again, with the room that it has. */
  clear(): void {
    this.bytes.fill(0, 0, RequestHeader.size + this.used * Request.size)
    this.used = 0
  }

  /** `transport` is a `Transport` of layout.gen. */
  push(fields: RequestFields, transport: number): void {
    this.reserve(1)
    const at = RequestHeader.size + this.used * Request.size
    this.used++
    const { halves, words } = this
    halves[(at + Request.operation) >> 1] = fields.operation
    halves[(at + Request.transport) >> 1] = fields.transport ?? transport
    let presence = 0
    if (fields.service) presence |= this.putService(at, fields.service)
    if (fields.config) presence |= this.putConfig(at, fields, fields.config)
    if (fields.target) {
      const { address, port } = fields.target
      this.putAddress(at + Request.targetAddress, address)
      halves[(at + Request.targetPort) >> 1] = port ?? 0
      halves[(at + Request.targetFamily) >> 1] = address.family
      // Only where it differs: kernels before 3.18 do not know the attribute.
      if (fields.service && address.family !== fields.service.family) presence |= requestPresence.targetFamily
    }
    if (fields.destination) presence |= this.putDestination(at, fields.destination)
    if (fields.daemon) presence |= this.putDaemon(at, fields.daemon)
    if (fields.daemonState !== undefined) words[(at + Request.daemonState) >> 2] = fields.daemonState
    if (fields.timeouts) presence |= this.putTimeouts(at, fields.timeouts)
    if (fields.localAddresses) presence |= requestPresence.localAddresses
    words[(at + Request.presence) >> 2] = presence
  }

  /** Copies `count` requests of another buffer, from its request `from`, behind its own. */
  append(other: RequestBuffer, from: number, count: number): void {
    this.reserve(count)
    const start = RequestHeader.size + from * Request.size
    const bytes = other.bytes.subarray(start, start + count * Request.size)
    this.bytes.set(bytes, RequestHeader.size + this.used * Request.size)
    this.used += count
  }

  /** Holds as much as one job takes. */
  get full(): boolean {
    return this.used >= TRIP_REQUESTS
  }

  /** Has more room than a job needs: it was filled by a program with thousands of requests. */
  get oversized(): boolean {
    return this.buffer.byteLength > RequestHeader.size + TRIP_REQUESTS * Request.size
  }

  /** The first request of `operation` (of layout.gen) from `index` on and before `end`, else `end`. */
  find(operation: number, index: number, end: number): number {
    const { halves } = this
    const stride = Request.size >> 1
    const first = (RequestHeader.size + Request.operation) >> 1
    let found = index
    while (found < end && halves[first + found * stride] !== operation) found++
    return found
  }

  /** Milliseconds that are left for the requests from `index` on and before `end`. */
  setTimeouts(index: number, end: number, milliseconds: number): void {
    const { words } = this
    const stride = Request.size >> 2
    const first = (RequestHeader.size + Request.timeoutMs) >> 2
    for (let i = index; i < end; i++) words[first + i * stride] = milliseconds
  }

  /** What a request is, read back from its record. */
  describe(index: number): About {
    const start = RequestHeader.size + index * Request.size
    return describeRecord(this.bytes.subarray(start, start + Request.size))
  }

  /** All requests as one job. `dialect` is a `Dialect` of layout.gen. */
  job(dialect: number): ArrayBuffer {
    const { halves, words } = this
    words[RequestHeader.magic >> 2] = Border.magic
    words[RequestHeader.layoutHash >> 2] = LAYOUT_HASH
    words[RequestHeader.count >> 2] = this.used
    halves[RequestHeader.dialect >> 1] = dialect
    const size = RequestHeader.size + this.used * Request.size
    return this.buffer.byteLength === size ? this.buffer : this.buffer.slice(0, size)
  }

  private allocate(capacity: number): ArrayBuffer {
    const buffer = new ArrayBuffer(RequestHeader.size + capacity * Request.size)
    this.bytes = new Uint8Array(buffer)
    this.halves = new Uint16Array(buffer)
    this.words = new Uint32Array(buffer)
    return buffer
  }

  private reserve(more: number): void {
    const needed = RequestHeader.size + (this.used + more) * Request.size
    if (needed <= this.buffer.byteLength) return
    const { bytes } = this
    const grown = Math.max(this.used, FIRST_CAPACITY) * GROWTH
    // A full job is sent without another copy.
    const capacity = this.used < TRIP_REQUESTS ? Math.min(grown, TRIP_REQUESTS) : grown
    this.buffer = this.allocate(Math.max(capacity, this.used + more))
    this.bytes.set(bytes)
  }

  private putAddress(at: number, { a, b, c, d }: PackedAddress): void {
    const { words } = this
    const word = at >> 2
    words[word] = swapped(a)
    words[word + 1] = swapped(b)
    words[word + 2] = swapped(c)
    words[word + 3] = swapped(d)
  }

  /** Names are ASCII and at most 15 long (validate); interfaces may be UTF-8. */
  private putName(at: number, name: string): void {
    const { bytes } = this
    for (let i = 0; i < name.length; i++) {
      const char = name.charCodeAt(i)
      if (char > 127) {
        bytes.set(Buffer.from(name).subarray(0, Border.nameSize - 1), at)
        return
      }
      bytes[at + i] = char
    }
  }

  private putService(at: number, service: NormalizedServiceKey): number {
    this.halves[(at + Request.serviceFamily) >> 1] = service.family
    if (service.kind === 'fwmark') {
      this.words[(at + Request.fwmark) >> 2] = service.fwmark
      return requestPresence.service | requestPresence.fwmark
    }
    this.halves[(at + Request.protocol) >> 1] = service.protocol
    this.halves[(at + Request.servicePort) >> 1] = service.port
    this.putAddress(at + Request.serviceAddress, service.address)
    return requestPresence.service
  }

  private putConfig(at: number, fields: RequestFields, config: NormalizedServiceConfig): number {
    const { words } = this
    let presence = 0
    this.putName(at + Request.scheduler, config.scheduler)
    words[(at + Request.flags) >> 2] = fields.flags ?? 0
    words[(at + Request.flagsMask) >> 2] = fields.flagsMask ?? 0
    words[(at + Request.persistenceTimeout) >> 2] = config.persistenceTimeout
    words[(at + Request.netmask) >> 2] = config.netmask
    if (config.engine !== undefined) {
      this.putName(at + Request.persistenceEngine, config.engine)
      presence |= requestPresence.persistenceEngine
    }
    if (config.establishedTimeout !== undefined) {
      words[(at + Request.establishedTimeout) >> 2] = config.establishedTimeout
      presence |= requestPresence.establishedTimeout
    }
    return presence
  }

  private putDestination(at: number, destination: NormalizedDestinationConfig): number {
    const { halves, words } = this
    words[(at + Request.forwarding) >> 2] = destination.forwarding
    words[(at + Request.weight) >> 2] = destination.weight
    words[(at + Request.upperThreshold) >> 2] = destination.upperThreshold
    words[(at + Request.lowerThreshold) >> 2] = destination.lowerThreshold
    const { tunnel } = destination
    if (!tunnel) return 0
    halves[(at + Request.tunnelType) >> 1] = tunnel.type
    halves[(at + Request.tunnelPort) >> 1] = tunnel.port
    halves[(at + Request.tunnelFlags) >> 1] = tunnel.flags
    return requestPresence.tunnel
  }

  private putDaemon(at: number, daemon: NormalizedDaemon): number {
    const { halves, words } = this
    let presence = 0
    words[(at + Request.daemonState) >> 2] = daemon.state
    words[(at + Request.syncId) >> 2] = daemon.syncId
    this.putName(at + Request.interfaceName, daemon.interface)
    const { syncMaxLength, multicastGroup, multicastPort, multicastTtl } = daemon
    if (syncMaxLength !== undefined) {
      halves[(at + Request.syncMaxLength) >> 1] = syncMaxLength
      presence |= requestPresence.syncMaxLength
    }
    if (multicastGroup !== undefined) {
      halves[(at + Request.multicastFamily) >> 1] = multicastGroup.family
      this.putAddress(at + Request.multicastGroup, multicastGroup)
      presence |= requestPresence.multicastGroup
    }
    if (multicastPort !== undefined) {
      halves[(at + Request.multicastPort) >> 1] = multicastPort
      presence |= requestPresence.multicastPort
    }
    if (multicastTtl !== undefined) {
      halves[(at + Request.multicastTtl) >> 1] = multicastTtl
      presence |= requestPresence.multicastTtl
    }
    return presence
  }

  private putTimeouts(at: number, timeouts: NonNullable<RequestFields['timeouts']>): number {
    let presence = 0
    const put = (seconds: number | undefined, offset: number, bit: number) => {
      if (seconds === undefined) return
      this.words[(at + offset) >> 2] = seconds
      presence |= bit
    }
    put(timeouts.tcp, Request.timeoutTcp, requestPresence.timeoutTcp)
    put(timeouts.tcpFin, Request.timeoutTcpFin, requestPresence.timeoutTcpFin)
    put(timeouts.udp, Request.timeoutUdp, requestPresence.timeoutUdp)
    return presence
  }
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
