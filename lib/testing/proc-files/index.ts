/** The files of a fake kernel. */

import type { KernelFiles } from '../../border/transport'
import { ERRNO } from '../../kernel/errno'
import { fileError, PROC_NET, PROC_SYSCTL } from '../../kernel/file-error'
import type { KernelState } from '../table/state'
import { openFile } from './files'
import { listSysctls, readSysctl, writeSysctl } from './sysctls'

/** `foreignNamespace`: FULLNAT kernels have their files in the initial network namespace only. */
export function fakeFiles(kernel: KernelState, foreignNamespace: boolean): KernelFiles {
  const see = (path: string): void => {
    if (foreignNamespace && kernel.facts.fullnat) throw fileError(ERRNO.ENOENT, 'open', path)
  }
  return {
    open: async (name) => {
      see(`${PROC_NET}/${name}`)
      return openFile(kernel, name)
    },
    listSysctls: async () => {
      see(PROC_SYSCTL)
      return listSysctls(kernel)
    },
    readSysctl: async (name) => {
      see(`${PROC_SYSCTL}/${name}`)
      return readSysctl(kernel, name)
    },
    writeSysctl: async (name, text) => {
      see(`${PROC_SYSCTL}/${name}`)
      writeSysctl(kernel, name, text)
    },
  }
}
