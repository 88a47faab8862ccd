/** Keys of services and destinations as text: `'tcp 192.0.2.1:80'`, `'fwmark 7'`, `'10.0.0.5:8080'`. */

import { AF_INET6, canonicalAddress, formatPacked, parseAddress } from './address'
import type { DestinationKey, Protocol, ServiceKey } from './types'

/**
 * A number is a protocol that IPVS does not balance; netlink lets it in
 * (ip_vs_ctl.c:ip_vs_genl_parse_service).
 */
type LooseServiceKey =
  | ServiceKey
  | { readonly protocol: number; readonly address: string; readonly port: number }

const SERVICE = /^(tcp|udp|sctp) (\S+)$/
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

/**
 * `'tcp 192.0.2.1:80'`, `'tcp [2001:db8::1]:443'`, `'fwmark 7'`, `'fwmark 7 ipv6'`; undefined for everything
 * else. The address comes back canonical, the family of a fwmark always filled in.
 */
export function parseServiceKey(text: string): ServiceKey | undefined {
  const mark = FWMARK.exec(text)
  if (mark) {
    const fwmark = Number(mark[1])
    return fwmark <= 0xffffffff ? { fwmark, family: mark[2] === 'ipv6' ? 'ipv6' : 'ipv4' } : undefined
  }
  const match = SERVICE.exec(text)
  const endpoint = match && parseDestinationKey(match[2] as string)
  return endpoint
    ? { protocol: match[1] as Protocol, address: endpoint.address, port: endpoint.port }
    : undefined
}

/** The reverse of `parseServiceKey`; a protocol without a name is printed as its number. Never throws. */
export function formatServiceKey(key: LooseServiceKey): string {
  if ('fwmark' in key && key.fwmark !== undefined) {
    return key.family === 'ipv6' ? `fwmark ${key.fwmark} ipv6` : `fwmark ${key.fwmark}`
  }
  const { protocol, address, port } = key as Exclude<LooseServiceKey, { fwmark: number }>
  return `${protocol} ${formatDestinationKey({ address, port })}`
}

/** The same text for every way of writing the same service: for `Map` keys. */
export const serviceKeyId: (key: LooseServiceKey) => string = formatServiceKey

/** The same text for every way of writing the same destination within its service: for `Map` keys. */
export const destinationKeyId: (key: DestinationKey) => string = formatDestinationKey
