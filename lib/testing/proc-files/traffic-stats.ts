/** /proc/net/ip_vs_stats and ip_vs_stats_percpu. */

import type { Counters } from '../objects/counters'
import { ratesOf } from '../objects/estimator'
import type { KernelState } from '../table/state'

const FULLNAT_CAPTION =
  '\t          Total             Incoming             Outgoing             Incoming             Outgoing\n\t          Conns\t             Packets\t\t  Packets                Bytes                Bytes\n'

const fieldsOf = (counters: Counters): readonly bigint[] => [
  counters.connections,
  counters.inPackets,
  counters.outPackets,
  counters.inBytes,
  counters.outBytes,
]

/** `%17Ld`, signed (v2, v3 ip_vs_ctl.c:ip_vs_stats_show). */
function fullnatRow(counters: Counters, cpu: number): string {
  const fields = fieldsOf(counters).map((count) => String(BigInt.asIntN(64, count)).padStart(17))
  return `CPU${String(cpu).padStart(2)}:${fields.join('    ')}\n`
}

/** `%8LX %8LX %8LX %16LX %16LX` */
function mainlineRow(counters: Counters): string {
  return fieldsOf(counters)
    .map((count, i) =>
      BigInt.asUintN(64, count)
        .toString(16)
        .toUpperCase()
        .padStart(i < 3 ? 8 : 16),
    )
    .join(' ')
}

const CAPTION = '   Total Incoming Outgoing         Incoming         Outgoing\n'
const UNITS = '   Conns  Packets  Packets            Bytes            Bytes\n'
const RATE_UNITS = ' Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n'

export function trafficStatsText({ facts, counters }: KernelState): string {
  if (facts.fullnat) return FULLNAT_CAPTION + counters.traffic.map(fullnatRow).join('')
  const total = mainlineRow(counters.total)
  const rates = mainlineRow(ratesOf(counters.estimator))
  return `${CAPTION}${UNITS}${total}\n\n${RATE_UNITS}${rates}\n`
}

/** Mainline ip_vs_ctl.c:ip_vs_stats_percpu_show. */
export function cpuStatsText({ counters }: KernelState): string {
  const rows = counters.traffic.map((one, cpu) => {
    const number = cpu.toString(16).toUpperCase().padStart(3)
    return `${number} ${mainlineRow(one)}\n`
  })
  const total = mainlineRow(counters.total)
  const rates = mainlineRow(ratesOf(counters.estimator))
  return `    ${CAPTION}CPU ${UNITS}${rows.join('')}  ~ ${total}\n\n    ${RATE_UNITS}    ${rates}\n`
}
