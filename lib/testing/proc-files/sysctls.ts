/** /proc/sys/net/ipv4/vs. */

import { ERRNO } from '../../kernel/errno'
import { fileError, PROC_SYSCTL } from '../../kernel/file-error'
import type { KernelState } from '../table/state'

export function listSysctls({ facts, loaded }: KernelState): string[] {
  if (!loaded) throw fileError(ERRNO.ENOENT, 'open', PROC_SYSCTL)
  if (!facts.fullnat) return []
  return facts.perCpu ? ['fullnat_lport_min', 'conn_max_num'] : ['fullnat_lport_min']
}

function find(kernel: KernelState, name: string): void {
  if (!listSysctls(kernel).includes(name)) throw fileError(ERRNO.ENOENT, 'open', `${PROC_SYSCTL}/${name}`)
}

export function readSysctl(kernel: KernelState, name: string): string {
  find(kernel, name)
  return '0\n'
}

export function writeSysctl(kernel: KernelState, name: string, _text: string): void {
  find(kernel, name)
}
