/** `plan FILE` */

import type { Plan } from '../../reconcile/plan-types'
import { hasChanges, isHeldBack } from '../carry-out'
import type { Command, Invocation } from '../command'
import { EXIT } from '../errors'
import { PLAN_OPTIONS, readPlanOptions } from '../plan-options'
import { readInput } from '../read-input'
import { parseStateText } from '../state-text'

/** The plan for the state in FILE; read and checked before the director is opened. */
export async function planOf(invocation: Invocation): Promise<Plan> {
  const { options, operands, call, director } = invocation
  const planOptions = readPlanOptions(options)
  const state = parseStateText(await readInput(operands[0] as string, invocation))
  const { plan } = await import('../../reconcile/plan')
  const { checkDesiredState } = await import('../../reconcile/wanted')
  checkDesiredState(state)
  return plan(await director(), state, { ...planOptions, ...call })
}

export const command: Command = {
  operands: ['FILE'],
  about: [
    'What would be done to make the director what FILE says: a desired state as JSON or YAML,',
    '- for standard input. Nothing is changed.',
    'Exit codes: 0 nothing to do, 1 error, 2 there is something to do.',
  ],
  options: PLAN_OPTIONS,
  director: true,
  json: true,
  usageExit: EXIT.failed,
  async run(invocation) {
    const plan = await planOf(invocation)
    const { formatPlan } = await import('../../reconcile/print-plan')
    const { out, json, color } = invocation
    await out.write(json ? `${JSON.stringify(plan, null, 2)}\n` : formatPlan(plan, { color }))
    return hasChanges(plan) || isHeldBack(plan) ? EXIT.changes : EXIT.done
  },
}
