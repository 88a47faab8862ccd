/** Everything that the kernel holds, as it was at one time. */

import { checkBoolean, checkProperties, PropertyNames } from '../input'
import { readUntilAgreed } from '../model/agreeing-reads'
import type { CallOptions } from '../model/call-types'
import type { Snapshot, SnapshotService } from '../model/types'

const SNAPSHOT_OPTIONS = new PropertyNames(['consistent', 'stats', 'signal', 'timeout'])

export interface SnapshotOptions extends CallOptions {
  /**
   * Read until two snapshots in a row have the same services, destinations and local addresses: a dump that is read
   * while others write can miss an entry (ip_vs_ctl.c:ip_vs_genl_dump_services resumes by position). Default false.
   */
  readonly consistent?: boolean | undefined
  /**
   * False leaves the counters out: `stats` is an empty object then. They are more than half of what a snapshot weighs, and half of
   * the time that it takes outside the kernel. Default true.
   */
  readonly stats?: boolean | undefined
}

/** `take` is one trip. */
export async function readSnapshot(
  take: (call: CallOptions, stats: boolean) => Promise<SnapshotService[]>,
  options: SnapshotOptions | undefined,
): Promise<Snapshot> {
  const {
    consistent,
    stats = true,
    signal,
    timeout,
  } = options === undefined
    ? ({} as SnapshotOptions)
    : (checkProperties(options, 'options', SNAPSHOT_OPTIONS) as SnapshotOptions)
  if (consistent !== undefined) checkBoolean(consistent, 'options.consistent')
  checkBoolean(stats, 'options.stats')
  const call = { signal, timeout }
  const services = await take(call, stats)
  if (consistent !== true) return { services, consistent: undefined }
  return readUntilAgreed(services, () => take(call, stats))
}
