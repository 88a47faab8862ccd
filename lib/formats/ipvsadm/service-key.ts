/** -t, -u, --sctp-service, -f [-6] → the key of a service. */

import type { Protocol, ServiceKey } from '../../model/types'
import type { Span } from '../text/source-text'
import { readEndpoint } from './endpoint'
import type { Given, RuleContext } from './given'
import { shownOption } from './options'
import type { GivenOption } from './scan'
import { readFwmark } from './values'
import type { Word } from './words'

export interface GivenService {
  readonly key: ServiceKey
  readonly ipv6: boolean
  /** A port was given, or it is a firewall mark. */
  readonly hasPort: boolean
  readonly span: Span
  /** Which option it was. */
  readonly option: GivenOption
}

const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  'tcp-service': 'tcp',
  'udp-service': 'udp',
  'sctp-service': 'sctp',
}

/** Undefined where none is given, or it is wrong, which is then reported. */
export function readService(given: Given, context: RuleContext): GivenService | undefined {
  const option = given.options.get('service')
  const six = given.options.get('ipv6')
  const { complaints } = context
  if (!option) {
    if (six) complaints.error('order', '-6 goes with -f, and stands after it', six.span)
    return undefined
  }
  const value = option.value as Word
  if (option.row.long === 'fwmark-service') return readMark(given, option, value, six, context)
  if (six) complaints.error('order', '-6 goes with -f, and stands after it', six.span)
  const protocol = PROTOCOLS[option.row.long]
  if (protocol === undefined) {
    const what = option.row.long === 'match' ? 'services found by a match' : 'services of ICMP'
    const hint = 'They are dpvs alone: keep this line for its ipvsadm.'
    return complaints.error(
      'not-sayable',
      `${shownOption(option.row)}: ${what} cannot be said here`,
      option.span,
      hint,
    )
  }
  const endpoint = readEndpoint(value, 'service address', { ...context, protocol })
  if (!endpoint) return undefined
  const { address, ipv6, port } = endpoint
  return {
    key: { protocol, address, port: port ?? 0 },
    ipv6,
    hasPort: port !== undefined,
    span: value.span,
    option,
  }
}

function readMark(
  given: Given,
  option: GivenOption,
  value: Word,
  six: GivenOption | undefined,
  { complaints }: RuleContext,
): GivenService | undefined {
  if (six && given.inOrder.indexOf(six) < given.inOrder.indexOf(option)) {
    return complaints.error('order', '-6 stands before -f', six.span, 'Write -f MARK -6.')
  }
  const fwmark = readFwmark(value, complaints)
  if (fwmark === undefined) return undefined
  const ipv6 = six !== undefined
  const key: ServiceKey = { fwmark, family: ipv6 ? 'ipv6' : 'ipv4' }
  return { key, ipv6, hasPort: true, span: value.span, option }
}
