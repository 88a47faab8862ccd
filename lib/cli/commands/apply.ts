/** `apply FILE` */

import { toJson } from '../../model/json'
import type { Applied } from '../../reconcile/apply-types'
import { ask } from '../ask'
import type { Command, Invocation } from '../command'
import { CliError, EXIT } from '../errors'
import { PLAN_OPTIONS } from '../plan-options'
import { explain } from '../report-error'
import { hasChanges, planOf } from './plan'

async function tellOutcomes(
  { outcomes, counts, complete }: Applied,
  { out, tell, call }: Invocation,
): Promise<number> {
  const { subjectOf } = await import('../../reconcile/steps')
  for (const { step, status, why, error } of outcomes) {
    if (status === 'done' || status === 'already' || why === 'report') continue
    const reason = error === undefined ? (why ?? '') : explain(error)
    await tell(`${status}: ${step.verb} ${step.kind} ${subjectOf(step)}: ${reason}`)
  }
  const sums = [`${counts.done} done`, `${counts.already} already so`]
  for (const name of ['skipped', 'failed', 'unknown'] as const) {
    if (counts[name] > 0) sums.push(`${counts[name]} ${name}`)
  }
  await out.write(`${sums.join(', ')}\n`)
  if (complete) return EXIT.done
  throw new CliError(
    'the director is not what it should be',
    'Look at what failed above, and plan again.',
    call.signal?.aborted ? EXIT.interrupted : EXIT.failed,
  )
}

export const command: Command = {
  operands: ['FILE'],
  about: [
    'Makes the director what FILE says: a desired state as JSON or YAML, - for standard input.',
    'Shows the plan and asks on a terminal; elsewhere it wants --yes.',
    'Exit codes: 0 done, or nothing to do; 1 error; 2 there is something to do and it was not done.',
  ],
  options: { ...PLAN_OPTIONS, yes: { help: 'do it without asking' } },
  director: true,
  json: true,
  usageExit: EXIT.failed,
  async run(invocation) {
    const { out, io, call, json, color, options, operands, tell } = invocation
    const plan = await planOf(invocation)
    const { formatPlan } = await import('../../reconcile/print-plan')
    if (!json) await out.write(formatPlan(plan, { color }))
    if (!hasChanges(plan)) {
      if (json) await out.write(`${toJson({ plan }, 2)}\n`)
      return EXIT.done
    }
    const canAsk = !json && operands[0] !== '-' && io.stdin.isTTY === true
    const agreed =
      options.has('yes') || (canAsk && (await ask('Do it? Only yes does: ', invocation)) === 'yes')
    if (!agreed) {
      if (json) await out.write(`${toJson({ plan }, 2)}\n`)
      await tell(canAsk ? 'Nothing was changed.' : 'Nothing was changed: --yes does it.')
      return EXIT.changes
    }
    const { apply } = await import('../../reconcile/apply')
    const applied = await apply(await invocation.director(), plan, call)
    if (!json) return tellOutcomes(applied, invocation)
    await out.write(`${toJson({ plan, applied }, 2)}\n`)
    return applied.complete ? EXIT.done : EXIT.failed
  },
}
