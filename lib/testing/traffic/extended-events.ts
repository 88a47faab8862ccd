/** What FULLNAT kernels count in their extended statistics, as far as a fake kernel has such events. */

import type { KnownExtendedCounter } from '../../model/extended-counter-names'
import { PROTOCOLS, SERVICE_FLAGS } from '../../model/numbers'
import type { Arrival, ConnectionObject, Refusal } from '../objects/connection-objects'
import type { ServiceObject } from '../objects/table-objects'
import { destinationsOf } from '../objects/table-objects'
import type { KernelState } from '../table/state'

const isProxied = ({ service, protocol }: Arrival): boolean =>
  protocol === PROTOCOLS.tcp && (service.flags & SERVICE_FLAGS.synproxy) !== 0

const weighsNothing = (service: ServiceObject): boolean =>
  destinationsOf(service).every(({ weight }) => weight === 0)

/** A first packet. Behind the SYN proxy there has been a handshake before it is one. */
export function countArrival(kernel: KernelState, arrival: Arrival): void {
  const { facts, counters } = kernel
  if (!facts.fullnat || !isProxied(arrival)) return
  // ip_vs_synproxy.c:ip_vs_synproxy_syn_rcv
  if (facts.perCpu && weighsNothing(arrival.service)) counters.countExtended(arrival.cpu, 'synproxy_no_dest')
  else {
    counters.countExtended(arrival.cpu, 'synproxy_syn_cnt')
    counters.countExtended(arrival.cpu, 'synproxy_ok_ack')
  }
}

/** ip_vs_core.c:ip_vs_leave, for whatever could not be scheduled; what is for no service does not get there. */
export function countRefusal(kernel: KernelState, arrival: Arrival, refusal: Refusal): void {
  const { facts, counters } = kernel
  const { service, cpu } = arrival
  if (!facts.fullnat) return
  if (facts.perCpu && isProxied(arrival) && weighsNothing(service)) return
  // A service of port 0 takes every port, and is found then.
  if (refusal.kind === 'wrong-port' && service.port !== 0) return
  counters.countExtended(cpu, 'conn_sched_unreach')
}

const REUSED: { readonly [state: string]: string } = {
  close: 'close',
  'time-wait': 'timewait',
  'fin-wait': 'finwait',
}

/** ip_vs_proto_tcp.c:tcp_in_init_seq, and behind the SYN proxy ip_vs_synproxy.c:ip_vs_synproxy_reuse_conn. */
export function countReuse(kernel: KernelState, arrival: Arrival, { state, local }: ConnectionObject): void {
  const closing = REUSED[state]
  const proxied = isProxied(arrival)
  if (!kernel.facts.fullnat || closing === undefined || (!local && !proxied)) return
  const row = proxied ? 'synproxy_conn_reused' : 'fullnat_conn_reused'
  kernel.counters.countExtended(arrival.cpu, row)
  kernel.counters.countExtended(arrival.cpu, `${row}_${closing}` as KnownExtendedCounter)
}

/** `cp->flags & (IP_VS_CONN_F_FULLNAT | IP_VS_CONN_F_MASQ)`, which is 5 and no method of its own. */
const RESETS = 5

/** ip_vs_proto_tcp.c:tcp_conn_expire_handler, with conn_expire_tcp_rst as it is by default. */
export function countExpiry(kernel: KernelState, { state, forwarding, cpu }: ConnectionObject): void {
  if (!kernel.facts.fullnat || state !== 'established' || (forwarding & RESETS) === 0) return
  kernel.counters.countExtended(cpu, 'rst_in_established')
  kernel.counters.countExtended(cpu, 'rst_out_established')
}
