/** Sysctls of mainline alone: abi.md §8.3, Documentation/networking/ipvs-sysctl.rst. */

import { checked, INT_MAX, MAINLINE, SECONDS_MAX, sysctls, unchecked } from './facts'

const flag = (initial: 0 | 1, meaning: string) => unchecked(MAINLINE, [0, 1], initial, meaning)

const loadFactor = (initial: number, table: string, entries: string) =>
  checked(
    MAINLINE,
    [-8, 8],
    initial,
    `Size of the ${table} table: it has 2^n ${entries} in a bucket, so -4 makes 16 buckets for each of them.`,
    { newerThan: '6.12' },
  )

export const MAINLINE_SYSCTLS = sysctls({
  backup_only: flag(
    0,
    '1: a backup of the sync daemon forwards nothing, which avoids loops of packets with tunnel and direct-route.',
  ),
  conn_lfactor: loadFactor(-4, 'connection', 'connections'),
  conn_max: checked(
    MAINLINE,
    [0, 1073741824],
    'computed',
    'The most connections of this network namespace.',
    {
      unit: 'connections',
      newerThan: '6.12',
      caution:
        'A namespace starts with the limit of the initial one, and only who is privileged there can raise it beyond its hard limit.',
    },
  ),
  conn_reuse_mode: unchecked(
    MAINLINE,
    [0, 3],
    1,
    'What happens when a client uses the port of a closing connection again: 0 it goes to the old destination, bit 0 it is scheduled anew where that is safe, bit 1 also in fin-wait.',
    { caution: 'With 0 and expire_nodest_conn, new connections can go to a destination of weight 0.' },
  ),
  conntrack: {
    ...flag(
      0,
      '1: connections of IPVS have entries of the connection tracking, for stateful firewall rules.',
    ),
    needs: { config: 'IP_VS_NFCT' },
  },
  est_cpulist: {
    type: 'cpu-list',
    dialects: MAINLINE,
    min: 0,
    max: INT_MAX,
    below: 'refused',
    above: 'refused',
    default: 'computed',
    meaning: 'The CPUs on which the threads run that estimate rates.',
    newerThan: '6.1',
  },
  est_nice: checked(MAINLINE, [-20, 19], 0, 'The nice value of the threads that estimate rates.', {
    newerThan: '6.1',
  }),
  ignore_tunneled: flag(0, '1: packets that came out of a tunnel are left alone, so that they make no loop.'),
  pmtu_disc: flag(1, '1: packets in tunnels say "do not fragment", and clients learn the path MTU.'),
  run_estimation: {
    ...flag(1, '0: rates are not estimated any more, and stay what they are.'),
    newerThan: '5.10',
  },
  schedule_icmp: flag(
    0,
    '1: ICMP errors about connections that are not known are scheduled like their packets.',
  ),
  sloppy_sctp: flag(0, '1: an SCTP connection is made of any packet, not only of an INIT.'),
  sloppy_tcp: flag(0, '1: a TCP connection is made of any packet, not only of a SYN.'),
  snat_reroute: flag(1, '1: answers are routed anew with the virtual address as their source.'),
  svc_lfactor: loadFactor(-3, 'service', 'services'),
  sync_persist_mode: flag(
    0,
    '1: of persistent services only the templates are synchronised, which saves messages.',
  ),
  sync_ports: checked(
    MAINLINE,
    [1, 64],
    1,
    'How many threads and ports a sync daemon has that is started from now on.',
    { unit: 'ports', powerOfTwo: true, caution: 'Master and backup must have the same.' },
  ),
  sync_qlen_max: unchecked(
    MAINLINE,
    [0, INT_MAX],
    'computed',
    'The most messages that wait to be sent to the backup; what is more is lost.',
    // An unsigned long; 5.10 takes a negative number without a complaint and ignores it.
    { unit: 'messages', below: 'varies', above: 'taken' },
  ),
  sync_refresh_period: unchecked(
    MAINLINE,
    [0, SECONDS_MAX],
    0,
    'A connection is synchronised again when its timeout differs by so much; 0 leaves it to sync_threshold.',
    { unit: 'seconds', above: 'varies' },
  ),
  sync_retries: checked(
    MAINLINE,
    [0, 3],
    0,
    'A message is sent so many times more, at intervals of an eighth of sync_refresh_period.',
    { unit: 'messages' },
  ),
  sync_sock_size: unchecked(
    MAINLINE,
    [0, INT_MAX],
    0,
    'Size of the socket buffers of a sync daemon that is started from now on; 0 is the default of the system.',
    { unit: 'bytes' },
  ),
  sync_version: checked(
    MAINLINE,
    [0, 1],
    1,
    'Version of the sync messages; 0 is for backups older than Linux 2.6.39.',
  ),
})
