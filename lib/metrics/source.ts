/** What metrics are made from. */

import type { ClientActivity } from '../model/activity'
import type { CallOptions, Dialect } from '../model/call-types'
import type { ExtendedStatistics, TrafficStatistics } from '../model/observed'
import type { Info, Snapshot } from '../model/types'

/** An `Ipvs` is one. */
export interface MetricsSource {
  readonly dialect: Dialect
  snapshot(options?: CallOptions): Promise<Snapshot>
  info(options?: CallOptions): Promise<Info>
  stats(options?: CallOptions): Promise<TrafficStatistics>
  extendedStats(options?: CallOptions): Promise<ExtendedStatistics>
  activity(): ClientActivity
}
