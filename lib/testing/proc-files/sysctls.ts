/** /proc/sys/net/ipv4/vs. */

import type { Errno } from '../../kernel/errno'
import { ERRNO } from '../../kernel/errno'
import { fileError, PROC_SYSCTL } from '../../kernel/file-error'
import { sysctlFacts } from '../../kernel/sysctls'
import type { SysctlFacts } from '../../kernel/sysctls/facts'
import type { SysctlValue } from '../../model/sysctls'
import { shownNames } from '../objects/sysctl-defaults'
import type { KernelState } from '../table/state'
import { writtenValue } from './sysctl-writes'

/** A sysctl whose number is other state of the kernel. */
interface View {
  get(kernel: KernelState): number
  set(kernel: KernelState, value: number): void
}

/** ip_vs_proto_tcp.c: tcp_timeouts, the array that SET TIMEOUT writes, too. */
const timeoutView = (name: 'tcp' | 'tcpFin'): View => ({
  get: ({ timeouts }) => timeouts[name],
  set: (kernel, seconds) => {
    kernel.timeouts = { ...kernel.timeouts, [name]: seconds }
  },
})

const VIEWS: { readonly [name: string]: View | undefined } = {
  timeout_established: timeoutView('tcp'),
  timeout_finwait: timeoutView('tcpFin'),
  reserve_core: {
    get: ({ reserveCore }) => reserveCore,
    set: (kernel, cpus) => {
      kernel.reserveCore = cpus
    },
  },
}

const failure = (errno: Errno, syscall: string, name: string) =>
  fileError(errno, syscall, `${PROC_SYSCTL}/${name}`)

export function listSysctls({ options, loaded, procSys }: KernelState): string[] {
  if (!loaded || procSys === 'missing') throw fileError(ERRNO.ENOENT, 'open', PROC_SYSCTL)
  return shownNames(options.dialect)
}

function find(kernel: KernelState, name: string): SysctlFacts {
  const { loaded, procSys, options } = kernel
  const facts = sysctlFacts(name)
  const shown = loaded && procSys !== 'missing' && (shownNames(options.dialect) as string[]).includes(name)
  if (!facts || !shown) throw failure(ERRNO.ENOENT, 'open', name)
  return facts
}

const presentValue = (kernel: KernelState, name: string): SysctlValue =>
  VIEWS[name]?.get(kernel) ?? (kernel.sysctls.get(name) as SysctlValue)

export function readSysctl(kernel: KernelState, name: string): string {
  find(kernel, name)
  const value = presentValue(kernel, name)
  return `${typeof value === 'object' ? value.join('\t') : value}\n`
}

/** Mode 0644 (net/sysctl_net.c:net_ctl_permissions): who is no root needs CAP_NET_ADMIN. */
export function writeSysctl(kernel: KernelState, name: string, text: string): void {
  const facts = find(kernel, name)
  if (!kernel.permitted) throw failure(ERRNO.EACCES, 'open', name)
  if (kernel.procSys === 'read-only') throw failure(ERRNO.EROFS, 'open', name)
  const { options, facts: dialect } = kernel
  const written = writtenValue(facts, text, presentValue(kernel, name), { ...dialect, cpus: options.cpus })
  if ('errno' in written) throw failure(written.errno, 'write', name)
  const view = VIEWS[name]
  if (view) view.set(kernel, written.value as number)
  else kernel.sysctls.set(name, written.value)
}
