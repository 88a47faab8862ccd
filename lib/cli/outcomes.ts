/** What became of a plan, for people. */

import type { Applied } from '../reconcile/apply-types'
import { explain } from './report-error'

/** A line for each step that was not done. */
export async function outcomeLines({ outcomes }: Applied): Promise<string[]> {
  const { subjectOf } = await import('../reconcile/step-subject')
  const lines: string[] = []
  for (const { step, status, why, error } of outcomes) {
    if (status === 'done' || status === 'already' || why === 'report') continue
    const reason = error === undefined ? (why ?? '') : explain(error)
    lines.push(`${status}: ${step.verb} ${step.kind} ${subjectOf(step)}: ${reason}`)
  }
  return lines
}

/** `4 done, 0 already so, 1 failed` */
export function sumOf({ counts }: Applied): string {
  const sums = [`${counts.done} done`, `${counts.already} already so`]
  for (const name of ['skipped', 'failed', 'unknown'] as const) {
    if (counts[name] > 0) sums.push(`${counts[name]} ${name}`)
  }
  return sums.join(', ')
}
