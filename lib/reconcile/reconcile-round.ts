/** One round: opens the client where there is none, plans, applies. */

import type { DesiredState } from '../model/desired-state'
import { apply } from './apply'
import type { StepOutcome } from './apply-types'
import { driftOf } from './drift'
import { checkPlanOptions, planWanted } from './plan'
import type { Draining } from './plan-types'
import type { CheckedReconcilerOptions, ReconcilerClient } from './reconciler-options'
import type { Drift, FailurePhase, Round, RoundCause } from './reconciler-types'
import type { RememberedServices } from './remembered-services'
import type { WantedState } from './wanted-types'

export interface RoundTask {
  readonly cause: RoundCause
  readonly generation: number
  readonly desired: DesiredState
  /** The same, checked. */
  readonly wanted: WantedState
  /** The kernel was what this very state says: what differs now is somebody else's doing. */
  readonly wasReached: boolean
  readonly drainedBefore: readonly Draining[]
  drifted(drift: Drift): void
}

export interface RoundResult extends Round {
  readonly failedIn: FailurePhase | undefined
}

/** With these a client has no future. */
const LOST: readonly unknown[] = [
  'ERR_IPVS_CLOSED',
  'ERR_IPVS_MODULE_CHANGED',
  'ERR_IPVS_NOT_LOADED',
  'ERR_IPVS_TIMEOUT',
]

const codeOf = (error: unknown): unknown => (Object(error) as { readonly code?: unknown }).code

/** What is wrong with arguments is wrong with every client. */
const isArgument = (error: unknown): boolean =>
  (Object(error) as { readonly field?: unknown }).field !== undefined ||
  codeOf(error) === 'ERR_IPVS_DESIRED_STATE'

/** A plan that was applied, and not all of it. */
function incomplete(outcomes: readonly StepOutcome[]): Error {
  const open = outcomes.filter(
    ({ status, why }) =>
      status === 'failed' || status === 'unknown' || (status === 'skipped' && why !== 'report'),
  )
  const cause = open.find(({ error }) => error !== undefined)?.error
  const first = cause instanceof Error ? `: ${cause.message}` : ''
  const message = `ERR_IPVS_INCOMPLETE: ${open.length} of ${outcomes.length} steps were not done${first}`
  return Object.assign(new Error(message), { code: 'ERR_IPVS_INCOMPLETE', cause })
}

const inMotion = (): Error =>
  Object.assign(new Error('ERR_IPVS_INCOMPLETE: the table is in motion, and nothing was removed'), {
    code: 'ERR_IPVS_INCOMPLETE',
  })

/** Each client that hangs holds a thread: there is never more than one. */
const stillHangs = (): Error =>
  Object.assign(new Error('ERR_IPVS_TIMEOUT: the kernel has not answered the calls of the client before'), {
    code: 'ERR_IPVS_TIMEOUT',
  })

const wasStopped = (): Error =>
  Object.assign(new Error('ERR_IPVS_CLOSED: the Reconciler was stopped'), { code: 'ERR_IPVS_CLOSED' })

/** What it rejects with is about a client that nobody uses any more. */
async function closed(client: ReconcilerClient): Promise<void> {
  try {
    await client.close?.()
  } catch {}
}

export class Rounds {
  private client: ReconcilerClient | undefined
  /** One that is not used any more, and still has a call with the kernel. */
  private closing: Promise<unknown> | undefined
  private stop: () => void = () => {}
  /** `open` is the caller's, and has no deadline: the wait for it ends with this. */
  private readonly stopped = new Promise<never>((_, reject) => {
    this.stop = () => reject(wasStopped())
  })

  constructor(
    private readonly options: CheckedReconcilerOptions,
    private readonly remembered: RememberedServices,
  ) {
    this.stopped.catch(() => {})
  }

  /** Never rejects. */
  async make(task: RoundTask): Promise<RoundResult> {
    const { cause, generation, desired, wanted } = task
    const { clock, timeout, planOptions } = this.options
    const found: { -readonly [name in keyof RoundResult]: RoundResult[name] } = {
      cause,
      generation,
      plan: undefined,
      applied: undefined,
      drift: [],
      error: undefined,
      failedIn: 'open',
    }
    try {
      if (this.closing) throw stillHangs()
      this.client ??= await this.opened()
      found.failedIn = 'plan'
      const own = planOptions(desired)
      const remembered = this.remembered.list
      const options = checkPlanOptions({ ...own, remembered, timeout, now: clock.time() })
      const todo = await planWanted(this.client, wanted, options)
      found.plan = todo
      if (task.wasReached) found.drift = driftOf(todo, task.drainedBefore)
      if (found.drift.length > 0) task.drifted({ generation, steps: found.drift })
      found.failedIn = 'remember'
      await this.remembered.before(wanted, todo)
      found.failedIn = 'apply'
      if (todo.steps.some(({ verb }) => verb !== 'report')) {
        found.applied = await apply(this.client, todo, { timeout })
        found.failedIn = 'remember'
        await this.remembered.after(found.applied, own.adopt === true)
        found.failedIn = 'apply'
        if (!found.applied.complete) throw incomplete(found.applied.outcomes)
      }
      if (todo.steps.some(({ reason }) => reason === 'table-in-motion')) throw inMotion()
      found.failedIn = undefined
    } catch (error) {
      found.error = error
      await this.letGo(found)
    }
    return found
  }

  /** A round that waits for a client ends; one that has a client comes to its end. */
  end(): void {
    this.stop()
  }

  /** Waits no longer than for a short back-off: a kernel that hangs lets no call end. */
  async close(): Promise<void> {
    const { client } = this
    const { clock, waits } = this.options
    this.client = undefined
    if (!client?.close) return
    const closing = closed(client).then(() => {
      this.closing = undefined
    })
    this.closing = closing
    let cancel = (): void => {}
    const enough = new Promise<void>((resolve) => {
      cancel = clock.after(waits.first, resolve)
    })
    await Promise.race([closing, enough])
    cancel()
  }

  /** One that comes when nobody waits for it any more is closed. */
  private async opened(): Promise<ReconcilerClient> {
    const opening = this.options.open()
    try {
      return await Promise.race([opening, this.stopped])
    } catch (error) {
      Promise.resolve(opening).then(closed, () => {})
      throw error
    }
  }

  /**
   * Another client for the next round, where this one may be to blame: the module was loaded again, the machine behind a remote
   * client was started again.
   */
  private async letGo({ failedIn, error, applied }: RoundResult): Promise<void> {
    const lost = applied?.outcomes.some((outcome) => LOST.indexOf(codeOf(outcome.error)) >= 0)
    const unreadable = (failedIn === 'plan' || failedIn === 'apply') && !applied && !isArgument(error)
    if (lost || unreadable) await this.close()
  }
}
