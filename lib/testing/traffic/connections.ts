/** Connections of the fake kernel: how one comes to be, changes and goes. */

import { formatPacked } from '../../model/address'
import { FORWARDING_METHODS, PROTOCOLS, SERVICE_FLAGS } from '../../model/numbers'
import type {
  Arrival,
  ConnectionObject,
  ConnectionState,
  Endpoint,
  Refusal,
} from '../objects/connection-objects'
import { addressId, cellOf } from '../objects/table-objects'
import type { KernelState } from '../table/state'
import { hold, letGo } from './binding'
import { countArrival, countRefusal, countReuse } from './extended-events'
import { localTuple, takeLocal } from './local-ports'
import { chooseByTemplate } from './persistence'

/** 6 and 7 choose a local address, too: ip_vs_hbind_laddr names the methods that do not. */
export const usesLocalAddress = (kernel: KernelState, forwarding: number) =>
  kernel.facts.fullnat && forwarding >= FORWARDING_METHODS.fullnat

const endpointId = ({ address, port }: Endpoint) => `${addressId(address)} ${port}`

export function clientTuple(cpu: number, protocol: number, client: Endpoint, virtual: Endpoint): string {
  return `${cpu} ${protocol} ${endpointId(client)} ${endpointId(virtual)}`
}

const tupleOf = ({ cpu, protocol, client, virtual }: ConnectionObject) =>
  clientTuple(cpu, protocol, client, virtual)

function localTupleOf({
  cpu,
  protocol,
  destination,
  destinationPort,
  local,
}: ConnectionObject): string | undefined {
  if (!local) return undefined
  const target = { address: destination.address, port: destinationPort }
  return localTuple(cpu, protocol, target, local.object, local.port)
}

/** Into the tables, also of connections that were loaded. */
export function link(kernel: KernelState, connection: ConnectionObject): void {
  kernel.connections.set(connection.id, connection)
  kernel.byClient.set(tupleOf(connection), connection)
  const tuple = localTupleOf(connection)
  if (tuple !== undefined) kernel.localTuples.add(tuple)
}

/** Seconds that a connection may be idle in a state. */
function timeoutOf(kernel: KernelState, connection: ConnectionObject, state: ConnectionState): number {
  const { timeouts, facts } = kernel
  switch (state) {
    case 'established':
      // ip_vs_proto_tcp.c:set_tcp_state of fullnat-v3 has no fallback to the global value.
      return connection.establishedTimeout ?? timeouts.tcp
    case 'fin-wait':
      return timeouts.tcpFin
    case 'udp':
      return timeouts.udp
    case 'syn-received':
      return facts.tcpStates.synReceived
    case 'time-wait':
      return facts.tcpStates.timeWait
    default:
      return facts.tcpStates.close
  }
}

/** A packet arrived: the timer starts over. */
export function touch(kernel: KernelState, connection: ConnectionObject): void {
  connection.expires = kernel.now + timeoutOf(kernel, connection, connection.state) * 1000
}

/** ip_vs_proto_tcp.c:set_tcp_state; mainline counts a half-open connection as active, too. */
export function setState(kernel: KernelState, connection: ConnectionObject, state: ConnectionState): void {
  const active = state === 'established' || (state === 'syn-received' && !kernel.facts.fullnat)
  const cell = cellOf(connection.destination, connection.cpu)
  if (active !== connection.active) {
    const step = active ? 1 : -1
    cell.active += step
    cell.inactive -= step
    connection.active = active
  }
  connection.state = state
  touch(kernel, connection)
}

export function release(kernel: KernelState, connection: ConnectionObject): void {
  const tuple = localTupleOf(connection)
  if (tuple !== undefined) kernel.localTuples.delete(tuple)
  kernel.connections.delete(connection.id)
  if (kernel.byClient.get(tupleOf(connection)) === connection) kernel.byClient.delete(tupleOf(connection))
  letGo(kernel, connection.destination, connection.cpu, connection.active ? 'active' : 'inactive')
  if (connection.local) connection.local.object.connections--
  const template = connection.template === undefined ? undefined : kernel.templates.get(connection.template)
  if (template) template.controls--
  connection.state = 'expired'
}

/** A connection that is there already takes the packet; one that was closing is opened again, or makes room. */
function reuse(kernel: KernelState, arrival: Arrival): ConnectionObject | undefined {
  const { cpu, protocol, client, virtual } = arrival
  const found = kernel.byClient.get(clientTuple(cpu, protocol, client, virtual))
  if (!found) return undefined
  const closing = found.state !== 'established' && found.state !== 'syn-received' && found.state !== 'udp'
  // conn_reuse_mode of mainline, 1 by default: it is scheduled anew.
  if (closing && !kernel.facts.fullnat) {
    release(kernel, found)
    return undefined
  }
  return found
}

/** The first packet of a connection. */
export function arrive(kernel: KernelState, arrival: Arrival): ConnectionObject | Refusal {
  const found = schedule(kernel, arrival)
  if ('kind' in found) countRefusal(kernel, arrival, found)
  return found
}

/** ip_vs_core.c:ip_vs_schedule and ip_vs_sched_persist, ip_vs_conn.c:ip_vs_conn_new. */
function schedule(kernel: KernelState, arrival: Arrival): ConnectionObject | Refusal {
  const { service, protocol, client, virtual, cpu } = arrival
  const known = reuse(kernel, arrival)
  countArrival(kernel, arrival)
  if (known) {
    countReuse(kernel, arrival, known)
    if (protocol !== PROTOCOLS.udp && known.state !== 'established') setState(kernel, known, 'syn-received')
    else touch(kernel, known)
    return known
  }
  const chosen = chooseByTemplate(kernel, arrival)
  if ('kind' in chosen) return chosen
  const { destination, port, template } = chosen
  hold(destination, cpu, 'inactive')
  let local: ConnectionObject['local']
  if (usesLocalAddress(kernel, destination.forwarding)) {
    const choice = takeLocal(kernel, service, cpu, protocol, { address: destination.address, port })
    if (choice.port === undefined) {
      letGo(kernel, destination, cpu, 'inactive')
      if (choice.object) return { kind: 'no-local-port', localAddress: formatPacked(choice.object.address) }
      return { kind: 'no-local-address', cpu: kernel.facts.perCpu ? cpu : undefined }
    }
    choice.object.connections++
    local = { object: choice.object, port: choice.port }
  }
  const perService = kernel.facts.perCpu && protocol === PROTOCOLS.tcp
  const connection: ConnectionObject = {
    id: kernel.id(),
    protocol,
    client,
    virtual,
    service: service.key,
    destination,
    destinationPort: port,
    forwarding: destination.forwarding,
    local,
    cpu,
    establishedTimeout: perService ? service.establishedTimeout : undefined,
    template: template?.key,
    state: protocol === PROTOCOLS.udp ? 'udp' : 'syn-received',
    active: false,
    expires: kernel.now,
  }
  if (template) template.controls++
  link(kernel, connection)
  service.stats.connections += BigInt(1)
  destination.stats.connections += BigInt(1)
  kernel.counters.count(cpu, { connections: BigInt(1) })
  setState(kernel, connection, connection.state)
  // ip_vs_core.c: such a connection is for the one packet, and in no table.
  if ((service.flags & SERVICE_FLAGS.onePacket) !== 0 && protocol === PROTOCOLS.udp)
    release(kernel, connection)
  return connection
}

/** The handshake is over. */
export function establish(kernel: KernelState, connection: ConnectionObject): void {
  if (connection.state === 'syn-received') setState(kernel, connection, 'established')
}

/**
 * Client and destination have said goodbye. Where the answers do not come through the director, it has seen the FIN of
 * the client alone, and waits as long as `tcpFin` says.
 */
export function finish(kernel: KernelState, connection: ConnectionObject): void {
  const { state, forwarding } = connection
  if (state !== 'established' && state !== 'syn-received') return
  const seesBoth = forwarding === FORWARDING_METHODS.masquerade || usesLocalAddress(kernel, forwarding)
  setState(kernel, connection, seesBoth ? 'time-wait' : 'fin-wait')
}

/** A RST went by. */
export function reset(kernel: KernelState, connection: ConnectionObject): void {
  if (connection.state !== 'udp' && connection.state !== 'expired') setState(kernel, connection, 'close')
}
