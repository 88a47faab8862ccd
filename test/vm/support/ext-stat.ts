/** The kernel's own count, read by other code than that under test. */

import { readFileSync } from 'node:fs'

/** A row of /proc/net/ip_vs_ext_stats, summed over the CPUs. */
export function extStat(row: string): number {
  const text = readFileSync('/proc/net/ip_vs_ext_stats', 'utf8')
  const values = new RegExp(`^${row}\\s*:(.*)$`, 'm').exec(text)?.[1]
  if (values === undefined) throw new Error(`no row ${row}`)
  return values
    .trim()
    .split(/\s+/)
    .reduce((sum, value) => sum + Number(value), 0)
}
