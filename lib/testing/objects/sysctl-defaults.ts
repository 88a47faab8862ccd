/** What the sysctls of a fake kernel are when ip_vs is loaded. */

import { SYSCTLS, type SysctlName, sysctlNames } from '../../kernel/sysctls'
import { onDialect } from '../../kernel/sysctls/facts'
import type { SysctlValue } from '../../model/sysctls'
import type { CheckedOptions } from './options'

/** Those that other state of the kernel has: `KernelState.timeouts`, `KernelState.reserveCore`. */
export const ELSEWHERE: readonly string[] = ['timeout_established', 'timeout_finwait', 'reserve_core']

/** A kernel that is built without IP_VS_DEBUG, with IP_VS_NFCT. */
export const shownNames = (dialect: CheckedOptions['dialect']): SysctlName[] =>
  sysctlNames(dialect).filter((name) => name !== 'debug_level')

/** Of a machine whose memory sets no limit. */
function computed(name: SysctlName, { cpus }: CheckedOptions): SysctlValue {
  switch (name) {
    case 'est_cpulist':
      return cpus === 1 ? '0' : `0-${cpus - 1}`
    // ip_vs_conn.c:ip_vs_conn_max_init of fullnat-v3: four for each bucket of each CPU.
    case 'conn_max_num':
      return 4 * 1048576 * cpus
    // IP_VS_CONN_MAX
    case 'conn_max':
      return 1073741824
    // sync_qlen_max: a share of the buffers, of 1 GB here (ip_vs_ctl.c:ip_vs_control_net_init_sysctl).
    default:
      return 7168
  }
}

export function initialSysctls(options: CheckedOptions): Map<string, SysctlValue> {
  const values = new Map<string, SysctlValue>()
  for (const name of shownNames(options.dialect)) {
    if (ELSEWHERE.includes(name)) continue
    const initial = onDialect<number | string | readonly [number, number]>(
      SYSCTLS[name].default,
      options.dialect,
    )
    values.set(name, initial === undefined || initial === 'computed' ? computed(name, options) : initial)
  }
  const { min, max, tries } = options.localPorts
  if (options.dialect === 'mainline') return values
  return values.set('fullnat_lport_min', min).set('fullnat_lport_max', max).set('fullnat_lport_tries', tries)
}
