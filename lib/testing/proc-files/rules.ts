/** /proc/net/ip_vs: services and destinations (ip_vs_ctl.c:ip_vs_info_seq_show). fullnat-v3 has no such file. */

import type { PackedAddress } from '../../model/address'
import { AF_INET6 } from '../../model/address'
import { FORWARDING_METHODS, SERVICE_FLAGS } from '../../model/numbers'
import { VERSION } from '../objects/kernel-numbers'
import type { DestinationObject, ServiceObject } from '../objects/table-objects'
import { destinationsOf, sumCells } from '../objects/table-objects'
import type { KernelState } from '../table/state'
import { hex, ipv6Text, protocolName } from './formats'

const { tunnel, local, fullnat } = FORWARDING_METHODS
const METHODS: Readonly<Record<number, string>> = {
  [local]: 'Local',
  [tunnel]: 'Tunnel',
  [FORWARDING_METHODS['direct-route']]: 'Route',
}

/** ip_vs_fwd_name; mainline does not know FULLNAT. */
const methodName = ({ facts }: KernelState, forwarding: number): string =>
  facts.fullnat && forwarding === fullnat ? 'FullNat' : (METHODS[forwarding] ?? 'Masq')

function endpoint(address: PackedAddress, port: number): string {
  const text = address.family === AF_INET6 ? `[${ipv6Text(address)}]` : hex(address.a, 8)
  return `${text}:${hex(port, 4)}`
}

/** `%s%s ` of FULLNAT kernels; of mainline `%s %s`, for IPv6 `%s `. */
function schedulerText({ facts }: KernelState, service: ServiceObject): string {
  const ops = (service.flags & SERVICE_FLAGS.onePacket) !== 0
  if (facts.fullnat) return `${service.scheduler}${ops ? ' ops' : ''} `
  if (service.fwmark === 0 && service.family === AF_INET6) return `${service.scheduler} `
  const text = `${service.scheduler} ${ops ? 'ops ' : ''}`
  return service.fwmark === 0 ? `${text} ` : text
}

/** The mask of IPv6 is a prefix length, printed as if it were one (`ntohl`). */
function persistenceText({ facts }: KernelState, service: ServiceObject): string {
  if ((service.flags & SERVICE_FLAGS.persistent) === 0) return ''
  const { netmask, family } = service
  const mask = family === AF_INET6 ? (netmask << 24) | ((netmask & 0xff00) << 8) : netmask
  return `persistent ${Math.imul(service.persistenceTimeout, facts.hz)} ${hex(mask, 8)}`
}

function serviceLine(kernel: KernelState, service: ServiceObject): string {
  const name =
    service.fwmark === 0
      ? `${protocolName(kernel, service.protocol)}  ${endpoint(service.address, service.port)}`
      : `FWM  ${hex(service.fwmark, 8)}`
  return `${name} ${schedulerText(kernel, service)}${persistenceText(kernel, service)}\n`
}

function destinationLine(kernel: KernelState, destination: DestinationObject): string {
  const column = (value: number, width: number) => String(value).padEnd(width)
  return (
    `  -> ${endpoint(destination.address, destination.port)}      ` +
    `${methodName(kernel, destination.forwarding).padEnd(7)} ${column(destination.weight, 6)} ` +
    `${column(sumCells(destination, 'active'), 10)} ${column(sumCells(destination, 'inactive'), 10)}\n`
  )
}

export function rulesText(kernel: KernelState): string {
  const size = kernel.options.connectionTableSize ?? kernel.facts.connectionTableSize
  const version = `${VERSION >> 16}.${(VERSION >> 8) & 255}.${VERSION & 255}`
  const lines = [
    `IP Virtual Server version ${version} (size=${size})\n`,
    'Prot LocalAddress:Port Scheduler Flags\n',
    '  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n',
  ]
  for (const service of kernel.orderedServices()) {
    lines.push(serviceLine(kernel, service))
    for (const destination of destinationsOf(service)) lines.push(destinationLine(kernel, destination))
  }
  return lines.join('')
}
