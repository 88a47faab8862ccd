/** What both schemas have. */

import type { DaemonState, Family, Forwarding, Protocol, SchedulerFlag, Tunnel } from '../model/types'
import { address, integer, listOf, port, wordsOf } from './schema-parts'

export const PROTOCOL = wordsOf<Protocol>('Transport protocol')({ tcp: true, udp: true, sctp: true })
export const FAMILY = wordsOf<Family>('Address family of a service without an address')({
  ipv4: true,
  ipv6: true,
})
export const FWMARK = integer('Firewall mark of the packets', 1, 4294967295)
export const VIP = address('The virtual address, IPv4 or IPv6')
export const VIP_PORT = port('The virtual port; 0 takes every port')
export const REAL_ADDRESS = address('Address of the destination, IPv4 or IPv6')
export const REAL_PORT = port('Port of the destination')
export const FORWARDING = wordsOf<Forwarding>('How packets reach the destination')({
  masquerade: true,
  local: true,
  tunnel: true,
  'direct-route': true,
  bypass: true,
  fullnat: true,
})
export const TUNNEL_TYPE = wordsOf<Tunnel['type']>('Encapsulation')({ ipip: true, gue: true, gre: true })
export const CHECKSUM = wordsOf<NonNullable<Tunnel['checksum']>>('Checksum of the tunnel')({
  none: true,
  full: true,
  remote: true,
})
export const SCHEDULER_FLAGS = listOf(
  'Flags of the scheduler, mainline only',
  wordsOf<SchedulerFlag>('flag-1 is fallback, flag-2 is port, of sh and mh')({
    'flag-1': true,
    'flag-2': true,
    'flag-3': true,
  }),
)
export const ONE_PACKET = 'Every UDP packet is scheduled by itself'
export const SYNPROXY = 'SYNs are answered with cookies before a destination is chosen; FULLNAT kernels only'
export const TIMEOUT_TEXTS = {
  tcp: 'Seconds that an established TCP connection may be idle',
  tcpFin: 'Seconds of a TCP connection after a FIN',
  udp: 'Seconds that a UDP connection may be idle',
} as const

export const DAEMON_STATE = wordsOf<DaemonState>('It sends, or it receives')({ master: true, backup: true })
export const SYNC_ID = integer('A backup with 0 takes every id', 0, 255)
export const SYNC_MAX_LENGTH = integer('Bytes of a message; mainline only', 1, 65535)
export const MULTICAST_GROUP = address('Multicast group; mainline only')
export const MULTICAST_PORT = port('Port of the multicast; mainline only', 1)
export const MULTICAST_TTL = integer('Hops of the multicast; mainline only', 1, 255)
