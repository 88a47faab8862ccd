/** What a `Reconciler` counts. */

import type { ReconcilerActivity } from '../model/reconciler-activity'
import * as d from './definitions'
import type { Family, FamilyDefinition, Value } from './family'
import { sample } from './family'

/** A `Reconciler` is one. */
export interface ReconcilerSource {
  /** As that of a `Reconciler`. */
  activity(): ReconcilerActivity
}

const one = (definition: FamilyDefinition, value: Value): Family => ({
  ...definition,
  samples: [sample({}, value)],
})

const by = (
  definition: FamilyDefinition,
  label: string,
  counts: Readonly<Record<string, number>>,
): Family => ({
  ...definition,
  samples: Object.keys(counts).map((name) => sample({ [label]: name }, counts[name] as number)),
})

export function reconcilerFamilies(activity: ReconcilerActivity): Family[] {
  const { generation, settled, failures, rounds, steps, drift, errors, draining, reports } = activity
  return [
    one(d.RECONCILER_WANTED, generation.wanted),
    one(d.RECONCILER_REACHED, generation.reached),
    one(d.RECONCILER_SETTLED, settled ? 1 : 0),
    one(d.RECONCILER_FAILURES, failures),
    by(d.RECONCILER_ROUNDS, 'cause', rounds),
    by(d.RECONCILER_STEPS, 'status', steps),
    one(d.RECONCILER_DRIFT, drift),
    by(d.RECONCILER_ERRORS, 'code', errors),
    one(d.RECONCILER_DRAINING, draining),
    one(d.RECONCILER_REPORTS, reports),
  ]
}

export const RECONCILER_FAMILIES = [
  ...[d.RECONCILER_WANTED, d.RECONCILER_REACHED, d.RECONCILER_SETTLED, d.RECONCILER_FAILURES],
  ...[d.RECONCILER_ROUNDS, d.RECONCILER_STEPS, d.RECONCILER_DRIFT, d.RECONCILER_ERRORS],
  ...[d.RECONCILER_DRAINING, d.RECONCILER_REPORTS],
]
