/**
 * What is known of the rows of /proc/net/ip_vs_ext_stats. docs/statistics.md is made from this
 * (scripts/gen-extended-counters.mjs).
 */

import type { KnownExtendedCounter } from '../model/extended-counter-names'
import { EXTENDED_COUNTER_NAMES } from '../model/extended-counter-names'
import type { ExtendedCounterGroup } from '../model/observed'

type FullnatDialect = 'fullnat-v2' | 'fullnat-v3'

export interface ExtendedCounterFacts {
  readonly group: ExtendedCounterGroup
  /** Where the row is; undefined: in both. */
  readonly only?: FullnatDialect
  /** What it counts. */
  readonly meaning: string
  /** What to do when it grows; undefined where it is no trouble. */
  readonly advice?: string
}

type Table = { readonly [name in KnownExtendedCounter]: ExtendedCounterFacts }

const REUSED = 'FULLNAT connections that a new SYN of their client took over'
const PROXIED = 'connections behind the SYN proxy that a new handshake of their client took over'
const NO_REAL_SERVER =
  'See whether the destination is up, listens, and has a route back to the local addresses.'

/** `IP_VS_INC_ESTATS` in the sources of both; each has the function that counts. */
export const EXTENDED_COUNTERS: Table = {
  // ip_vs_proto_tcp.c:tcp_opt_add_toa, tcp_opt_add_toa_v6
  fullnat_add_toa_ok: {
    group: 'toa',
    meaning: 'packets to a destination that the address of the client was added to, as TCP option TOA',
  },
  fullnat_add_toa_fail_len: {
    group: 'toa',
    meaning: 'packets sent without TOA, because it would have made them longer than the MTU',
    advice:
      'The destination sees a local address as its client: leave fullnat_mss_adjust_entry at 1, or raise the MTU inside.',
  },
  fullnat_add_toa_head_full: {
    group: 'toa',
    meaning: 'packets sent without TOA, because other options had filled their TCP header',
    advice:
      'The destination sees a local address as its client: leave fullnat_timestamp_remove_entry at 1, which makes room.',
  },
  fullnat_add_toa_fail_mem: {
    group: 'toa',
    meaning: 'packets sent without TOA, because there was no memory for a larger packet',
    advice: 'The director is short of memory: look at vm.min_free_kbytes and at what else runs there.',
  },
  fullnat_add_toa_fail_proto: {
    group: 'toa',
    meaning: 'packets sent without TOA, because they were of another address family than the option is for',
    advice: 'It should not happen: report it with the kernel version.',
  },
  // ip_vs_proto_tcp.c:tcp_in_init_seq
  fullnat_conn_reused: {
    group: 'fullnat',
    meaning: `${REUSED}, whatever their state was; the rows that follow say which`,
    advice:
      'Clients reuse their ports quickly. Fine unless connections fail: shorten the timeouts of closing connections then.',
  },
  fullnat_conn_reused_close: { group: 'fullnat', meaning: `${REUSED} in state CLOSE` },
  fullnat_conn_reused_timewait: { group: 'fullnat', meaning: `${REUSED} in state TIME_WAIT` },
  fullnat_conn_reused_finwait: { group: 'fullnat', meaning: `${REUSED} in state FIN_WAIT` },
  fullnat_conn_reused_closewait: { group: 'fullnat', meaning: `${REUSED} in state CLOSE_WAIT` },
  fullnat_conn_reused_lastack: { group: 'fullnat', meaning: `${REUSED} in state LAST_ACK` },
  fullnat_conn_reused_estab: {
    group: 'fullnat',
    meaning: `${REUSED} in state ESTABLISHED`,
    advice:
      'The client forgot connections that the director still had: it restarted, or a NAT before it reuses ports.',
  },
  // ip_vs_conn.c:ip_vs_conn_expire
  synproxy_rs_error: {
    group: 'synproxy',
    meaning: 'SYNs that the SYN proxy sent to a destination again, since it had not answered',
    advice: NO_REAL_SERVER,
  },
  // ip_vs_synproxy.c:ip_vs_synproxy_ack_rcv
  synproxy_null_ack: {
    group: 'synproxy',
    meaning: 'ACKs without data that were dropped while the SYN proxy waited for data (synproxy_defer 1)',
    advice: 'Set synproxy_defer to 0 for protocols in which the server speaks first.',
  },
  synproxy_bad_ack: {
    group: 'synproxy',
    meaning: 'ACKs with a cookie that the SYN proxy did not give out, or gave out too long ago',
    advice: 'An ACK flood, or clients that were slow to answer: compare with synproxy_ok_ack.',
  },
  synproxy_ok_ack: {
    group: 'synproxy',
    meaning: 'handshakes with a client that the SYN proxy has completed',
  },
  // ip_vs_synproxy.c:ip_vs_synproxy_syn_rcv
  synproxy_syn_cnt: {
    group: 'synproxy',
    meaning: 'SYNs that the SYN proxy answered',
    advice: 'Growing much faster than synproxy_ok_ack, it is a SYN flood, which the SYN proxy is for.',
  },
  // ip_vs_synproxy.c:ip_vs_synproxy_filter_ack
  synproxy_ackstorm: {
    group: 'synproxy',
    meaning: 'repeated ACKs of proxied connections that were dropped (synproxy_ack_storm_thresh)',
    advice:
      'Client and destination disagree about sequence numbers: something between them changes or replays packets.',
  },
  // ip_vs_synproxy.c:ip_vs_synproxy_snat_handler, ip_vs_synproxy_synack_rcv
  synproxy_synsend_qlen: {
    group: 'synproxy',
    meaning:
      'packets of clients dropped while the destination had not answered the SYN (synproxy_ack_skb_store_thresh)',
    advice: NO_REAL_SERVER,
  },
  // ip_vs_synproxy.c:ip_vs_synproxy_reuse_conn
  synproxy_conn_reused: {
    group: 'synproxy',
    meaning: `${PROXIED}, whatever their state was; the rows that follow say which`,
  },
  synproxy_conn_reused_close: { group: 'synproxy', meaning: `${PROXIED} in state CLOSE` },
  synproxy_conn_reused_timewait: { group: 'synproxy', meaning: `${PROXIED} in state TIME_WAIT` },
  synproxy_conn_reused_finwait: { group: 'synproxy', meaning: `${PROXIED} in state FIN_WAIT` },
  synproxy_conn_reused_closewait: { group: 'synproxy', meaning: `${PROXIED} in state CLOSE_WAIT` },
  synproxy_conn_reused_lastack: { group: 'synproxy', meaning: `${PROXIED} in state LAST_ACK` },
  // ip_vs_core.c:ip_vs_pre_routing
  defence_ip_frag_drop: {
    group: 'defence',
    meaning: 'IPv4 fragments dropped, whoever they were for (defence_frag_drop 1)',
    advice:
      'Where UDP with large datagrams is balanced, set defence_frag_drop to 0: fullnat-v2 puts fragments together then.',
  },
  defence_ip_frag_gather: {
    group: 'defence',
    only: 'fullnat-v2',
    meaning: 'IPv4 datagrams put together from fragments (defence_frag_drop 0)',
    advice: 'Putting together is slow: a flood of fragments is stopped by defence_frag_drop 1.',
  },
  // ip_vs_proto_tcp.c:tcp_conn_schedule
  defence_tcp_drop: {
    group: 'defence',
    meaning:
      'TCP packets dropped at an address with TCP services: no SYN to one of them, and of no connection (defence_tcp_drop 1)',
    advice:
      'Port scans and ACK floods look so, and clients whose connection expired here: compare the established timeout with their idle times.',
  },
  // ip_vs_core.c:ip_vs_pre_routing
  defence_udp_drop: {
    group: 'defence',
    meaning: 'UDP packets dropped at an address with TCP services (defence_udp_drop 1)',
    advice: 'UDP services on such an address get nothing until defence_udp_drop is 0.',
  },
  // ip_vs_xmit.c:ip_vs_fast_response_xmit
  fast_xmit_reject: {
    group: 'fast-xmit',
    meaning:
      'answers to clients that could not take the short way past the routing table, and took the usual one',
    advice:
      'No harm but speed: packets above the MTU, or connections whose client came by no Ethernet device.',
  },
  fast_xmit_pass: {
    group: 'fast-xmit',
    meaning:
      'answers sent to clients the short way, by the MAC addresses of their own packets (fast_response_xmit)',
  },
  fast_xmit_skb_copy: {
    group: 'fast-xmit',
    meaning: 'packets that had to be copied to be sent the short way, since something else had hold of them',
    advice: 'No harm but speed: packet capture is the usual holder.',
  },
  // ip_vs_xmit.c:ip_vs_save_xmit_info
  fast_xmit_no_mac: {
    group: 'fast-xmit',
    meaning:
      'packets of clients that came by no Ethernet device, so that their answers cannot take the short way',
    advice: 'Expected on tunnels and loopback.',
  },
  // ip_vs_synproxy.c:syn_proxy_send_rs_syn
  fast_xmit_synproxy_save: {
    group: 'fast-xmit',
    meaning: 'connections of the SYN proxy that the short way to the client was noted for',
  },
  fast_xmit_dev_lost: {
    group: 'fast-xmit',
    meaning: 'packets of clients without a device, so that their answers cannot take the short way',
    advice: 'It should not happen: report it with the kernel version.',
  },
  // ip_vs_xmit.c:ip_vs_fast_xmit
  fast_xmit_reject_inside: {
    group: 'fast-xmit',
    only: 'fullnat-v3',
    meaning: 'packets to destinations that could not take the short way, and took the usual one',
    advice: 'No harm but speed: the first packets of every connection are among them.',
  },
  fast_xmit_pass_inside: {
    group: 'fast-xmit',
    only: 'fullnat-v3',
    meaning: 'packets sent to destinations the short way (fast_response_xmit_inside)',
  },
  // ip_vs_synproxy.c:ip_vs_synproxy_save_fast_xmit_info
  fast_xmit_synproxy_save_inside: {
    group: 'fast-xmit',
    only: 'fullnat-v3',
    meaning: 'connections of the SYN proxy that the short way to the destination was noted for',
  },
  // ip_vs_proto_tcp.c:tcp_send_rst_in, tcp_send_rst_out
  rst_in_syn_sent: {
    group: 'reset',
    meaning:
      'RSTs that the director sent to a destination for a connection of the SYN proxy that expired before the destination answered',
    advice: NO_REAL_SERVER,
  },
  rst_out_syn_sent: {
    group: 'reset',
    meaning:
      'RSTs that the director sent to a client for a connection of the SYN proxy that expired before the destination answered',
    advice: NO_REAL_SERVER,
  },
  rst_in_established: {
    group: 'reset',
    meaning:
      'RSTs that the director sent to a destination for an established connection that expired (conn_expire_tcp_rst)',
    advice:
      'Connections are idle for longer than their timeout: raise it, or let the application send keep-alives.',
  },
  rst_out_established: {
    group: 'reset',
    meaning:
      'RSTs that the director sent to a client for an established connection that expired (conn_expire_tcp_rst)',
    advice:
      'Connections are idle for longer than their timeout: raise it, or let the application send keep-alives.',
  },
  // ip_vs_xmit.c:gso_ok
  gro_pass: {
    group: 'xmit',
    meaning: 'packets that the receiving device had merged (GRO), sent on the short way as they were',
  },
  lro_reject: {
    group: 'xmit',
    meaning: 'packets that the receiving device had merged in a way that cannot be sent on (LRO)',
    advice:
      'Turn LRO off on the devices of the director (ethtool -K DEVICE lro off): those that must not be fragmented are lost.',
  },
  // ip_vs_xmit.c, each way to send, "MTU checking"
  xmit_unexpected_mtu: {
    group: 'xmit',
    meaning:
      'packets that were longer than the MTU of their way and must not be fragmented: dropped, the sender told by ICMP',
    advice:
      'Turn LRO and GRO off on the devices of the director, and look for an MTU that is smaller inside than outside.',
  },
  // ip_vs_core.c:ip_vs_leave
  conn_sched_unreach: {
    group: 'scheduling',
    meaning:
      'first packets dropped because no connection could be made: no destination, no local address, or no free port of it',
    advice:
      'Look for destinations of weight 0, for services without local addresses, and at portConflicts of those that there are.',
  },
  // ip_vs_synproxy.c:ip_vs_synproxy_syn_rcv
  synproxy_no_dest: {
    group: 'synproxy',
    only: 'fullnat-v3',
    meaning: 'SYNs that the SYN proxy dropped, because the weights of the service add up to 0',
    advice: 'The service has no destination that is up.',
  },
  // ip_vs_conn.c:ip_vs_conn_new
  conn_exceeded: {
    group: 'scheduling',
    only: 'fullnat-v3',
    meaning:
      'connections refused because there were too many (conn_max_num, shared equally among the CPUs that are online)',
    advice:
      'Raise conn_max_num where there is memory, shorten timeouts, or see whether one CPU gets most of the traffic.',
  },
}

/** The rows of a kernel, in its order. */
export function extendedCounterNames(dialect: FullnatDialect): readonly KnownExtendedCounter[] {
  return EXTENDED_COUNTER_NAMES.filter((name) => {
    const { only = dialect } = EXTENDED_COUNTERS[name]
    return only === dialect
  })
}

/** Undefined for a row that this library does not know. */
export function extendedCounterFacts(name: string): ExtendedCounterFacts | undefined {
  return Object.prototype.hasOwnProperty.call(EXTENDED_COUNTERS, name)
    ? EXTENDED_COUNTERS[name as KnownExtendedCounter]
    : undefined
}
