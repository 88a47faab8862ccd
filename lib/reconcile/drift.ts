/** What somebody else has changed. */

import { formatServiceKey } from '../model/keys'
import type { Draining, Plan, PlanStep } from './plan-types'
import { subjectOf } from './step-subject'

const drainedAddress = (what: Draining): string =>
  what.kind === 'localAddress' ? `${formatServiceKey(what.service)} via ${what.localAddress}` : ''

/**
 * Steps that are necessary although the kernel was what the same desired state says: all but the ends of drains, which nobody
 * caused. `before` is what drained then.
 */
export function driftOf({ steps }: Plan, before: readonly Draining[]): PlanStep[] {
  const drained = new Set(before.map(drainedAddress))
  return steps.filter(
    (step) =>
      step.verb !== 'report' &&
      step.reason !== 'drained' &&
      !(step.kind === 'localAddress' && step.verb === 'remove' && drained.has(subjectOf(step))),
  )
}
