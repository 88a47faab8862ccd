/** What differs between the three kernels, as numbers and lists. */

import { extendedCounterNames } from '../../kernel/extended-counters'
import type { KnownExtendedCounter } from '../../model/extended-counter-names'
import type { FakeDialect } from './options'

export interface DialectFacts {
  readonly dialect: FakeDialect
  readonly fullnat: boolean
  /** A copy of every service, destination and scheduler for each CPU (fullnat-v3). */
  readonly perCpu: boolean
  /** log2 of the buckets of the service table (ip_vs_ctl.c: IP_VS_SVC_TAB_BITS). */
  readonly tableBits: number
  /** The hash of an address service folds its port in (mainline ip_vs_ctl.c:ip_vs_svc_hashkey). */
  readonly hashesPort: boolean
  readonly schedulers: readonly string[]
  /** Seconds (transcripts/basic-v2.txt, basic-v3.txt; mainline ip_vs_proto_tcp.c:tcp_timeouts). */
  readonly timeouts: { readonly tcp: number; readonly tcpFin: number; readonly udp: number }
  /** Seconds of the TCP states that have no setting over IPVS; undefined where sysctls have them. */
  readonly tcpStates:
    | { readonly synReceived: number; readonly timeWait: number; readonly close: number }
    | undefined
  readonly connectionTableSize: number
  /** Bit n: the generic netlink family has command n (abi.md §2.1). */
  readonly commands: bigint
  readonly maxAttribute: number
  /** Ticks of a second: the seconds of a service are kept as ticks in 32 bits (abi.md §0.4, §7.2). */
  readonly hz: number
  /** Records of one datagram of a dump (abi.md §2.10); an approximation for mainline. */
  readonly chunk: {
    readonly services: number
    readonly destinations: number
    readonly localAddresses: number
  }
  /** SET_CONFIG refuses what overflows (mainline ip_vs_ctl.c:ip_vs_set_timeout). */
  readonly checksTimeouts: boolean
  /** Rows of /proc/net/ip_vs_ext_stats. */
  readonly extStats: readonly KnownExtendedCounter[] | undefined
}

/** IP_VS_VERSION_CODE, 1.2.1 on all three. */
export const VERSION = 0x010201

const commandsOf = (...ranges: readonly (readonly [number, number])[]): bigint => {
  let bits = BigInt(0)
  for (const [first, last] of ranges) {
    for (let command = first; command <= last; command++) bits |= BigInt(1) << BigInt(command)
  }
  return bits
}

const FULLNAT_COMMANDS = commandsOf([1, 13], [15, 20])
const COMMON_SCHEDULERS = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'sed', 'nq']

const MAINLINE: DialectFacts = {
  dialect: 'mainline',
  fullnat: false,
  perCpu: false,
  tableBits: 8,
  hashesPort: true,
  schedulers: [...COMMON_SCHEDULERS, 'fo', 'ovf', 'mh', 'twos', 'none'],
  timeouts: { tcp: 900, tcpFin: 120, udp: 300 },
  tcpStates: { synReceived: 60, timeWait: 120, close: 10 },
  connectionTableSize: 4096,
  commands: commandsOf([1, 13], [15, 17]),
  maxAttribute: 6,
  hz: 250,
  chunk: { services: 40, destinations: 40, localAddresses: 40 },
  checksTimeouts: true,
  extStats: undefined,
}

const FULLNAT_V2: DialectFacts = {
  dialect: 'fullnat-v2',
  fullnat: true,
  perCpu: false,
  tableBits: 8,
  hashesPort: false,
  schedulers: COMMON_SCHEDULERS,
  timeouts: { tcp: 90, tcpFin: 3, udp: 300 },
  tcpStates: undefined,
  connectionTableSize: 1048576,
  commands: FULLNAT_COMMANDS,
  maxAttribute: 20,
  hz: 1000,
  chunk: { services: 18, destinations: 17, localAddresses: 58 },
  checksTimeouts: false,
  extStats: extendedCounterNames('fullnat-v2'),
}

const FULLNAT_V3: DialectFacts = {
  dialect: 'fullnat-v3',
  fullnat: true,
  perCpu: true,
  tableBits: 12,
  hashesPort: false,
  schedulers: COMMON_SCHEDULERS,
  timeouts: { tcp: 90, tcpFin: 7, udp: 300 },
  tcpStates: undefined,
  connectionTableSize: 1048576,
  commands: FULLNAT_COMMANDS,
  maxAttribute: 20,
  hz: 1000,
  chunk: { services: 17, destinations: 17, localAddresses: 58 },
  checksTimeouts: false,
  extStats: extendedCounterNames('fullnat-v3'),
}

export const FACTS: Readonly<Record<FakeDialect, DialectFacts>> = {
  mainline: MAINLINE,
  'fullnat-v2': FULLNAT_V2,
  'fullnat-v3': FULLNAT_V3,
}
