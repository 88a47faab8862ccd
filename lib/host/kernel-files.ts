/** The text files and sysctls of IPVS, and the CPUs of this machine. */

import { readFileSync } from 'fs'
import type { CpuState, KernelFiles } from '../border/transport'
import { fileError, PROC_NET, PROC_SYSCTL } from '../kernel/file-error'
import { parseCpuList } from '../procfs/cpu-list'
import type { NativeConnection } from './addon'
import { NativeFile, readText } from './native-file'

const RESERVE_CORE = `${PROC_SYSCTL}/reserve_core`
const ONLINE = '/sys/devices/system/cpu/online'

/**
 * `entered`: the sockets are in another namespace than the caller. /proc/net is that of the thread that goes there
 * (fs/proc/proc_net.c:get_proc_task_net), and its own folder is there since Linux 3.17.
 */
export function kernelFiles(connection: NativeConnection, entered: boolean): KernelFiles {
  const folder = entered ? '/proc/thread-self/net' : PROC_NET
  // Sysctls, too, are those of the thread that opens them (net/sysctl_net.c:net_ctl_header_lookup).
  const sysctlPath = (name: string) => `${PROC_SYSCTL}/${name}`
  return {
    open: async (name) => new NativeFile(connection, `${folder}/${name}`),
    listSysctls: async () => {
      const names = connection.listFolder(PROC_SYSCTL)
      if (typeof names === 'number') throw fileError(-names, 'open', PROC_SYSCTL)
      return names
    },
    readSysctl: (name) => readText(connection, sysctlPath(name)),
    writeSysctl: async (name, text) => {
      const file = new NativeFile(connection, sysctlPath(name), 'write')
      try {
        await file.write(text)
      } finally {
        file.close()
      }
    },
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
