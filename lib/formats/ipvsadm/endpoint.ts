/** `host[:port]`, `[v6]:port`, `v6` (ipvsadm.c:parse_service). */

import { canonicalAddress } from '../../model/address'
import type { Span } from '../text/source-text'
import type { Complaints } from './complaints'
import type { RulesResolver } from './resolver'
import { decimal, inetAton, isDigits } from './values'
import type { Word } from './words'

export interface Endpoint {
  /** Canonical. */
  readonly address: string
  readonly ipv6: boolean
  /** Undefined where none was given. */
  readonly port: number | undefined
}

export interface EndpointContext {
  readonly complaints: Complaints
  readonly resolver: RulesResolver | undefined
  /** Whose service names are looked up. */
  readonly protocol: string | undefined
}

/** `what`: `'service address'`. */
export function readEndpoint(word: Word, what: string, context: EndpointContext): Endpoint | undefined {
  const { text, span } = word
  const { complaints } = context
  if (text === '' || isDigits(text)) {
    return complaints.error('not-an-address', `${what} '${text}' is no address`, span)
  }
  if (text.startsWith('[')) return readBracketed(word, what, context)
  if (text.includes(':')) {
    const ipv6 = canonicalAddress(text)
    if (ipv6 !== undefined) return { address: ipv6, ipv6: true, port: undefined }
  }
  const colon = text.lastIndexOf(':')
  const host = colon < 0 ? text : text.slice(0, colon)
  const address = readHost(host, word, what, context)
  if (address === undefined) return undefined
  if (colon < 0) return { address, ipv6: false, port: undefined }
  const port = readPort(text.slice(colon + 1), span, context)
  return port === undefined ? undefined : { address, ipv6: false, port }
}

function readBracketed({ text, span }: Word, what: string, context: EndpointContext): Endpoint | undefined {
  const { complaints } = context
  const close = text.indexOf(']')
  const inside = text.slice(1, close < 0 ? undefined : close)
  if (close < 0 || text[close + 1] !== ':') {
    const hint = `Write [${inside}]:PORT, or ${inside} for no port.`
    return complaints.error('not-an-address', `${what} '${text}' has brackets and no port`, span, hint)
  }
  const address = canonicalAddress(inside)
  if (address === undefined || !address.includes(':')) {
    const hint =
      'ipvsadm takes IPv4 in brackets and forgets the port; host names with IPv6 it cannot read back.'
    return complaints.error('not-an-address', `'${inside}' in brackets is no IPv6 address`, span, hint)
  }
  const port = readPort(text.slice(close + 2), span, context)
  return port === undefined ? undefined : { address, ipv6: true, port }
}

function readHost(host: string, { span }: Word, what: string, context: EndpointContext): string | undefined {
  const { complaints, resolver } = context
  const plain = canonicalAddress(host)
  if (plain !== undefined) return plain
  const odd = inetAton(host)
  if (odd !== undefined) {
    complaints.warn('odd-address', `'${host}' is ${odd} to ipvsadm`, span, `Write ${odd}.`)
    return odd
  }
  if (!isHostName(host)) return complaints.error('not-an-address', `${what} '${host}' is no address`, span)
  if (!resolver?.host) {
    const hint = 'Save with ipvsadm -S -n, or give a resolver.'
    return complaints.error('name', `'${host}' is a name, not an address`, span, hint)
  }
  const found = resolver.host(host)
  const address = found === undefined ? undefined : canonicalAddress(found)
  if (address === undefined || address.includes(':')) {
    return complaints.error('unknown-name', `the resolver has no IPv4 address for '${host}'`, span)
  }
  return address
}

/** What gethostbyname could find; not `10.0.0.256`, and no masked addresses. */
const isHostName = (text: string): boolean =>
  /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?$/i.test(text) && /[a-z]/i.test(text) && !/^0x/i.test(text)

function readPort(
  text: string,
  span: Span,
  { complaints, resolver, protocol }: EndpointContext,
): number | undefined {
  const number = decimal(text)
  if (number !== undefined) {
    if (number >= 0 && number <= 65535) return number
    return complaints.error('out-of-range', `port ${text} is not 0 to 65535`, span)
  }
  if (!/^[a-z0-9+_.-]*[a-z][a-z0-9+_.-]*$/i.test(text)) {
    return complaints.error('not-a-port', `'${text}' is no port`, span)
  }
  if (!resolver?.service) {
    const hint = 'Save with ipvsadm -S -n, or give a resolver.'
    return complaints.error('name', `'${text}' is the name of a port`, span, hint)
  }
  const port = resolver.service(text, protocol)
  if (port === undefined || !Number.isInteger(port) || port < 0 || port > 65535) {
    return complaints.error('unknown-name', `the resolver has no port for '${text}'`, span)
  }
  return port
}
