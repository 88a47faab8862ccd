/** What the doctor asks of a client; `Ipvs` satisfies it, and so does a double. It changes nothing. */

import type { Capabilities } from '../kernel/capabilities'
import type { DialectEvidence } from '../kernel/detect'
import type { CallOptions } from '../model/call-types'
import type { MachineInfo } from '../model/machine'
import type { ExtendedStatistics } from '../model/observed'
import type { SysctlInfo } from '../model/sysctls'
import type { DaemonInfo, Snapshot } from '../model/types'

/** What `diagnose` asks of a client; `Ipvs` satisfies it. */
export interface DiagnoseClient {
  readonly capabilities: Capabilities
  readonly evidence: DialectEvidence
  snapshot(options?: CallOptions): Promise<Snapshot>
  machine(options?: CallOptions): Promise<MachineInfo>
  extendedStats(options?: CallOptions): Promise<ExtendedStatistics>
  readonly daemons: { list(options?: CallOptions): Promise<DaemonInfo[]> }
  readonly sysctl: { list(options?: CallOptions): Promise<SysctlInfo[]> }
}
