/** /proc/net/ip_vs_conn and ip_vs_conn_sync (v2, mainline ip_vs_conn.c:ip_vs_conn_seq_show, ip_vs_conn_sync_seq_show). */

import type { PackedAddress } from '../../model/address'
import { AF_INET } from '../../model/address'
import { PROTOCOLS } from '../../model/numbers'
import type {
  ConnectionObject,
  ConnectionState,
  Endpoint,
  TemplateObject,
} from '../objects/connection-objects'
import type { KernelState } from '../table/state'
import { templateIdentity } from '../traffic/persistence'

const hex = (value: number, digits: number): string => (value >>> 0).toString(16).padStart(digits, '0')
const HEX = (value: number, digits: number): string => hex(value, digits).toUpperCase()

/** IPv6: lib/vsprintf.c:ip6_string */
function addressText({ family, a, b, c, d }: PackedAddress): string {
  if (family === AF_INET) return HEX(a, 8)
  return [a, b, c, d].map((word) => `${hex(word >>> 16, 4)}:${hex(word & 0xffff, 4)}`).join(':')
}

const endpointText = ({ address, port }: Endpoint): string => `${addressText(address)} ${HEX(port, 4)}`

/** ip_vs_proto.c:ip_vs_proto_name; 2.6.32 does not know SCTP. */
function protocolName(protocol: number, fullnat: boolean): string {
  switch (protocol) {
    case 0:
      return 'IP'
    case PROTOCOLS.tcp:
      return 'TCP'
    case PROTOCOLS.udp:
      return 'UDP'
    case PROTOCOLS.sctp:
      return fullnat ? `IP_${protocol}` : 'SCTP'
    default:
      return `IP_${protocol}`
  }
}

const hasStates = (protocol: number, fullnat: boolean): boolean =>
  protocol === PROTOCOLS.tcp || protocol === PROTOCOLS.udp || (protocol === PROTOCOLS.sctp && !fullnat)

/** ip_vs_proto.c:ip_vs_state_name */
function stateName(protocol: number, state: ConnectionState, fullnat: boolean): string {
  return hasStates(protocol, fullnat) ? state.toUpperCase().replace(/-/g, '_') : 'ERR!'
}

/** Since Linux 4.19 a template tells whether a client was ever answered by it; before, its state is the protocol's first. */
function templateState({ assured }: TemplateObject, protocol: number, fullnat: boolean): string {
  if (!fullnat) return assured ? 'ASSURED' : 'NONE'
  if (protocol === 0 || protocol === PROTOCOLS.tcp) return 'NONE'
  return protocol === PROTOCOLS.udp ? 'UDP' : 'ERR!'
}

interface Row {
  readonly protocol: number
  readonly client: Endpoint
  readonly virtual: Endpoint
  /** What FULLNAT kernels print, the client where there is none. */
  readonly local: Endpoint
  readonly destination: Endpoint
  readonly state: string
  /** Milliseconds. */
  readonly expires: number
  readonly engine?: string | undefined
}

function connectionRow(connection: ConnectionObject, fullnat: boolean): Row {
  const { protocol, client, virtual, local, destination, destinationPort, state, expires } = connection
  return {
    protocol,
    client,
    virtual,
    local: local ? { address: local.object.address, port: local.port } : client,
    destination: { address: destination.address, port: destinationPort },
    state: stateName(protocol, state, fullnat),
    expires,
  }
}

/** On FULLNAT kernels an IPv6 template of a mark has four bytes of the destination (v2 ip_vs_conn.c:ip_vs_conn_new). */
function keptDestination({ address }: { address: PackedAddress }, cut: boolean): PackedAddress {
  return cut ? { ...address, b: 0, c: 0, d: 0 } : address
}

function templateRow(template: TemplateObject, fullnat: boolean): Row {
  const { destination, expires } = template
  const { protocol, client, virtual, engine } = templateIdentity(template)
  return {
    protocol,
    client,
    virtual,
    local: client,
    destination: {
      address: keptDestination(destination, fullnat && protocol === 0),
      port: virtual.port === 0 ? 0 : destination.port,
    },
    state: templateState(template, protocol, fullnat),
    expires,
    engine,
  }
}

function rowsOf({ connections, templates, facts }: KernelState): Row[] {
  return [
    ...Array.from(connections.values(), (connection) => connectionRow(connection, facts.fullnat)),
    ...Array.from(templates.values(), (template) => templateRow(template, facts.fullnat)),
  ]
}

/** `sync`: the other file. Nothing comes from another director here, so every origin is the same. */
function fileText(kernel: KernelState, sync: boolean): string {
  const { fullnat } = kernel.facts
  const columns = `Pro FromIP   FPrt ToIP     TPrt ${fullnat ? 'LocalIP  LPrt ' : ''}DestIP   DPrt State       `
  const caption = sync ? 'Origin Expires' : fullnat ? 'Expires' : 'Expires PEName PEData'
  const lines = rowsOf(kernel).map((row) => {
    const endpoints = [row.client, row.virtual, ...(fullnat ? [row.local] : []), row.destination]
    const seconds = Math.max(0, Math.floor((row.expires - kernel.now) / 1000))
    const engine = !sync && row.engine !== undefined ? ` ${row.engine}` : ''
    return [
      protocolName(row.protocol, fullnat).padEnd(3),
      ...endpoints.map(endpointText),
      row.state.padEnd(11),
      ...(sync ? ['LOCAL '] : []),
      `${String(seconds).padStart(7)}${engine}`,
    ].join(' ')
  })
  return `${[columns + caption, ...lines].join('\n')}\n`
}

export const connectionsText = (kernel: KernelState): string => fileText(kernel, false)
export const syncConnectionsText = (kernel: KernelState): string => fileText(kernel, true)
