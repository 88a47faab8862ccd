/** /proc/net/ip_vs_stats and ip_vs_stats_percpu: the layout is told by the caption, never by the version. */

import type { CpuTraffic, TrafficStatistics, TrafficTotals } from '../model/observed'
import type { TextSource } from './lines'
import { Lines } from './lines'

/** FULLNAT kernels begin theirs with a tab. */
const FULLNAT_CAPTION = /^\t *Total +Incoming +Outgoing +Incoming +Outgoing$/
const FULLNAT_UNITS = /^\t *Conns\t *Packets\t\t *Packets +Bytes +Bytes$/
/** Decimal and signed, since `%Ld` prints them (v2, v3 ip_vs_ctl.c:ip_vs_stats_show). */
const SIGNED = ' *(0|-?[1-9]\\d{0,18})'
const FULLNAT_ROW = new RegExp(
  `^CPU *(0|[1-9]\\d{0,3}):${[SIGNED, SIGNED, SIGNED, SIGNED, SIGNED].join(' {4}')}$`,
)

const CAPTION = /^ *Total Incoming Outgoing +Incoming +Outgoing$/
const UNITS = /^ *Conns +Packets +Packets +Bytes +Bytes$/
const RATE_UNITS = /^ *Conns\/s +Pkts\/s +Pkts\/s +Bytes\/s +Bytes\/s$/
/** Mainline's are hexadecimal: `%8LX`, and `%8X` up to 4.0 (ip_vs_ctl.c:ip_vs_stats_show). */
const COUNT = ' *(0|[1-9A-F][0-9A-F]{0,15})'
const COUNTS = [COUNT, COUNT, COUNT, COUNT, COUNT].join(' ')
const ROW = new RegExp(`^${COUNTS}$`)
const CPU_UNITS = /^CPU +Conns +Packets +Packets +Bytes +Bytes$/
const CPU_ROW = new RegExp(`^ *(0|[1-9A-F][0-9A-F]{0,3}) ${COUNTS}$`)
const SUM_ROW = new RegExp(`^ *~ ${COUNTS}$`)

const hexadecimal = (text: string): bigint => BigInt(`0x${text}`)

/** Five counts of a match, from the group `first` on. */
function totalsOf(match: RegExpExecArray, first: number, read: (text: string) => bigint): TrafficTotals {
  const count = (i: number) => read(match[first + i] as string)
  return {
    connections: count(0),
    inPackets: count(1),
    outPackets: count(2),
    inBytes: count(3),
    outBytes: count(4),
  }
}

/** Each CPU once, in the order of their numbers: for_each_online_cpu and for_each_possible_cpu go that way. */
function pushCpu(cpus: CpuTraffic[], lines: Lines, cpu: number, totals: TrafficTotals): void {
  const last = cpus[cpus.length - 1]
  if (last && cpu <= last.cpu) lines.refuse()
  cpus.push({ cpu, ...totals })
}

function sumOf(cpus: readonly CpuTraffic[]): TrafficTotals {
  const sum = (of: (one: CpuTraffic) => bigint) =>
    BigInt.asUintN(
      64,
      cpus.reduce((total, one) => total + of(one), BigInt(0)),
    )
  return {
    connections: sum((one) => one.connections),
    inPackets: sum((one) => one.inPackets),
    outPackets: sum((one) => one.outPackets),
    inBytes: sum((one) => one.inBytes),
    outBytes: sum((one) => one.outBytes),
  }
}

function fullnatStatistics(lines: Lines): TrafficStatistics {
  lines.match(FULLNAT_UNITS)
  const cpus: CpuTraffic[] = []
  do {
    const row = lines.match(FULLNAT_ROW)
    const unsigned = (digits: string) => {
      const count = BigInt(digits)
      if (BigInt.asIntN(64, count) !== count) lines.refuse()
      return BigInt.asUintN(64, count)
    }
    pushCpu(cpus, lines, Number(row[1]), totalsOf(row, 2, unsigned))
  } while (!lines.ended)
  lines.end()
  return { total: sumOf(cpus), cpus, rates: undefined }
}

/**
 * /proc/net/ip_vs_stats. FULLNAT kernels: a row for each CPU that is online, no total and no rates; mainline: total and
 * rates, no CPUs (ip_vs_ctl.c:ip_vs_stats_show of each).
 */
export function parseTrafficStatistics(text: string, source: TextSource): TrafficStatistics {
  const lines = new Lines(text, source)
  if (lines.take(FULLNAT_CAPTION)) return fullnatStatistics(lines)
  lines.match(CAPTION)
  lines.match(UNITS)
  const total = totalsOf(lines.match(ROW), 1, hexadecimal)
  lines.match(/^$/)
  lines.match(RATE_UNITS)
  const rates = totalsOf(lines.match(ROW), 1, hexadecimal)
  lines.end()
  return { total, cpus: [], rates }
}

/**
 * /proc/net/ip_vs_stats_percpu (mainline since 2.6.39, ip_vs_ctl.c:ip_vs_stats_percpu_show): a row for each CPU that is
 * possible, its number hexadecimal as well, then total and rates. The CPUs are never set to zero; up to Linux 4.0 the total
 * of this file is not, either.
 */
export function parseCpuStatistics(text: string, source: TextSource): TrafficStatistics {
  const lines = new Lines(text, source)
  lines.match(CAPTION)
  lines.match(CPU_UNITS)
  const cpus: CpuTraffic[] = []
  for (;;) {
    const row = lines.take(CPU_ROW)
    if (!row) break
    pushCpu(cpus, lines, Number.parseInt(row[1] as string, 16), totalsOf(row, 2, hexadecimal))
  }
  const total = totalsOf(lines.match(SUM_ROW), 1, hexadecimal)
  lines.match(/^$/)
  lines.match(RATE_UNITS)
  const rates = totalsOf(lines.match(ROW), 1, hexadecimal)
  lines.end()
  return { total, cpus, rates }
}
