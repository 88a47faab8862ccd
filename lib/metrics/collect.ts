/** A scrape as text. */

import { checkObject } from '../input'
import { formatFamilies } from './exposition'
import type { CollectOptions } from './options'
import { COLLECT_OPTIONS, checkOptions } from './options'
import { scrape } from './scrape'
import type { MetricsSource } from './source'

/**
 * Everything that a client shows, as Prometheus' text format 0.0.4 (send it with `contentType`); docs/metrics.md has the
 * families. One call is one snapshot; calls that come while it is read share it. Counters are exact: decimal text of 64 bits.
 *
 * ```ts
 * import { collect } from 'ipvs-fullnat/metrics'
 *
 * const labels = { destinations: ['address', 'port', 'destination_address'] } as const
 * const text = await collect(ipvs, { compat: 'node_exporter', labels })
 * ```
 *
 * A part that cannot be read is left out, and `ipvs_scrape_error{part,code}` says why; `ipvs_up` is 0 where that is the table.
 * Rejects with `ERR_IPVS_TIMEOUT` when `timeout` has passed, `ABORT_ERR`, `ERR_IPVS_CLOSED`, or for a wrong option.
 */
export async function collect(ipvs: MetricsSource, options?: CollectOptions): Promise<string> {
  checkObject(ipvs, 'ipvs')
  return scrape(ipvs, checkOptions(options, COLLECT_OPTIONS), formatFamilies)
}
