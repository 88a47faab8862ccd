/** The kernel's numbers for the names of the API, and the names for its numbers. */

import { AF_INET, AF_INET6 } from './address'
import type { DaemonState, Family, Forwarding, Protocol, SchedulerFlag, Tunnel } from './types'

/** include/uapi/linux/in.h; the three that IPVS balances. */
export const PROTOCOLS = { tcp: 6, udp: 17, sctp: 132 } as const

export const FAMILIES = { ipv4: AF_INET, ipv6: AF_INET6 } as const

/** `IP_VS_CONN_F_FWD_MASK` of ip_vs.h. */
export const FORWARDING_MASK = 7
/** 5 is FULLNAT on Alibaba's kernels. */
export const FORWARDING_METHODS: Readonly<Record<Forwarding, number>> = {
  masquerade: 0,
  local: 1,
  tunnel: 2,
  'direct-route': 3,
  bypass: 4,
  fullnat: 5,
}

/** Bits of a service's flags word that are a caller's to set (ip_vs.h, IP_VS_SVC_F_*). */
export const SERVICE_FLAGS = { persistent: 0x1, onePacket: 0x4, synproxy: 0x8000 } as const
/** The kernel's own mark of a service that is in its table: in every dump, never sent. */
export const SERVICE_FLAGS_HASHED = 0x2

/** IP_VS_SVC_F_SCHED1…3 of the flags word. */
export const SCHEDULER_FLAGS = { 'flag-1': 0x8, 'flag-2': 0x10, 'flag-3': 0x20 } as const
export const SCHEDULER_FLAGS_MASK = 0x38

/** IP_VS_CONN_F_TUNNEL_TYPE_* */
export const TUNNEL_TYPES = { ipip: 0, gue: 1, gre: 2 } as const
/** IP_VS_TUNNEL_ENCAP_FLAG_* */
export const TUNNEL_FLAGS = { none: 0, full: 1, remote: 2 } as const

/** IP_VS_STATE_* */
export const DAEMON_STATES = { master: 1, backup: 2 } as const

function namesOf<T extends string>(numbers: Readonly<Record<T, number>>): Readonly<Record<number, T>> {
  const names: Record<number, T> = {}
  for (const name of Object.keys(numbers) as T[]) names[numbers[name]] = name
  return names
}

export const PROTOCOL_NAMES: Readonly<Record<number, Protocol>> = namesOf(PROTOCOLS)
export const FORWARDING_NAMES: Readonly<Record<number, Forwarding>> = namesOf(FORWARDING_METHODS)
export const TUNNEL_TYPE_NAMES: Readonly<Record<number, Tunnel['type']>> = namesOf(TUNNEL_TYPES)
export const CHECKSUM_NAMES: Readonly<Record<number, NonNullable<Tunnel['checksum']>>> = namesOf(TUNNEL_FLAGS)
export const DAEMON_STATE_NAMES: Readonly<Record<number, DaemonState>> = namesOf(DAEMON_STATES)

const SCHEDULER_FLAG_NAMES = Object.keys(SCHEDULER_FLAGS) as SchedulerFlag[]
const NO_FLAGS: readonly SchedulerFlag[] = Object.freeze([])

/** The names of the scheduler's bits in a flags word. */
export function schedulerFlagNames(flags: number): readonly SchedulerFlag[] {
  if ((flags & SCHEDULER_FLAGS_MASK) === 0) return NO_FLAGS
  return SCHEDULER_FLAG_NAMES.filter((name) => (flags & SCHEDULER_FLAGS[name]) !== 0)
}

/** Every number but AF_INET6 is an IPv4 family: the kernel has no other. */
export const familyName = (family: number): Family => (family === AF_INET6 ? 'ipv6' : 'ipv4')
