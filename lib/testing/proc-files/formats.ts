/** How the kernel writes numbers, addresses and protocols in its files. */

import type { PackedAddress } from '../../model/address'
import type { KernelState } from '../table/state'

/** `%08X` and `%04X`. */
export const hex = (value: number, width: number): string =>
  (value >>> 0).toString(16).toUpperCase().padStart(width, '0')

/** `%pI6`: eight groups of four digits (lib/vsprintf.c:ip6_string). */
export function ipv6Text({ a, b, c, d }: PackedAddress): string {
  const digits = [a, b, c, d].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
  return (digits.match(/..../g) as string[]).join(':')
}

/** ip_vs_core.c:ip_vs_proto_name; FULLNAT kernels do not know SCTP. */
export function protocolName({ facts }: KernelState, protocol: number): string {
  switch (protocol) {
    case 0:
      return 'IP'
    case 1:
      return 'ICMP'
    case 6:
      return 'TCP'
    case 17:
      return 'UDP'
    case 58:
      return 'ICMPv6'
    case 132:
      return facts.fullnat ? 'IP_132' : 'SCTP'
    default:
      return `IP_${protocol}`
  }
}
