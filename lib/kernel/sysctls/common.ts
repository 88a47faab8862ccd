/** Sysctls that every kernel has: abi.md §8.1, Documentation/networking/ipvs-sysctl.rst. */

import { defence, EVERYWHERE, INT_MAX, SECONDS_MAX, sysctls, unchecked } from './facts'

const LATE_DEFENCE =
  'fullnat-v3 looks at it only when a defence mode is written with another value: modes 1 and 2 do not follow the memory.'

const expiration = (scheduler: string) =>
  unchecked(
    EVERYWHERE,
    [0, SECONDS_MAX],
    86400,
    `How long the scheduler ${scheduler} remembers the destination of an address that nobody asks for.`,
    // In ticks of 32 bits (proc_dointvec_jiffies): which number is too large depends on HZ, and FULLNAT kernels overflow.
    {
      unit: 'seconds',
      needs: { scheduler },
      above: { mainline: 'varies', 'fullnat-v2': 'taken', 'fullnat-v3': 'taken' },
    },
  )

export const COMMON_SYSCTLS = sysctls({
  am_droprate: unchecked(
    EVERYWHERE,
    [0, INT_MAX],
    10,
    'One packet of so many is dropped in mode 3 of drop_packet.',
    { unit: 'packets' },
  ),
  amemthresh: unchecked(
    EVERYWHERE,
    [0, INT_MAX],
    1024,
    'Below so much free memory the defences in mode 1 begin to work.',
    { unit: 'pages' },
  ),
  cache_bypass: unchecked(
    EVERYWHERE,
    [0, 1],
    0,
    '1: without a destination, a transparent cache cluster (a fwmark service) lets its clients through to where they wanted to go.',
    {
      caution: {
        'fullnat-v2':
          'Leave it at 0: such a connection has no destination, and ip_vs_hbind_laddr looks into it.',
        'fullnat-v3':
          'Leave it at 0: such a connection has no destination, and ip_vs_hbind_laddr looks into it.',
      },
    },
  ),
  debug_level: unchecked(EVERYWHERE, [0, 12], 0, 'How much IPVS writes to the kernel log.', {
    needs: { config: 'IP_VS_DEBUG' },
  }),
  drop_entry: defence(
    'Drops connections at random to get memory back: 0 never, 1 when memory is short (2 while it is), 3 always.',
    { noEffect: { 'fullnat-v3': 'fullnat-v3 has no code that drops connections any more' } },
  ),
  drop_packet: defence(
    'Drops packets of new connections at a rate: 0 never, 1 when memory is short (2 while it is), 3 always (am_droprate).',
    { caution: { 'fullnat-v3': LATE_DEFENCE } },
  ),
  expire_nodest_conn: unchecked(
    EVERYWHERE,
    [0, 1],
    0,
    '1: connections of a removed destination end at once; 0: their packets are dropped in silence until they time out.',
  ),
  expire_quiescent_template: unchecked(
    EVERYWHERE,
    [0, 1],
    0,
    '1: a persistent client leaves a destination of weight 0 with its next connection; 0: it stays as long as its template.',
  ),
  lblc_expiration: expiration('lblc'),
  lblcr_expiration: expiration('lblcr'),
  nat_icmp_send: unchecked(
    EVERYWHERE,
    [0, 1],
    0,
    '1: a destination whose packet belongs to no connection gets an ICMP port unreachable.',
    { noEffect: { 'fullnat-v3': 'the code of fullnat-v3 that sent the ICMP message was removed' } },
  ),
  secure_tcp: defence(
    'Takes a state table for TCP that stands more attacks: 0 never, 1 when memory is short (2 while it is), 3 always.',
    { caution: { 'fullnat-v3': LATE_DEFENCE } },
  ),
  sync_threshold: {
    type: 'pair',
    unit: 'packets',
    dialects: EVERYWHERE,
    min: 0,
    max: INT_MAX,
    below: { mainline: 'refused', 'fullnat-v2': 'restored', 'fullnat-v3': 'restored' },
    above: { mainline: 'refused', 'fullnat-v2': 'restored', 'fullnat-v3': 'restored' },
    default: [3, 50],
    meaning:
      'A sync daemon sends a connection at the first number of packets, and from then on again after each second number.',
    caution: {
      mainline: 'The first number is less than the second, unless the second is 0: then it is sent once.',
      'fullnat-v2': 'The first number is less than the second: the kernel divides by it.',
      'fullnat-v3': 'The first number is less than the second: the kernel divides by it.',
    },
  },
})
