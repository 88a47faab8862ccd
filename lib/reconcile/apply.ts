/** `apply()`: does what a plan says, and tells what became of each step. */

import { invalidValue } from '../errors/argument-errors'
import { checkBoolean, checkProperties, PropertyNames } from '../input'
import type { CallOptions } from '../model/call-types'
import { Run } from './apply-run'
import type { Applied } from './apply-types'
import { checkSteps } from './check-plan'
import type { ReconcileClient } from './client'
import { isOpening, turnsFullnat } from './order'
import type { Plan, PlanStep } from './plan-types'

export interface ApplyOptions extends CallOptions {
  /** Steps whose object is not what it was when the plan was made are left out; needs one more read. Default true. */
  readonly expect?: boolean | undefined
}

const OPTIONS = new PropertyNames(['signal', 'timeout', 'expect'])

/** Each is over before the next begins. */
const PARTS: readonly { readonly dependsOnOpening: boolean; has(step: PlanStep): boolean }[] = [
  { dependsOnOpening: false, has: (step) => isOpening(step) && !turnsFullnat(step) },
  { dependsOnOpening: true, has: (step) => isOpening(step) && turnsFullnat(step) },
  { dependsOnOpening: true, has: (step) => !isOpening(step) },
]

/**
 * Does the steps of a plan, what is new before what goes. What fails stops nothing but the rest of its own service. Rejects only
 * where nothing was sent: for a plan of another kernel or with a step that is none, or where the director cannot be read. A large
 * plan is done in pieces: leave its steps as they are until then.
 */
export async function apply(ipvs: ReconcileClient, plan: Plan, options: ApplyOptions = {}): Promise<Applied> {
  checkProperties(options, 'options', OPTIONS)
  const { expect = true, signal, timeout } = options
  checkBoolean(expect, 'options.expect')
  const { dialect } = ipvs.capabilities
  if (plan?.version !== 1 || !Array.isArray(plan.steps))
    throw invalidValue('plan', 'must be a plan of plan()', plan)
  if (plan.dialect !== dialect)
    throw invalidValue('plan', `is for ${plan.dialect}, this kernel is ${dialect}`, plan)
  const steps = await checkSteps(plan.steps)
  if (!ipvs.sysctl && steps.some(({ kind }) => kind === 'sysctl'))
    throw invalidValue('plan', 'has sysctls, which this client does not know', plan)
  const run = new Run(ipvs, steps, { signal, timeout })
  const reports = await run.select(({ verb }) => verb === 'report')
  for (const place of reports) run.settle(place, 'skipped', { why: 'report' })
  if (expect)
    await run.checkUnchanged(await run.select((step) => step.verb !== 'report' && step.expect !== undefined))
  for (const part of PARTS) {
    const places = await run.select((step) => step.verb !== 'report' && part.has(step))
    if (part.dependsOnOpening) await run.leaveBroken(places)
    await run.perform(places)
    await run.resolveOpen()
  }
  return run.result()
}
