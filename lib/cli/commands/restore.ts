/** `restore FILE` */

import { toJson } from '../../model/json'
import { carryOut, hasChanges, isHeldBack, YES_OPTION } from '../carry-out'
import type { Command, Invocation } from '../command'
import { CliError, EXIT, UsageError } from '../errors'
import { readInput } from '../read-input'
import { parseSavedText } from '../state-text'

function modeOf({ options }: Invocation): 'replace' | 'merge' {
  const [replace, merge] = [options.has('replace'), options.has('merge')]
  if (replace !== merge) return replace ? 'replace' : 'merge'
  if (replace) throw new UsageError('--replace beside --merge')
  throw new UsageError('restore needs --replace or --merge', 'What is not in FILE goes, or stays.')
}

export const command: Command = {
  operands: ['FILE'],
  about: [
    'Makes the director what it was when FILE was saved (- for standard input), by what differs: what is as',
    'it was saved is not touched. FILE is checked whole before anything is changed. Shows the plan and asks',
    'on a terminal; elsewhere it wants --yes.',
    'Exit codes: 0 done, or nothing to do; 1 error, or something would be lost; 2 there is something to do',
    'and it was not done.',
  ],
  options: {
    replace: { help: 'what is not in FILE goes' },
    merge: { help: 'what is not in FILE stays' },
    'dry-run': { help: 'only say what would be done' },
    'accept-losses': { help: 'where this kernel cannot have all of it, restore the rest' },
    ...YES_OPTION,
  },
  director: true,
  json: true,
  usageExit: EXIT.failed,
  async run(invocation) {
    const { options, operands, call, director, out, tell, json, color } = invocation
    const mode = modeOf(invocation)
    const dryRun = options.has('dry-run')
    if (dryRun && options.has('yes')) throw new UsageError('--yes beside --dry-run')
    const document = parseSavedText(await readInput(operands[0] as string, invocation))
    const { parseSavedState } = await import('../../reconcile/check-saved')
    const saved = parseSavedState(document)
    const { restore } = await import('../../reconcile/restore')
    // What is shown is what is done: apply() refuses what has changed since.
    const { plan, losses } = await restore(await director(), saved, { ...call, mode, dryRun: true })
    if (!json) {
      const { formatPlan } = await import('../../reconcile/print-plan')
      await out.write(formatPlan(plan, { color }))
    }
    for (const { path, message } of losses) await tell(`lost: ${path}: ${message}`)
    const refused = losses.length > 0 && !options.has('accept-losses')
    if (json && (dryRun || refused)) await out.write(`${toJson({ plan, losses }, 2)}\n`)
    if (refused) {
      throw new CliError(
        `nothing was changed: ${losses.length} of it cannot be on this kernel`,
        '--accept-losses restores the rest.',
      )
    }
    if (dryRun) return hasChanges(plan) || isHeldBack(plan) ? EXIT.changes : EXIT.done
    return carryOut(plan, invocation, { losses })
  },
}
