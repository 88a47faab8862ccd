/** The few files of /proc and /sys that tell the dialects apart. */

import { access, readFile, readFileSync } from 'fs'
import type { CpuState, KernelFiles } from '../border/transport'
import { parseCpuList } from '../procfs/cpu-list'
import { parseExtStatsRows } from '../procfs/ext-stats'

const SYSCTL = '/proc/sys/net/ipv4/vs'
const EXT_STATS = '/proc/net/ip_vs_ext_stats'
const RESERVE_CORE = `${SYSCTL}/reserve_core`
const ONLINE = '/sys/devices/system/cpu/online'

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
