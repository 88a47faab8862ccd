/** Request records: what one job asks the kernel for, packed for the border (native/abi/records.h). */

import type { PackedAddress } from '../address'
import type {
  NormalizedDaemon,
  NormalizedDestinationConfig,
  NormalizedServiceConfig,
  NormalizedServiceKey,
} from '../validate'
import { Border, LAYOUT_HASH, Request, RequestHeader, requestPresence } from './layout.gen'

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

export interface PackedRequest {
  readonly fields: RequestFields
  readonly transport: number
  /** Milliseconds that are left. */
  readonly timeout: number
}

const LITTLE = true

function putAddress(view: DataView, at: number, address: PackedAddress): void {
  view.setUint32(at, address.a)
  view.setUint32(at + 4, address.b)
  view.setUint32(at + 8, address.c)
  view.setUint32(at + 12, address.d)
}

/** Names are ASCII and at most 15 long (validate); interfaces may be UTF-8. */
function putName(bytes: Uint8Array, at: number, name: string): void {
  for (let i = 0; i < name.length; i++) {
    if (name.charCodeAt(i) > 127) {
      bytes.set(Buffer.from(name).subarray(0, Border.nameSize - 1), at)
      return
    }
  }
  for (let i = 0; i < name.length; i++) bytes[at + i] = name.charCodeAt(i)
}

function putService(view: DataView, at: number, service: NormalizedServiceKey): number {
  view.setUint16(at + Request.serviceFamily, service.family, LITTLE)
  if (service.kind === 'fwmark') {
    view.setUint32(at + Request.fwmark, service.fwmark, LITTLE)
    return requestPresence.service | requestPresence.fwmark
  }
  view.setUint16(at + Request.protocol, service.protocol, LITTLE)
  view.setUint16(at + Request.servicePort, service.port, LITTLE)
  putAddress(view, at + Request.serviceAddress, service.address)
  return requestPresence.service
}

function putConfig(view: DataView, bytes: Uint8Array, at: number, fields: RequestFields): number {
  const config = fields.config as NormalizedServiceConfig
  let presence = 0
  putName(bytes, at + Request.scheduler, config.scheduler)
  view.setUint32(at + Request.flags, fields.flags ?? 0, LITTLE)
  view.setUint32(at + Request.flagsMask, fields.flagsMask ?? 0, LITTLE)
  view.setUint32(at + Request.persistenceTimeout, config.persistenceTimeout, LITTLE)
  view.setUint32(at + Request.netmask, config.netmask, LITTLE)
  if (config.engine !== undefined) {
    putName(bytes, at + Request.persistenceEngine, config.engine)
    presence |= requestPresence.persistenceEngine
  }
  if (config.establishedTimeout !== undefined) {
    view.setUint32(at + Request.establishedTimeout, config.establishedTimeout, LITTLE)
    presence |= requestPresence.establishedTimeout
  }
  return presence
}

function putDestination(view: DataView, at: number, destination: NormalizedDestinationConfig): number {
  view.setUint32(at + Request.forwarding, destination.forwarding, LITTLE)
  view.setInt32(at + Request.weight, destination.weight, LITTLE)
  view.setUint32(at + Request.upperThreshold, destination.upperThreshold, LITTLE)
  view.setUint32(at + Request.lowerThreshold, destination.lowerThreshold, LITTLE)
  if (!destination.tunnel) return 0
  view.setUint16(at + Request.tunnelType, destination.tunnel.type, LITTLE)
  view.setUint16(at + Request.tunnelPort, destination.tunnel.port, LITTLE)
  view.setUint16(at + Request.tunnelFlags, destination.tunnel.flags, LITTLE)
  return requestPresence.tunnel
}

function putDaemon(view: DataView, bytes: Uint8Array, at: number, daemon: NormalizedDaemon): number {
  let presence = 0
  view.setUint32(at + Request.daemonState, daemon.state, LITTLE)
  view.setUint32(at + Request.syncId, daemon.syncId, LITTLE)
  putName(bytes, at + Request.interfaceName, daemon.interface)
  const { syncMaxLength, multicastGroup, multicastPort, multicastTtl } = daemon
  if (syncMaxLength !== undefined) {
    view.setUint16(at + Request.syncMaxLength, syncMaxLength, LITTLE)
    presence |= requestPresence.syncMaxLength
  }
  if (multicastGroup !== undefined) {
    view.setUint16(at + Request.multicastFamily, multicastGroup.family, LITTLE)
    putAddress(view, at + Request.multicastGroup, multicastGroup)
    presence |= requestPresence.multicastGroup
  }
  if (multicastPort !== undefined) {
    view.setUint16(at + Request.multicastPort, multicastPort, LITTLE)
    presence |= requestPresence.multicastPort
  }
  if (multicastTtl !== undefined) {
    view.setUint16(at + Request.multicastTtl, multicastTtl, LITTLE)
    presence |= requestPresence.multicastTtl
  }
  return presence
}

function putTimeouts(
  view: DataView,
  at: number,
  timeouts: { readonly tcp?: number; readonly tcpFin?: number; readonly udp?: number },
): number {
  let presence = 0
  const put = (seconds: number | undefined, offset: number, bit: number) => {
    if (seconds === undefined) return
    view.setUint32(at + offset, seconds, LITTLE)
    presence |= bit
  }
  put(timeouts.tcp, Request.timeoutTcp, requestPresence.timeoutTcp)
  put(timeouts.tcpFin, Request.timeoutTcpFin, requestPresence.timeoutTcpFin)
  put(timeouts.udp, Request.timeoutUdp, requestPresence.timeoutUdp)
  return presence
}

function packRequest(view: DataView, bytes: Uint8Array, at: number, request: PackedRequest): void {
  const { fields } = request
  let presence = 0
  view.setUint16(at + Request.operation, fields.operation, LITTLE)
  view.setUint16(at + Request.transport, fields.transport ?? request.transport, LITTLE)
  view.setUint32(at + Request.timeoutMs, request.timeout, LITTLE)
  if (fields.service) presence |= putService(view, at, fields.service)
  if (fields.config) presence |= putConfig(view, bytes, at, fields)
  if (fields.target) {
    const { address, port } = fields.target
    putAddress(view, at + Request.targetAddress, address)
    view.setUint16(at + Request.targetPort, port ?? 0, LITTLE)
    view.setUint16(at + Request.targetFamily, address.family, LITTLE)
    // Only where it differs: kernels before 3.18 do not know the attribute.
    if (fields.service && address.family !== fields.service.family) presence |= requestPresence.targetFamily
  }
  if (fields.destination) presence |= putDestination(view, at, fields.destination)
  if (fields.daemon) presence |= putDaemon(view, bytes, at, fields.daemon)
  if (fields.daemonState !== undefined) view.setUint32(at + Request.daemonState, fields.daemonState, LITTLE)
  if (fields.timeouts) presence |= putTimeouts(view, at, fields.timeouts)
  if (fields.localAddresses) presence |= requestPresence.localAddresses
  view.setUint32(at + Request.presence, presence, LITTLE)
}

/** One job as one buffer. `dialect` is a `Dialect` of layout.gen. */
export function packRequests(requests: readonly PackedRequest[], dialect: number): ArrayBuffer {
  const buffer = new ArrayBuffer(RequestHeader.size + requests.length * Request.size)
  const view = new DataView(buffer)
  const bytes = new Uint8Array(buffer)
  view.setUint32(RequestHeader.magic, Border.magic, LITTLE)
  view.setUint32(RequestHeader.layoutHash, LAYOUT_HASH, LITTLE)
  view.setUint32(RequestHeader.count, requests.length, LITTLE)
  view.setUint16(RequestHeader.dialect, dialect, LITTLE)
  let at: number = RequestHeader.size
  for (const request of requests) {
    packRequest(view, bytes, at, request)
    at += Request.size
  }
  return buffer
}
