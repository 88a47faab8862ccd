/** /proc/net/ip_vs_ext_stats of FULLNAT kernels. */

/** Row names of /proc/net/ip_vs_ext_stats (v2, v3 ip_vs_ctl.c:ip_vs_ext_stats_show); the first line is a caption. */
export function parseExtStatsRows(text: string): string[] {
  const rows: string[] = []
  for (const line of text.split('\n')) {
    const match = /^([a-z_]+)\s*:/.exec(line)
    if (match) rows.push(match[1] as string)
  }
  return rows
}
