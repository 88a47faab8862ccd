/** A connection as the user of a fake kernel holds it. */

import { formatPacked } from '../model/address'
import { PROTOCOL_NAMES } from '../model/numbers'
import type { DestinationKey, Protocol } from '../model/types'
import type { ConnectionObject, ConnectionState, Endpoint, Refusal } from './objects/connection-objects'
import type { KernelState } from './table/state'
import { establish, finish, reset } from './traffic/connections'
import type { TrafficCounts } from './traffic/packets'
import { connectionTraffic } from './traffic/packets'

const endpointOf = ({ address, port }: Endpoint): DestinationKey => ({ address: formatPacked(address), port })

/** A client's connection on a `FakeKernel`. */
export class FakeConnection {
  /** @internal */
  constructor(
    private readonly kernel: KernelState,
    /** @internal */
    readonly object: ConnectionObject,
  ) {}

  /** Different for each connection of a kernel. */
  get id(): number {
    return this.object.id
  }

  /** That of its service. */
  get protocol(): Protocol {
    return PROTOCOL_NAMES[this.object.protocol] as Protocol
  }

  /** Where it comes from. */
  get client(): DestinationKey {
    return endpointOf(this.object.client)
  }

  /** Where the client sent its first packet. */
  get virtual(): DestinationKey {
    return endpointOf(this.object.virtual)
  }

  /** With the port that the packets really go to, also where that of the destination is 0. */
  get destination(): DestinationKey {
    const { destination, destinationPort } = this.object
    return endpointOf({ address: destination.address, port: destinationPort })
  }

  /** What the destination sees as its peer under FULLNAT; undefined where that is the client. */
  get localAddress(): string | undefined {
    const { local } = this.object
    return local && formatPacked(local.object.address)
  }

  /** The port of its local address; undefined without FULLNAT. */
  get localPort(): number | undefined {
    return this.object.local?.port
  }

  /** The CPU that handles it; 0 on kernels that keep nothing per CPU. */
  get cpu(): number {
    return this.object.cpu
  }

  /** The state in the kernel's words. */
  get state(): ConnectionState {
    return this.object.state
  }

  /** Seconds until it expires if nothing comes, 0 when it has. */
  get expiresIn(): number {
    return this.object.state === 'expired' ? 0 : Math.max(0, (this.object.expires - this.kernel.now) / 1000)
  }

  /** The handshake of a connection that was made with `established: false` goes on. */
  establish(): this {
    establish(this.kernel, this.object)
    return this
  }

  /**
   * Both ends say goodbye (TCP). It becomes inactive and stays until its timeout: `'time-wait'` where the answers come
   * through the director, else `'fin-wait'`, which lasts as long as the timeout `tcpFin`. UDP has no goodbye.
   */
  close(): this {
    finish(this.kernel, this.object)
    return this
  }

  /** One end sends a RST (TCP). */
  reset(): this {
    reset(this.kernel, this.object)
    return this
  }

  /** Packets go by; false when they are dropped, because the destination was removed or the connection has expired. */
  traffic(counts: TrafficCounts): boolean {
    return connectionTraffic(this.kernel, this.object, counts)
  }

  /** Plain data of it. */
  toJSON(): object {
    const { id, protocol, client, virtual, destination, localAddress, localPort, cpu, state, expiresIn } =
      this
    return { id, protocol, client, virtual, destination, localAddress, localPort, cpu, state, expiresIn }
  }
}

function refusalText(refusal: Refusal): string {
  switch (refusal.kind) {
    case 'no-service':
      return 'no such service'
    case 'wrong-port':
      return `the service does not take port ${refusal.port}`
    case 'no-destination':
      return `scheduler ${refusal.scheduler} finds no destination`
    case 'no-local-address':
      return refusal.cpu === undefined ? 'no local address' : `no local address on CPU ${refusal.cpu}`
    case 'destination-removed':
      return 'the client has a connection to a destination that was removed'
    case 'too-many-connections':
      return 'conn_max_num connections on this CPU'
    default:
      return `no free port on local address ${refusal.localAddress}`
  }
}

/** A client was refused, with the reason. */
export class ConnectionRefused extends Error {
  /** @param reason Why the kernel would have dropped the packet. */
  constructor(readonly reason: Refusal) {
    super(`connection refused: ${refusalText(reason)}`)
    Object.defineProperty(this, 'name', { value: 'ConnectionRefused', configurable: true, writable: true })
  }
}
