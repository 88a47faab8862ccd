/** Sysctls of FULLNAT kernels alone: abi.md §8.1, §8.2 (ip_vs_ctl.c:vs_vars). */

import type { SysctlFacts } from './facts'
import { checked, FULLNAT, INT_MAX, SECONDS_MAX, sysctls, unchecked, V3 } from './facts'

const flag = (
  initial: SysctlFacts['default'],
  meaning: string,
  rest: Partial<SysctlFacts> = {},
): SysctlFacts => checked(rest.dialects ?? FULLNAT, [0, 1], initial, meaning, rest)

/** Of TCP; in seconds (proc_dointvec_jiffies). 0 and less end a connection at once. */
const timeout = (
  initial: SysctlFacts['default'],
  state: string,
  rest: Partial<SysctlFacts> = {},
): SysctlFacts =>
  unchecked(FULLNAT, [1, SECONDS_MAX], initial, `How long a TCP connection may be idle ${state}.`, {
    unit: 'seconds',
    ...rest,
  })

/** fullnat-v3 waits longer for the end of a connection. */
const CLOSING = { 'fullnat-v2': 3, 'fullnat-v3': 7 } as const

const reuse = (initial: 0 | 1, state: string): SysctlFacts =>
  flag(initial, `1: a SYN may take over a SYN proxy connection ${state}; needs synproxy_conn_reuse.`)

const PAIR =
  'It must never be above fullnat_lport_max, not even for an instant: setLocalPorts() changes both in a safe order.'

export const FULLNAT_SYSCTLS = sysctls({
  conn_expire_tcp_rst: flag(1, '1: both ends of an established connection that expires get a RST.'),
  conn_max_num: unchecked(
    V3,
    [0, INT_MAX],
    'computed',
    'The most connections, 0 for any number; each CPU takes its share of them.',
    {
      unit: 'connections',
      caution:
        'A CPU refuses connections when its own, times the CPUs online, are as many: ip_vs_conn.c:ip_vs_conn_new.',
    },
  ),
  csum_offload: flag(1, '1: checksums of forwarded packets are left to the network card.', {
    dialects: V3,
    caution: 'With 1 IPv6 does not work where the card does not help: destinations count checksum errors.',
  }),
  defence_frag_drop: flag(
    { 'fullnat-v2': 0, 'fullnat-v3': 1 },
    '1: IPv4 fragments are dropped, but those of OSPF.',
    { caution: { 'fullnat-v2': 'The first release of fullnat-v2 starts with 1.' } },
  ),
  defence_tcp_drop: flag(
    1,
    '1: TCP packets to an address of a TCP service are dropped where no connection takes them and no SYN makes one.',
  ),
  defence_udp_drop: flag(1, '1: UDP packets to an address that has a TCP service are dropped.', {
    caution: 'With 1, UDP services on an address that TCP services share get no packet.',
  }),
  fast_response_xmit: flag(
    1,
    '1: answers go to clients by the route, and over the link, that their packets came.',
  ),
  fast_response_xmit_inside: flag(1, '1: packets go to destinations over the link that their answers came.', {
    dialects: V3,
  }),
  fullnat_conn_reused_entry: flag(1, '1: a SYN may take over a FULLNAT connection that is closing.'),
  fullnat_lport_max: checked(
    FULLNAT,
    [1025, 65535],
    65535,
    'The last port of a local address that FULLNAT takes.',
    {
      caution:
        'It must never be below fullnat_lport_min, not even for an instant: setLocalPorts() changes both in a safe order.',
    },
  ),
  fullnat_lport_min: checked(
    FULLNAT,
    [1025, 65535],
    5000,
    'The first port of a local address that FULLNAT takes.',
    {
      caution: PAIR,
    },
  ),
  fullnat_lport_tries: checked(
    FULLNAT,
    [10, 60000],
    10000,
    'So many ports of a local address are tried for a connection before it is dropped.',
    { unit: 'ports' },
  ),
  fullnat_mss_adjust_entry: flag(
    1,
    '1: the MSS is made smaller, so that the client address (TOA) fits into packets.',
  ),
  fullnat_timestamp_remove_entry: flag(1, '1: TCP timestamps of clients are removed.'),
  fullnat_toa_entry: flag(1, '1: destinations get the address of the client as a TCP option (TOA).'),
  reserve_core: checked(V3, [0, 6], 0, 'The first CPUs that get no local addresses.', {
    unit: 'CPUs',
    caution:
      'It must leave a CPU that is online: the kernel divides by what is left when a local address is added. Local addresses that are there stay where they are.',
  }),
  synproxy_ack_skb_store_thresh: checked(
    FULLNAT,
    [0, 5],
    3,
    'So many packets of a client are kept until its destination has answered the SYN.',
    { unit: 'packets' },
  ),
  synproxy_ack_storm_thresh: checked(
    FULLNAT,
    [0, 65535],
    10,
    'After so many equal ACKs in a row further ones are dropped.',
    { unit: 'packets' },
  ),
  synproxy_conn_reuse: flag(
    1,
    '1: a SYN may take over a SYN proxy connection in the states that are allowed.',
  ),
  synproxy_conn_reuse_close: reuse(1, 'that was reset'),
  synproxy_conn_reuse_close_wait: reuse(0, 'in close-wait'),
  synproxy_conn_reuse_fin_wait: reuse(0, 'in fin-wait'),
  synproxy_conn_reuse_last_ack: reuse(0, 'in last-ack'),
  synproxy_conn_reuse_time_wait: reuse(1, 'in time-wait'),
  synproxy_defer: flag(
    0,
    '1: the SYN proxy waits for the first data of a client before it goes to a destination.',
  ),
  synproxy_init_mss: checked(FULLNAT, [0, 65535], 1452, 'The MSS that the SYN proxy offers.', {
    unit: 'bytes',
  }),
  synproxy_sack: flag(1, '1: the SYN proxy offers selective acknowledgements.'),
  synproxy_syn_retry: checked(FULLNAT, [0, 6], 3, 'So many times a SYN to a destination is sent again.', {
    unit: 'packets',
  }),
  synproxy_synack_ttl: checked(FULLNAT, [1, 255], 63, 'TTL of the SYN-ACKs of the SYN proxy.', {
    unit: 'hops',
  }),
  synproxy_timestamp: flag(0, '1: the SYN proxy offers TCP timestamps.'),
  synproxy_wscale: checked(
    FULLNAT,
    [0, 14],
    0,
    'The window scale that the SYN proxy offers, a shift; 0 offers none.',
  ),
  timeout_close: timeout(3, 'after a RST'),
  timeout_closewait: timeout(CLOSING, 'in close-wait'),
  timeout_established: timeout(90, 'when it is established; the same as `tcp` of timeouts.set()', {
    caution: {
      'fullnat-v3':
        'Only the default of services that are added later: those that are there have an establishedTimeout.',
    },
  }),
  timeout_finwait: timeout(CLOSING, 'in fin-wait; the same as `tcpFin` of timeouts.set()'),
  timeout_lastack: timeout(CLOSING, 'in last-ack'),
  timeout_listen: timeout(120, 'in listen'),
  timeout_synack: timeout(30, 'after a SYN-ACK'),
  timeout_synrecv: timeout(30, 'half open'),
  timeout_synsent: timeout(3, 'before the answer to its SYN'),
  timeout_timewait: timeout(CLOSING, 'in time-wait'),
})
