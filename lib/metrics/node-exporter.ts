/** The families of node_exporter's ipvs collector (collector/ipvs_linux.go), from the table instead of /proc/net/ip_vs. */

import { mappedIpv4, parseAddress } from '../model/address'
import { PROTOCOLS } from '../model/numbers'
import type { InPieces } from '../model/turn'
import { Pieces } from '../model/turn'
import type { ServiceInfo, Snapshot } from '../model/types'
import { NODE_BACKENDS } from './definitions'
import type { Family } from './family'
import { SummedRows } from './summed-rows'

/**
 * Names of protocols in /proc/net/ip_vs (ip_vs_proto.c:ip_vs_proto_name). node_exporter itself knows TCP and UDP alone and
 * counts the destinations of every other service as those of the service before it: that is a fault, and not copied.
 */
const PROTOCOL_TEXTS: Readonly<Record<number, string>> = {
  0: 'IP',
  1: 'ICMP',
  [PROTOCOLS.tcp]: 'TCP',
  [PROTOCOLS.udp]: 'UDP',
  58: 'ICMPv6',
  [PROTOCOLS.sctp]: 'SCTP',
}

function protocolText(protocol: string | number): string {
  if (typeof protocol === 'string') return protocol.toUpperCase()
  return PROTOCOL_TEXTS[protocol] ?? `IP_${protocol}`
}

/** As Go prints a net.IP: RFC 5952, but an IPv4-mapped address as the IPv4 address. */
function goAddress(text: string): string {
  if (text.indexOf(':') < 0) return text
  const address = parseAddress(text)
  return (address && mappedIpv4(address)) ?? text
}

/** As /proc/net/ip_vs prints it (ip_vs_ctl.c:ip_vs_info_seq_show, `%08X`). */
const markText = (fwmark: number): string => fwmark.toString(16).toUpperCase().padStart(8, '0')

function localLabels(service: ServiceInfo): Record<string, string> {
  if (service.fwmark !== undefined) {
    return { local_address: '', local_port: '0', proto: 'FWM', local_mark: markText(service.fwmark) }
  }
  const { protocol, address, port } = service
  return {
    local_address: goAddress(address),
    local_port: String(port),
    proto: protocolText(protocol),
    local_mark: '',
  }
}

/** `labelNames` are those of `BACKEND_LABELS` that are wanted. */
export function* nodeBackendFamilies(snapshot: Snapshot, labelNames: readonly string[]): InPieces<Family[]> {
  const rows = new SummedRows(NODE_BACKENDS, labelNames)
  const pieces = new Pieces()
  for (const { service, destinations } of snapshot.services) {
    if (pieces.isDue()) yield
    const local = localLabels(service)
    for (const { address, port, activeConnections, inactiveConnections, weight } of destinations) {
      const all: Record<string, string> = {
        ...local,
        remote_address: goAddress(address),
        remote_port: String(port),
      }
      const values = [activeConnections, inactiveConnections, weight]
      rows.add(
        labelNames.map((name) => all[name] as string),
        values,
      )
      if (pieces.isDue()) yield
    }
  }
  return rows.toFamilies()
}
