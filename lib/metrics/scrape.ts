/** One scrape: from what was read to families. */

import { ownError } from '../errors/ipvs-error'
import { clientFamilies } from './client-families'
import { NODE_TOTALS, SCRAPE_ERROR, TOTALS, UP } from './definitions'
import type { Family } from './family'
import { sample } from './family'
import { extendedFamilies, infoFamilies, totalFamilies } from './kernel-families'
import { nodeBackendFamilies } from './node-exporter'
import type { CheckedOptions } from './options'
import type { Reading } from './reading'
import { sharedReading } from './reading'
import { reconcilerFamilies } from './reconciler-families'
import type { MetricsSource } from './source'
import { tableFamilies } from './table-families'
import { withinTimeLimit } from './time-limit'

const OPERATION = 'metrics.collect'

async function readInTime(source: MetricsSource, { timeout, signal }: CheckedOptions): Promise<Reading> {
  const aborted = () => ownError('ABORT_ERR', { operation: OPERATION, cause: signal?.reason })
  if (signal?.aborted) throw aborted()
  const read = await withinTimeLimit(sharedReading(source, timeout), timeout, signal)
  if (read === 'aborted') throw aborted()
  if (read === 'late') {
    const description = `the scrape was not over after ${timeout} ms`
    throw ownError('ERR_IPVS_TIMEOUT', { operation: OPERATION, description })
  }
  return read.value
}

const scrapeFamilies = ({ snapshot, failures }: Reading): Family[] => [
  { ...UP, samples: [sample({}, snapshot ? 1 : 0)] },
  { ...SCRAPE_ERROR, samples: failures.map(({ part, code }) => sample({ part, code }, 1)) },
]

/** What can be said without the kernel, or of what was read of it. */
export function familiesOf(source: MetricsSource, reading: Reading, options: CheckedOptions): Family[] {
  const { snapshot, info, statistics, extended } = reading
  const { groups, labels, nodeExporter } = options
  const families: Family[] = []
  const add = (wanted: boolean, make: () => Family[]): void => {
    if (wanted) for (const family of make()) families.push(family)
  }
  if (statistics) {
    add(nodeExporter, () => totalFamilies(statistics, NODE_TOTALS))
    add(groups.has('totals'), () => totalFamilies(statistics, TOTALS))
  }
  if (snapshot) {
    add(nodeExporter, () => nodeBackendFamilies(snapshot, labels.backends))
    add(true, () => tableFamilies(snapshot, options))
  }
  if (info) add(groups.has('kernel'), () => infoFamilies(info, source.dialect))
  if (extended) add(groups.has('extended'), () => extendedFamilies(extended, labels.extended))
  add(groups.has('client'), () => clientFamilies(source.activity()))
  const { reconciler } = options
  if (reconciler) add(groups.has('reconciler'), () => reconcilerFamilies(reconciler.activity()))
  add(groups.has('scrape'), () => scrapeFamilies(reading))
  return families
}

/** Rejects where the deadline passes, with `ABORT_ERR`, for a closed client, and with what `options.name` throws. */
export async function scrape(source: MetricsSource, options: CheckedOptions): Promise<Family[]> {
  return familiesOf(source, await readInTime(source, options), options)
}
