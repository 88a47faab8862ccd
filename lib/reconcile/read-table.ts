/** The table as the reconcile reads it. */

import type { CallOptions } from '../model/call-types'
import type { Snapshot } from '../model/types'
import type { ReconcileReader } from './client'

/** Without counters, at which nothing here looks: `stats` of what is read is not to be used. */
export const readTable = (
  ipvs: Pick<ReconcileReader, 'snapshot'>,
  options: CallOptions & { readonly consistent?: boolean | undefined },
): Promise<Snapshot> => ipvs.snapshot({ ...options, stats: false }) as Promise<Snapshot>
