/** `apply()`: does what a plan says, and tells what became of each step. */

import { invalidValue } from '../errors/argument-errors'
import { asListed, checkBoolean, checkProperties, PropertyNames } from '../input'
import type { CallOptions } from '../model/call-types'
import { serviceKeyId } from '../model/keys'
import type { DestinationInput, ServiceInput } from '../model/types'
import type { Applied, SkipReason, StepOutcome, StepStatus } from './apply-types'
import type { ReconcileBatch, ReconcileClient, StepResult } from './client'
import { lookAt } from './look-again'
import { isFirst, isOpening, turnsFullnat } from './order'
import type { DaemonStep, Plan, PlanStep, SysctlStep, TimeoutsStep } from './plan-types'
import { isAsWanted } from './step-result'
import type { TableView } from './table-view'
import { Turns } from './turns'

export interface ApplyOptions extends CallOptions {
  /** Steps whose object is not what it was when the plan was made are left out; needs one more read. Default true. */
  readonly expect?: boolean | undefined
}

const OPTIONS = new PropertyNames(['signal', 'timeout', 'expect'])

/** As many as go to the kernel in one job. */
const STEPS_PER_BATCH = 1000

type SettingStep = TimeoutsStep | SysctlStep | DaemonStep
type TableStep = Exclude<PlanStep, SettingStep>
const isTableStep = (step: PlanStep): step is TableStep =>
  step.kind !== 'timeouts' && step.kind !== 'daemon' && step.kind !== 'sysctl'

function put(batch: ReconcileBatch, step: TableStep): void {
  const { service, verb } = step
  const inputOf = <T extends object>(input: T): T => (step.held ? asListed(input) : input)
  if (step.kind === 'service') {
    if (verb === 'remove') batch.services.remove(service)
    else
      batch.services[verb === 'add' ? 'add' : 'set'](inputOf({ ...step.after, ...service }) as ServiceInput)
  } else if (step.kind === 'localAddress') {
    const { localAddress: address } = step
    if (verb === 'remove') batch.localAddresses.remove(service, address)
    else
      batch.localAddresses.add(
        service,
        step.held ? { address, portConflicts: BigInt(0), connections: 0 } : address,
      )
  } else if (verb === 'remove') {
    batch.destinations.remove(service, step.destination)
  } else {
    const input = inputOf({ ...step.after, ...step.destination }) as DestinationInput
    batch.destinations[verb === 'add' ? 'add' : 'set'](service, input)
  }
}

/** The steps that are under way, and what became of each. */
class Run {
  private readonly outcomes = new Map<PlanStep, StepOutcome>()
  /** Services of which something that had to come first has failed. */
  private readonly broken = new Set<string>()
  /** What the kernel did not simply do. */
  private readonly open: { readonly step: PlanStep; readonly error: unknown }[] = []
  private readonly turns = new Turns()

  constructor(
    private readonly ipvs: ReconcileClient,
    private readonly call: CallOptions,
  ) {}

  settle(step: PlanStep, status: StepStatus, more: { why?: SkipReason; error?: unknown } = {}): void {
    const outcome = { step, status, ...more }
    this.outcomes.set(step, outcome)
    this.breaks(outcome)
  }

  has(step: PlanStep): boolean {
    return this.outcomes.has(step)
  }

  /** Leaves out what is not as it was. */
  async checkUnchanged(steps: readonly PlanStep[], view: TableView): Promise<void> {
    for (const step of steps) {
      if (this.turns.isDue()) await this.turns.next()
      if (step.expect === undefined) continue
      const now = view.fingerprint(step)
      if (now === step.expect) continue
      if (now === undefined && step.verb === 'remove') this.settle(step, 'already')
      else this.settle(step, 'skipped', { why: 'changed-meanwhile' })
    }
  }

  /** Steps of services that something went wrong with are left out: what they have keeps working. */
  leaveBroken(steps: readonly PlanStep[]): void {
    if (this.broken.size === 0) return
    for (const step of steps) {
      if (!isTableStep(step) || this.has(step) || !this.broken.has(serviceKeyId(step.service))) continue
      this.settle(step, 'skipped', { why: 'depends-on-failed' })
    }
  }

  async perform(steps: readonly PlanStep[]): Promise<void> {
    for (const step of steps) {
      if (!isTableStep(step) && isFirst(step) && !this.has(step)) await this.alone(step)
    }
    const table = steps.filter((step): step is TableStep => isTableStep(step) && !this.has(step))
    if (table.length > 0) {
      const results = await this.putAll(table)
      for (const [i, step] of table.entries()) this.take(step, results[i] as StepResult)
    }
    for (const step of steps) if (step.kind === 'daemon' && !this.has(step)) await this.alone(step)
  }

  /** In pieces: a batch is filled in one go. What each piece is rejected with, every step of it is. */
  private async putAll(steps: readonly TableStep[]): Promise<StepResult[]> {
    const pieces: Promise<readonly StepResult[]>[] = []
    for (let from = 0; from < steps.length; from += STEPS_PER_BATCH) {
      if (from > 0) await this.turns.next()
      const piece = steps.slice(from, from + STEPS_PER_BATCH)
      const results = this.ipvs.batch((batch) => {
        for (const step of piece) put(batch, step)
      }, this.call)
      pieces.push(results.catch((error) => piece.map((): StepResult => ({ status: 'rejected', error }))))
    }
    return ([] as StepResult[]).concat(...(await Promise.all(pieces)))
  }

  /** Looks again at what the kernel refused, and at what nobody knows the end of. */
  async resolveOpen(): Promise<void> {
    const open = this.open.splice(0)
    if (open.length === 0) return
    // A kernel that says nothing would let the look wait as well.
    const silent = open.some(({ error }) => (error as { code?: string }).code === 'ERR_IPVS_TIMEOUT')
    let view: TableView | undefined
    try {
      // Whoever aborts wants to know what is where.
      const { timeout } = this.call
      const steps = open.map(({ step }) => step)
      if (!silent) view = await lookAt(this.ipvs, steps, { timeout })
    } catch {
      // Then nobody knows more than the first errors say.
    }
    for (const { step, error } of open) this.resolve(step, error, view)
  }

  /** In the order of the plan. */
  result(plan: Plan): Applied {
    const counts = { done: 0, already: 0, skipped: 0, failed: 0, unknown: 0 }
    let complete = true
    const outcomes = plan.steps.map((step) => {
      const outcome = this.outcomes.get(step) as StepOutcome
      counts[outcome.status]++
      const { status, why } = outcome
      if (status === 'failed' || status === 'unknown' || (status === 'skipped' && why !== 'report'))
        complete = false
      return outcome
    })
    return { outcomes, counts, complete }
  }

  private async alone(step: SettingStep): Promise<void> {
    const { ipvs, call } = this
    try {
      if (step.kind === 'timeouts') {
        await ipvs.timeouts.set(step.after, call)
      } else if (step.kind === 'sysctl') {
        await ipvs.sysctl?.set(step.name, step.after, call)
      } else {
        if (step.before) await ipvs.daemons.stop(step.before.state, call)
        if (step.after) await ipvs.daemons.start(step.after, call)
      }
      this.settle(step, 'done')
    } catch (error) {
      this.take(step, { status: 'rejected', error })
    }
  }

  private take(step: PlanStep, result: StepResult): void {
    if (result.status === 'fulfilled') {
      this.settle(step, 'done')
      return
    }
    const { error } = result
    const { code, sent } = error as { code?: string; sent?: boolean }
    if (code === 'ABORT_ERR' && !sent) this.settle(step, 'skipped', { why: 'aborted', error })
    else if (!isTableStep(step)) this.settle(step, sent && isLost(code) ? 'unknown' : 'failed', { error })
    else this.open.push({ step, error })
    if (isTableStep(step) && isOpening(step)) this.broken.add(serviceKeyId(step.service))
  }

  private resolve(step: PlanStep, error: unknown, view: TableView | undefined): void {
    const { code, sent } = error as { code?: string; sent?: boolean }
    const lost = sent === true && isLost(code)
    if (!view) {
      this.settle(step, lost ? 'unknown' : 'failed', { error })
      return
    }
    if (isAsWanted(this.ipvs.capabilities, step, view)) {
      this.settle(step, lost ? 'done' : 'already')
      return
    }
    const missing = step.verb === 'add' && step.kind !== 'service' && view.service(step) === undefined
    if (missing && code === 'ESRCH') this.settle(step, 'skipped', { why: 'depends-on-failed', error })
    else this.settle(step, 'failed', { error })
  }

  /** What was refused, and was as it should be all the same, stands in nobody's way. */
  mend(): void {
    this.broken.clear()
    for (const outcome of this.outcomes.values()) this.breaks(outcome)
  }

  private breaks({ step, status, why }: StepOutcome): void {
    const wrong = status === 'failed' || status === 'unknown' || (status === 'skipped' && why !== 'report')
    if (wrong && isTableStep(step) && isOpening(step)) this.broken.add(serviceKeyId(step.service))
  }
}

const isLost = (code: string | undefined): boolean =>
  code === 'ERR_IPVS_OUTCOME_UNKNOWN' ||
  code === 'ERR_IPVS_TIMEOUT' ||
  code === 'ABORT_ERR' ||
  code === 'ERR_IPVS_CLOSED'

/**
 * Does the steps of a plan, what is new before what goes. What fails stops nothing but the rest of its own service. Rejects only
 * where nothing was sent: for a plan of another kernel, or where the director cannot be read.
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
  if (!ipvs.sysctl && plan.steps.some(({ kind }) => kind === 'sysctl'))
    throw invalidValue('plan', 'has sysctls, which this client does not know', plan)
  const call = { signal, timeout }
  const run = new Run(ipvs, call)
  const steps = plan.steps.filter((step) => step.verb !== 'report')
  for (const step of plan.steps) if (step.verb === 'report') run.settle(step, 'skipped', { why: 'report' })
  const guarded = expect ? steps.filter((step) => step.expect !== undefined) : []
  if (guarded.length > 0) await run.checkUnchanged(guarded, await lookAt(ipvs, guarded, call))
  const parts = [
    steps.filter((step) => isOpening(step) && !turnsFullnat(step)),
    steps.filter((step) => isOpening(step) && turnsFullnat(step)),
    steps.filter((step) => !isOpening(step)),
  ]
  for (const part of parts) {
    run.leaveBroken(part.filter((step) => !isOpening(step) || turnsFullnat(step)))
    await run.perform(part)
    await run.resolveOpen()
    run.mend()
  }
  return run.result(plan)
}
