/** The text files and sysctls of IPVS, and the CPUs of this machine. */

import { readFile, readFileSync, writeFile } from 'fs'
import { promisify } from 'util'
import type { CpuState, KernelFile, KernelFiles } from '../border/transport'
import { fileError, PROC_NET, PROC_SYSCTL } from '../kernel/file-error'
import { parseCpuList } from '../procfs/cpu-list'
import type { NativeConnection } from './addon'

const RESERVE_CORE = `${PROC_SYSCTL}/reserve_core`
const ONLINE = '/sys/devices/system/cpu/online'

const readAll = promisify(readFile)
const writeAll = promisify(writeFile)

/** Owns the descriptor `fd`. */
class OpenFile implements KernelFile {
  private reading = false
  private closed = false

  constructor(
    private readonly connection: NativeConnection,
    private readonly fd: number,
    private readonly path: string,
  ) {}

  read(into: Uint8Array): Promise<number> {
    this.reading = true
    return new Promise((resolve, reject) => {
      this.connection.readFile(this.fd, into, (count) => {
        this.reading = false
        // Whoever closed it meanwhile hears nothing of it; the number may be another file's from now on.
        if (this.closed) this.connection.closeFile(this.fd)
        if (count < 0) reject(fileError(-count, 'read', this.path))
        else resolve(count)
      })
    })
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    if (!this.reading) this.connection.closeFile(this.fd)
  }
}

/**
 * `entered`: the sockets are in another namespace than the caller. /proc/net is that of the thread that goes there
 * (fs/proc/proc_net.c:get_proc_task_net), and its own folder is there since Linux 3.17.
 */
export function kernelFiles(connection: NativeConnection, entered: boolean): KernelFiles {
  const openFile = (path: string, forWriting = false): number => {
    const fd = connection.openFile(path, forWriting)
    if (fd < 0) throw fileError(-fd, 'open', path)
    return fd
  }
  const folder = entered ? '/proc/thread-self/net' : PROC_NET
  // Sysctls are those of the thread that opens them (net/sysctl_net.c:net_ctl_header_lookup), so the addon opens them, too.
  const withSysctl = async <T>(
    name: string,
    mode: 'read' | 'write',
    use: (fd: number) => Promise<T>,
  ): Promise<T> => {
    const fd = openFile(`${PROC_SYSCTL}/${name}`, mode === 'write')
    try {
      return await use(fd)
    } finally {
      connection.closeFile(fd)
    }
  }
  return {
    open: async (name) => {
      const path = `${folder}/${name}`
      return new OpenFile(connection, openFile(path), path)
    },
    listSysctls: async () => {
      const names = connection.listFolder(PROC_SYSCTL)
      if (typeof names === 'number') throw fileError(-names, 'open', PROC_SYSCTL)
      return names
    },
    readSysctl: (name) => withSysctl(name, 'read', (fd) => readAll(fd, 'utf8')),
    writeSysctl: (name, text) => withSysctl(name, 'write', (fd) => writeAll(fd, text)),
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
