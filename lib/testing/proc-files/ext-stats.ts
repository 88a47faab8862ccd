/** /proc/net/ip_vs_ext_stats (v2, v3 ip_vs_ctl.c:ip_vs_estats_show). */

import type { KernelState } from '../table/state'

export function extStatsText({ facts, counters }: KernelState): string {
  const caption = ' '.repeat(34) + counters.extended.map((_, cpu) => `CPU${cpu}${' '.repeat(7)}`).join('')
  const rows = (facts.extStats ?? []).map((name) => {
    const counts = counters.extended.map((counted) => `${String(counted.get(name) ?? 0).padStart(10)} `)
    return `${name.padEnd(25)}:${counts.join('')}`
  })
  return `${[caption, ...rows].join('\n')}\n`
}
