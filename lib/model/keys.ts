/** Keys of services and destinations as text: `'tcp 192.0.2.1:80'`, `'fwmark 7'`, `'10.0.0.5:8080'`. */

import { AF_INET6, canonicalAddress, formatPacked, parseAddress } from './address'
import { PROTOCOL_NAMES } from './numbers'
import type { DestinationKey, Protocol, ServiceKey } from './types'

const SERVICE = /^(?:(tcp|udp|sctp)|(0|[1-9]\d{0,4})) (\S+)$/
const FWMARK = /^fwmark ([1-9]\d{0,9})(?: (ipv4|ipv6))?$/
const ENDPOINT = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(0|[1-9]\d{0,4})$/

/**
 * `'10.0.0.5:8080'` or `'[2001:db8::5]:8080'`; undefined for everything else. The address comes back
 * canonical.
 */
export function parseDestinationKey(text: string): DestinationKey | undefined {
  const match = ENDPOINT.exec(text)
  if (!match) return undefined
  const [, bracketed, plain, digits] = match
  const address = parseAddress((bracketed ?? plain) as string)
  const port = Number(digits)
  if (!address || port > 65535 || (address.family === AF_INET6) !== (bracketed !== undefined))
    return undefined
  return { address: formatPacked(address), port }
}

/** `10.0.0.5:8080`, `[2001:db8::5]:8080`. Never throws: what is no address is printed as it is. */
export function formatDestinationKey(key: DestinationKey): string {
  const address = canonicalAddress(key.address) ?? key.address
  return address.includes(':') ? `[${address}]:${key.port}` : `${address}:${key.port}`
}

/** The name of a protocol, or its number where it has none. */
const protocolOf = (protocol: Protocol | number): Protocol | number =>
  typeof protocol === 'number' ? (PROTOCOL_NAMES[protocol] ?? protocol) : protocol

/**
 * `'tcp 192.0.2.1:80'`, `'tcp [2001:db8::1]:443'`, `'50 192.0.2.1:0'` (a protocol without a name), `'fwmark 7'`,
 * `'fwmark 7 ipv6'`; undefined for everything else. The address comes back canonical, the family of a fwmark always filled in.
 */
export function parseServiceKey(text: string): ServiceKey | undefined {
  const mark = FWMARK.exec(text)
  if (mark) {
    const fwmark = Number(mark[1])
    return fwmark <= 0xffffffff ? { fwmark, family: mark[2] === 'ipv6' ? 'ipv6' : 'ipv4' } : undefined
  }
  const match = SERVICE.exec(text)
  const endpoint = match && parseDestinationKey(match[3] as string)
  if (!endpoint) return undefined
  const protocol = protocolOf((match[1] as Protocol | undefined) ?? Number(match[2]))
  const known = typeof protocol === 'string' || protocol <= 65535
  return known ? { protocol, address: endpoint.address, port: endpoint.port } : undefined
}

/** The reverse of `parseServiceKey`; a protocol without a name is printed as its number. Never throws. */
export function formatServiceKey(key: ServiceKey): string {
  if (key.fwmark !== undefined) {
    return key.family === 'ipv6' ? `fwmark ${key.fwmark} ipv6` : `fwmark ${key.fwmark}`
  }
  const { protocol, address, port } = key
  return `${protocolOf(protocol)} ${formatDestinationKey({ address, port })}`
}

/** The same text for every way of writing the same service: for `Map` keys. */
export const serviceKeyId: (key: ServiceKey) => string = formatServiceKey

/** The same text for every way of writing the same destination within its service: for `Map` keys. */
export const destinationKeyId: (key: DestinationKey) => string = formatDestinationKey

/** The key alone of what has more than that, a listed service for instance. */
export const keyOf = (service: ServiceKey): ServiceKey =>
  service.fwmark === undefined
    ? { protocol: service.protocol, address: service.address, port: service.port }
    : { fwmark: service.fwmark, family: service.family }
