/** `apply FILE` */

import { carryOut, YES_OPTION } from '../carry-out'
import type { Command } from '../command'
import { EXIT } from '../errors'
import { PLAN_OPTIONS } from '../plan-options'
import { planOf } from './plan'

export const command: Command = {
  operands: ['FILE'],
  about: [
    'Makes the director what FILE says: a desired state as JSON or YAML, - for standard input.',
    'Shows the plan and asks on a terminal; elsewhere it wants --yes.',
    'Exit codes: 0 done, or nothing to do; 1 error; 2 there is something to do and it was not done.',
  ],
  options: { ...PLAN_OPTIONS, ...YES_OPTION },
  director: true,
  json: true,
  usageExit: EXIT.failed,
  async run(invocation) {
    const { out, json, color } = invocation
    const plan = await planOf(invocation)
    const { formatPlan } = await import('../../reconcile/print-plan')
    if (!json) await out.write(formatPlan(plan, { color }))
    return carryOut(plan, invocation)
  },
}
