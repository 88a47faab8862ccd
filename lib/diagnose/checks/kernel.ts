/** What is known of the kernel itself. */

import { isFullnat } from '../../kernel/capabilities'
import type { DiagnoseClient } from '../client'
import type { Report } from '../facts'

export function checkKernel({ capabilities, evidence }: DiagnoseClient, report: Report): void {
  const { dialect, transport } = capabilities
  const { reason, connMaxNum, fullnatSysctl, extendedStats } = evidence
  const signs = { reason, connMaxNum, fullnatSysctl, extendedStats: extendedStats !== undefined }
  if (dialect === 'unknown') {
    report({
      code: 'dialect-unknown',
      explanation: `This kernel is none of the known ones (${reason}): nothing is written to it.`,
      remedy: 'Report `ipvs.evidence`. `Ipvs.open({ force: true })` writes all the same, at your own risk.',
      evidence: signs,
    })
  }
  if (isFullnat(dialect) && !fullnatSysctl && extendedStats === undefined) {
    report({
      code: 'dialect-guessed',
      explanation:
        'This kernel has local addresses, and /proc hides which of the two FULLNAT kernels it is: it is treated as fullnat-v3, whose rules are the stricter ones.',
      remedy:
        'Show the process /proc/net and /proc/sys/net: see `ls /proc/sys/net/ipv4/vs`; containers need `--privileged`.',
      evidence: signs,
    })
  }
  if (transport === 'sockopt') {
    report({
      code: 'sockopt-only',
      explanation:
        'IPVS is spoken to by socket options, which know no IPv6: services and destinations of IPv6 are invisible, and were not looked at.',
      remedy:
        "Open with netlink, `Ipvs.open({ transport: 'netlink' })`, or see why there is no netlink family: `genl ctrl list`.",
      evidence: { transport },
    })
  }
}
