/** What `apply()` needs of a plan: it can come from a file, and half of one that is garbled is not to be done. */

import { invalidType, invalidValue } from '../errors/argument-errors'
import { checkDestinationKey, checkObject, checkServiceKey } from '../input'
import { Pieces } from '../model/turn'
import type { PlanStep } from './plan-types'

const VERBS: readonly unknown[] = ['add', 'change', 'drain', 'remove', 'report']
const KINDS: readonly unknown[] = ['service', 'destination', 'localAddress', 'timeouts', 'daemon', 'sysctl']

function checkText(value: unknown, field: string): void {
  if (typeof value !== 'string') throw invalidType(field, 'string', value)
}

/** What is in `after` is checked where it is used: a value that cannot be fails its step alone. */
function checkStep(value: unknown, field: string): void {
  const step = checkObject(value, field)
  const { verb, kind } = step
  if (VERBS.indexOf(verb) < 0) throw invalidValue(`${field}.verb`, 'must be a verb of a plan', verb)
  if (KINDS.indexOf(kind) < 0) throw invalidValue(`${field}.kind`, 'must be a kind of a plan', kind)
  if (verb === 'report') return
  if (step.expect !== undefined) checkText(step.expect, `${field}.expect`)
  if (kind === 'service' || kind === 'destination' || kind === 'localAddress') {
    checkServiceKey(step.service, `${field}.service`)
    if (kind === 'destination') checkDestinationKey(step.destination, `${field}.destination`)
    if (kind === 'localAddress') checkText(step.localAddress, `${field}.localAddress`)
    else if (verb !== 'remove') checkObject(step.after, `${field}.after`)
  } else if (kind === 'timeouts') {
    checkObject(step.after, `${field}.after`)
  } else if (kind === 'sysctl') {
    checkText(step.name, `${field}.name`)
  } else {
    if (step.before !== undefined) checkObject(step.before, `${field}.before`)
    if (step.after !== undefined || step.before === undefined) checkObject(step.after, `${field}.after`)
  }
}

/** A name for what is right: paths are made for what is wrong. */
const SOME = 'plan.steps'

/** Its steps, in pieces; throws for the first that is none. */
export async function checkSteps(steps: readonly unknown[]): Promise<readonly PlanStep[]> {
  const found = Array.from(steps)
  const pieces = new Pieces()
  for (const [i, step] of found.entries()) {
    if (pieces.isDue()) await pieces.next()
    try {
      checkStep(step, SOME)
    } catch {
      checkStep(step, `plan.steps[${i}]`)
    }
  }
  return found as PlanStep[]
}
