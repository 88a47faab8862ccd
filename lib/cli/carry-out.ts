/** A plan that was shown: done where somebody agrees. What `apply` and `restore` have in common. */

import { toJson } from '../model/json'
import type { Applied } from '../reconcile/apply-types'
import type { Plan, StepReason } from '../reconcile/plan-types'
import { ask } from './ask'
import type { Invocation } from './command'
import { CliError, EXIT } from './errors'
import type { OptionSpecs } from './options'
import { outcomeLines, sumOf } from './outcomes'

export const YES_OPTION: OptionSpecs = { yes: { help: 'do it without asking' } }

export const hasChanges = ({ steps }: Plan): boolean => steps.some(({ verb }) => verb !== 'report')

const HELD_BACK: readonly StepReason[] = ['too-many-removals', 'table-in-motion']

/** There is something to do that this plan does not do, and that nobody said should not be done. */
export const isHeldBack = ({ steps }: Plan): boolean => steps.some(({ reason }) => HELD_BACK.includes(reason))

async function tellOutcomes(applied: Applied, { out, tell }: Invocation, failed: number): Promise<void> {
  for (const line of await outcomeLines(applied)) await tell(line)
  await out.write(`${sumOf(applied)}\n`)
  if (applied.complete) return
  throw new CliError(
    'the director is not what it should be',
    'Look at what failed above, and plan again.',
    failed,
  )
}

/** `more`: what stands beside the plan in JSON. Resolves to the exit code. */
export async function carryOut(plan: Plan, invocation: Invocation, more: object = {}): Promise<number> {
  const { out, io, call, json, options, operands, tell } = invocation
  const whole = isHeldBack(plan) ? EXIT.changes : EXIT.done
  if (!hasChanges(plan)) {
    if (json) await out.write(`${toJson({ plan, ...more }, 2)}\n`)
    return whole
  }
  const canAsk = !json && operands[0] !== '-' && io.stdin.isTTY === true
  const agreed = options.has('yes') || (canAsk && (await ask('Do it? Only yes does: ', invocation)) === 'yes')
  if (!agreed) {
    if (json) await out.write(`${toJson({ plan, ...more }, 2)}\n`)
    await tell(canAsk ? 'Nothing was changed.' : 'Nothing was changed: --yes does it.')
    return EXIT.changes
  }
  const { apply } = await import('../reconcile/apply')
  const applied = await apply(await invocation.director(), plan, call)
  const failed = call.signal?.aborted ? EXIT.interrupted : EXIT.failed
  if (json) await out.write(`${toJson({ plan, ...more, applied }, 2)}\n`)
  else await tellOutcomes(applied, invocation, failed)
  return applied.complete ? whole : failed
}
