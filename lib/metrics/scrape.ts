/** One scrape: from what was read to families, and to what goes out. */

import { ownError } from '../errors/ipvs-error'
import { now } from '../model/clock'
import type { InPieces } from '../model/turn'
import { nextTurn } from '../model/turn'
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

const aborted = ({ signal }: CheckedOptions) =>
  ownError('ABORT_ERR', { operation: OPERATION, cause: signal?.reason })

const late = ({ timeout }: CheckedOptions) =>
  ownError('ERR_IPVS_TIMEOUT', {
    operation: OPERATION,
    description: `the scrape was not over after ${timeout} ms`,
  })

async function readInTime(source: MetricsSource, options: CheckedOptions): Promise<Reading> {
  const { timeout, signal } = options
  if (signal?.aborted) throw aborted(options)
  const read = await withinTimeLimit(sharedReading(source, timeout), timeout, signal)
  if (read === 'aborted') throw aborted(options)
  if (read === 'late') throw late(options)
  return read.value
}

/** The event loop turns between the pieces; nobody wants the rest of what comes too late. */
async function madeInTime<T>(work: InPieces<T>, options: CheckedOptions, started: number): Promise<T> {
  const { timeout, signal } = options
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
    await nextTurn()
    if (signal?.aborted) throw aborted(options)
    if (timeout > 0 && now() - started >= timeout) throw late(options)
  }
}

const scrapeFamilies = ({ snapshot, failures }: Reading): Family[] => [
  { ...UP, samples: [sample({}, snapshot ? 1 : 0)] },
  { ...SCRAPE_ERROR, samples: failures.map(({ part, code }) => sample({ part, code }, 1)) },
]

/** What can be said without the kernel, or of what was read of it. */
function* familiesOf(
  source: MetricsSource,
  reading: Reading,
  options: CheckedOptions,
): InPieces<readonly Family[]> {
  const { snapshot, info, statistics, extended } = reading
  const { groups, labels, nodeExporter, reconciler } = options
  const groupsOfFamilies: (readonly Family[])[] = []
  const add = (families: readonly Family[]) => groupsOfFamilies.push(families)
  if (statistics && nodeExporter) add(totalFamilies(statistics, NODE_TOTALS))
  if (statistics && groups.has('totals')) add(totalFamilies(statistics, TOTALS))
  if (snapshot && nodeExporter) add(yield* nodeBackendFamilies(snapshot, labels.backends))
  if (snapshot) add(yield* tableFamilies(snapshot, options))
  if (info && groups.has('kernel')) add(infoFamilies(info, source.dialect))
  if (extended && groups.has('extended')) add(yield* extendedFamilies(extended, labels.extended))
  if (groups.has('client')) add(clientFamilies(source.activity()))
  if (reconciler && groups.has('reconciler')) add(reconcilerFamilies(reconciler.activity()))
  if (groups.has('scrape')) add(scrapeFamilies(reading))
  return ([] as Family[]).concat(...groupsOfFamilies)
}

/** What families are made into. */
export type Form<T> = (families: readonly Family[]) => InPieces<T>

/** `familiesOf`, and what `form` makes of them. */
export function* formed<T>(
  source: MetricsSource,
  reading: Reading,
  options: CheckedOptions,
  form: Form<T>,
): InPieces<T> {
  return yield* form(yield* familiesOf(source, reading, options))
}

/** Rejects where the deadline passes, with `ABORT_ERR`, for a closed client, and with what `options.name` throws. */
export async function scrape<T>(source: MetricsSource, options: CheckedOptions, form: Form<T>): Promise<T> {
  const started = now()
  const reading = await readInTime(source, options)
  return madeInTime(formed(source, reading, options, form), options, started)
}
