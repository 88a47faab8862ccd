/** /proc/net/ip_vs_ext_stats (v2, v3 ip_vs_ctl.c:ip_vs_ext_stats_show). */

import type { KernelState } from '../table/state'

export function extStatsText({ facts, options }: KernelState): string {
  const cpus = Array.from({ length: options.cpus }, (_, cpu) => cpu)
  const caption = ' '.repeat(34) + cpus.map((cpu) => `CPU${cpu}${' '.repeat(7)}`).join('')
  const rows = (facts.extStats ?? []).map(
    (name) => `${name.padEnd(25)}:${cpus.map(() => `${'0'.padStart(10)} `).join('')}`,
  )
  return `${[caption, ...rows].join('\n')}\n`
}
