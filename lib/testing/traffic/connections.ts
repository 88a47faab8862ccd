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
  const { timeouts } = kernel
  switch (state) {
    case 'established':
      // ip_vs_proto_tcp.c:set_tcp_state of fullnat-v3 has no fallback to the global value.
      return connection.establishedTimeout ?? timeouts.tcp
    case 'fin-wait':
      return timeouts.tcpFin
    case 'udp':
      return timeouts.udp
    case 'syn-recv':
      return kernel.facts.tcpStates?.synReceived ?? kernel.sysctl('timeout_synrecv')
    case 'time-wait':
      return kernel.facts.tcpStates?.timeWait ?? kernel.sysctl('timeout_timewait')
    default:
      return kernel.facts.tcpStates?.close ?? kernel.sysctl('timeout_close')
  }
}

/** A packet arrived: the timer starts over. */
export function touch(kernel: KernelState, connection: ConnectionObject): void {
  connection.expires = kernel.now + timeoutOf(kernel, connection, connection.state) * 1000
}

/** ip_vs_proto_tcp.c:set_tcp_state; mainline counts a half-open connection as active, too. */
export function setState(kernel: KernelState, connection: ConnectionObject, state: ConnectionState): void {
  const active = state === 'established' || (state === 'syn-recv' && !kernel.facts.fullnat)
  const cell = cellOf(connection.destination, connection.cpu)
  if (active !== connection.active) {
    const step = active ? 1 : -1
    cell.active += step
    cell.inactive -= step
    connection.active = active
  }
  connection.state = state
  if (state === 'established') assure(kernel, connection)
  touch(kernel, connection)
}

/** The client was answered: mainline ip_vs_conn.c:ip_vs_control_assure_ct. */
export function assure(kernel: KernelState, { template: key }: ConnectionObject): void {
  const template = key === undefined ? undefined : kernel.templates.get(key)
  if (template) template.assured = true
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

/** Mainline: the port of a connection is used again, and it makes room (ip_vs_core.c:ip_vs_in, is_new_conn_expected). */
function makesRoom(kernel: KernelState, { state, destination, template }: ConnectionObject): boolean {
  if (kernel.facts.fullnat || state === 'udp') return false
  const mode = kernel.sysctl('conn_reuse_mode')
  if (mode === 0) return false
  if (kernel.sysctl('expire_nodest_conn') !== 0 && destination.weight === 0) return true
  if (template !== undefined) return false
  return state === 'time-wait' || state === 'close' || ((mode & 2) !== 0 && state === 'fin-wait')
}

/** A connection that is there already takes the packet, which may open it again; it makes room, or drops it. */
function reuse(kernel: KernelState, arrival: Arrival): ConnectionObject | Refusal | undefined {
  const { cpu, protocol, client, virtual } = arrival
  const found = kernel.byClient.get(clientTuple(cpu, protocol, client, virtual))
  if (!found) return undefined
  if (makesRoom(kernel, found)) {
    release(kernel, found)
    return undefined
  }
  if (found.destination.available) return found
  if (kernel.sysctl('expire_nodest_conn') === 0) return { kind: 'destination-removed' }
  release(kernel, found)
  // Mainline goes on with the packet, 2.6.32 waits for the next one.
  return kernel.facts.fullnat ? { kind: 'destination-removed' } : undefined
}

/** The share of a CPU, which its templates have part in: ip_vs_conn.c:ip_vs_conn_new of fullnat-v3. */
function isFull(kernel: KernelState, cpu: number): boolean {
  if (!kernel.facts.perCpu) return false
  const { connections, templates, options } = kernel
  const limit = kernel.sysctl('conn_max_num')
  // So few that no share can be used up.
  if (limit === 0 || (connections.size + templates.size) * options.cpus < limit) return false
  const all = [...Array.from(connections.values()), ...Array.from(templates.values())]
  const own = all.filter((one) => one.cpu === cpu)
  return own.length * options.cpus >= limit
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
    if ('kind' in known) return known
    countReuse(kernel, arrival, known)
    if (protocol !== PROTOCOLS.udp && known.state !== 'established') setState(kernel, known, 'syn-recv')
    else touch(kernel, known)
    return known
  }
  const chosen = chooseByTemplate(kernel, arrival)
  if ('kind' in chosen) return chosen
  if (isFull(kernel, cpu)) return { kind: 'too-many-connections' }
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
    state: protocol === PROTOCOLS.udp ? 'udp' : 'syn-recv',
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
  if (connection.state === 'syn-recv') setState(kernel, connection, 'established')
}

/**
 * Client and destination have said goodbye. Where the answers do not come through the director, it has seen the FIN of
 * the client alone, and waits as long as `tcpFin` says.
 */
export function finish(kernel: KernelState, connection: ConnectionObject): void {
  const { state, forwarding } = connection
  if (state !== 'established' && state !== 'syn-recv') return
  const seesBoth = forwarding === FORWARDING_METHODS.masquerade || usesLocalAddress(kernel, forwarding)
  setState(kernel, connection, seesBoth ? 'time-wait' : 'fin-wait')
}

/** A RST went by. */
export function reset(kernel: KernelState, connection: ConnectionObject): void {
  if (connection.state !== 'udp' && connection.state !== 'expired') setState(kernel, connection, 'close')
}
