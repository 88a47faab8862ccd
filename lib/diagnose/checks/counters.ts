/** Counters of FULLNAT kernels that grow while nobody looks. */

import type { KnownExtendedCounter } from '../../model/extended-counter-names'
import type { Facts, Report } from '../facts'

/**
 * Those that mean that somebody's packets are lost, or the client's address. Left out are what a public address sees every second
 * (port scans: defence_tcp_drop, defence_udp_drop, synproxy_bad_ack) and what costs speed alone.
 */
const HARMFUL: readonly KnownExtendedCounter[] = [
  'fullnat_add_toa_fail_len',
  'fullnat_add_toa_head_full',
  'fullnat_add_toa_fail_mem',
  'fullnat_add_toa_fail_proto',
  'synproxy_rs_error',
  'synproxy_synsend_qlen',
  'lro_reject',
  'xmit_unexpected_mtu',
  'conn_sched_unreach',
  'synproxy_no_dest',
  'conn_exceeded',
]

export function checkCounters({ growth }: Facts, report: Report): void {
  const { before, after } = growth?.counters ?? {}
  for (const name of HARMFUL) {
    const [then, now] = [before?.get(name), after?.get(name)]
    if (!then || !now) continue
    const grown = BigInt.asUintN(64, now.total - then.total)
    if (grown === BigInt(0)) continue
    report({
      code: 'counter-growing',
      subject: { counter: name },
      explanation: `${name} grows: ${now.meaning}.`,
      remedy: `${now.advice} See it with \`ipvs.extendedStats()\`.`,
      evidence: { grown: String(grown), within: growth?.milliseconds ?? 0, total: String(now.total) },
    })
  }
}
