/** What a `Reconciler` has done, in numbers. */

import { IpvsError } from '../errors/ipvs-error'
import type { ReconcilerActivity } from '../model/reconciler-activity'
import type { Round } from './reconciler-types'

type Counts = { [name: string]: number }

const count = (counts: Counts, name: string, by = 1): void => {
  counts[name] = (counts[name] ?? 0) + by
}

/** Ours; a label must not have values without end. */
function codeOf(error: unknown): string {
  const { code } = Object(error) as { readonly code?: unknown }
  return error instanceof IpvsError || /^ERR_I/.test(String(code)) ? String(code) : 'other'
}

export class ReconcilerCounts {
  private readonly rounds: Counts = {}
  private readonly steps: Counts = {}
  private readonly errors: Counts = {}
  private drift = 0

  round({ cause, applied, drift, error }: Round): void {
    count(this.rounds, cause)
    this.drift += drift.length
    for (const { status, why } of applied?.outcomes ?? []) if (why !== 'report') count(this.steps, status)
    if (error !== undefined) this.error(error)
  }

  error(error: unknown): void {
    count(this.errors, codeOf(error))
  }

  report(): Pick<ReconcilerActivity, 'rounds' | 'steps' | 'drift' | 'errors'> {
    const { rounds, steps, drift, errors } = this
    return { rounds: { ...rounds }, steps: { ...steps }, drift, errors: { ...errors } }
  }
}
