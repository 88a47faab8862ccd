/** The few files of /proc and /sys that tell the dialects apart. */

import { access, readFile, readFileSync } from 'fs'
import type { CpuState, KernelFiles } from '../border/transport'

const SYSCTL = '/proc/sys/net/ipv4/vs'
const EXT_STATS = '/proc/net/ip_vs_ext_stats'
const RESERVE_CORE = `${SYSCTL}/reserve_core`
const ONLINE = '/sys/devices/system/cpu/online'

/** Row names of /proc/net/ip_vs_ext_stats (v2, v3 ip_vs_ctl.c:ip_vs_ext_stats_show); the first line is a caption. */
export function parseExtStatsRows(text: string): string[] {
  const rows: string[] = []
  for (const line of text.split('\n')) {
    const match = /^([a-z_]+)\s*:/.exec(line)
    if (match) rows.push(match[1] as string)
  }
  return rows
}

/** Number of CPUs in a list such as `0-3,8`. */
export function parseCpuList(text: string): number {
  let count = 0
  for (const part of text.trim().split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part)
    if (match) count += Number(match[2] ?? match[1]) - Number(match[1]) + 1
  }
  return count
}

function exists(path: string): Promise<boolean> {
  return new Promise((resolve) => access(path, (error) => resolve(error === null)))
}

function read(path: string): Promise<string | undefined> {
  return new Promise((resolve) => readFile(path, 'utf8', (error, text) => resolve(error ? undefined : text)))
}

export async function readKernelFiles(): Promise<KernelFiles> {
  const [connMaxNum, fullnatSysctl, extStats] = await Promise.all([
    exists(`${SYSCTL}/conn_max_num`),
    exists(`${SYSCTL}/fullnat_lport_min`),
    read(EXT_STATS),
  ])
  return {
    connMaxNum,
    fullnatSysctl,
    extStats: extStats === undefined ? undefined : parseExtStatsRows(extStats),
  }
}

/**
 * Synchronous, so that nothing can come between the look and the request; both files are generated in memory without
 * a lock of IPVS (kernel/sysctl.c:proc_dointvec_minmax).
 */
export function readCpuState(): CpuState | undefined {
  try {
    return {
      online: parseCpuList(readFileSync(ONLINE, 'utf8')),
      reserved: Number(readFileSync(RESERVE_CORE, 'utf8')),
    }
  } catch {
    return undefined
  }
}
