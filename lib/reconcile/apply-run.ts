/** The steps of a plan while they are done. */

import { asListed } from '../input'
import type { CallOptions } from '../model/call-types'
import { serviceKeyId } from '../model/keys'
import { nextTurn, Pieces } from '../model/turn'
import type { DestinationInput, ServiceInput } from '../model/types'
import type { Applied, SkipReason, StepOutcome, StepStatus } from './apply-types'
import type { ReconcileBatch, ReconcileClient, StepResult } from './client'
import { lookAt } from './look-again'
import { isFirst, isOpening } from './order'
import type { PlanStep } from './plan-types'
import type { SettingStep } from './settings-result'
import { isSetAsWanted } from './settings-result'
import { isAsWanted } from './step-result'
import type { TableView } from './table-view'

/** As many as go to the kernel in one job. */
const STEPS_PER_BATCH = 1000

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
    // Two spreads in one literal take nine times as long.
    const input = inputOf(Object.assign({}, step.after, step.destination)) as DestinationInput
    batch.destinations[verb === 'add' ? 'add' : 'set'](service, input)
  }
}

/** Some of the steps of a plan, by where they stand in it. */
type Places = readonly number[]

const isWrong = ({ status, why }: StepOutcome): boolean =>
  status === 'failed' || status === 'unknown' || (status === 'skipped' && why !== 'report')

const isLost = (code: string | undefined): boolean =>
  code === 'ERR_IPVS_OUTCOME_UNKNOWN' ||
  code === 'ERR_IPVS_TIMEOUT' ||
  code === 'ABORT_ERR' ||
  code === 'ERR_IPVS_CLOSED'

/** The steps that are under way, and what became of each. */
export class Run {
  private readonly outcomes: (StepOutcome | undefined)[]
  /** Services of which something that had to come first has failed. */
  private readonly broken = new Set<string>()
  /** What the kernel did not simply do. */
  private readonly open: { readonly place: number; readonly error: unknown }[] = []
  private readonly pieces = new Pieces()

  constructor(
    private readonly ipvs: ReconcileClient,
    private readonly steps: readonly PlanStep[],
    private readonly call: CallOptions,
  ) {
    this.outcomes = new Array(steps.length).fill(undefined)
  }

  /** Those of all steps, in pieces. */
  async select(matches: (step: PlanStep) => boolean): Promise<Places> {
    const found: number[] = []
    for (const [place, step] of this.steps.entries()) {
      if (this.pieces.isDue()) await this.pieces.next()
      if (matches(step)) found.push(place)
    }
    return found
  }

  settle(place: number, status: StepStatus, more: { why?: SkipReason; error?: unknown } = {}): void {
    const { why, error } = more
    const outcome = { step: this.step(place), status, why, error }
    this.outcomes[place] = outcome
    if (isWrong(outcome) && isTableStep(outcome.step) && isOpening(outcome.step)) {
      this.broken.add(serviceKeyId(outcome.step.service))
    }
  }

  /** Leaves out what is not as it was. */
  async checkUnchanged(places: Places): Promise<void> {
    // A dump can miss what is there: what is gone is looked for twice.
    const missing = await this.leaveChanged(places)
    for (const place of await this.leaveChanged(missing)) {
      if (this.step(place).verb === 'remove') this.settle(place, 'already')
      else this.settle(place, 'skipped', { why: 'changed-meanwhile' })
    }
  }

  /** Steps of services that something went wrong with are left out: what they have keeps working. */
  async leaveBroken(places: Places): Promise<void> {
    if (this.broken.size === 0) return
    for (const place of places) {
      if (this.pieces.isDue()) await this.pieces.next()
      const step = this.step(place)
      if (!isTableStep(step) || this.has(place) || !this.broken.has(serviceKeyId(step.service))) continue
      this.settle(place, 'skipped', { why: 'depends-on-failed' })
    }
  }

  async perform(places: Places): Promise<void> {
    const first: number[] = []
    const table: number[] = []
    const last: number[] = []
    for (const place of places) {
      if (this.pieces.isDue()) await this.pieces.next()
      const step = this.step(place)
      if (this.has(place)) continue
      if (isTableStep(step)) table.push(place)
      else if (isFirst(step)) first.push(place)
      else last.push(place)
    }
    for (const place of first) await this.alone(place)
    await this.putAll(table)
    for (const place of last) await this.alone(place)
  }

  /** Looks again at what the kernel refused, and at what nobody knows the end of. */
  async resolveOpen(): Promise<void> {
    const open = this.open.splice(0)
    if (open.length === 0) return
    // A kernel that says nothing would let the look wait as well.
    const silent = open.some(({ error }) => (error as { code?: string }).code === 'ERR_IPVS_TIMEOUT')
    const places = open.map(({ place }) => place).filter((place) => isTableStep(this.step(place)))
    let view: TableView | undefined
    try {
      // Whoever aborts wants to know what is where.
      const { timeout } = this.call
      if (!silent && places.length > 0) view = await this.lookAt(places, { timeout })
    } catch {
      // Then nobody knows more than the first errors say.
    }
    for (const { place, error } of open) {
      if (this.pieces.isDue()) await this.pieces.next()
      const step = this.step(place)
      if (isTableStep(step)) {
        const asWanted = view && isAsWanted(this.ipvs.capabilities, step, view)
        const missing = step.verb === 'add' && step.kind !== 'service' && view && !view.service(step)
        this.resolve(place, error, asWanted, missing)
      } else {
        this.resolve(place, error, silent ? undefined : await this.isSet(step))
      }
    }
  }

  /** In the order of the plan. */
  async result(): Promise<Applied> {
    const counts = { done: 0, already: 0, skipped: 0, failed: 0, unknown: 0 }
    let complete = true
    for (const outcome of this.outcomes as readonly StepOutcome[]) {
      if (this.pieces.isDue()) await this.pieces.next()
      counts[outcome.status]++
      if (isWrong(outcome)) complete = false
    }
    return { outcomes: this.outcomes as readonly StepOutcome[], counts, complete }
  }

  private step(place: number): PlanStep {
    return this.steps[place] as PlanStep
  }

  private has(place: number): boolean {
    return this.outcomes[place] !== undefined
  }

  /** Those that are not there. */
  private async leaveChanged(places: Places): Promise<Places> {
    if (places.length === 0) return []
    const view = await this.lookAt(places, this.call)
    const missing: number[] = []
    for (const place of places) {
      if (this.pieces.isDue()) await this.pieces.next()
      const step = this.step(place)
      const now = view.fingerprint(step)
      if (now === undefined) missing.push(place)
      else if (now !== step.expect) this.settle(place, 'skipped', { why: 'changed-meanwhile' })
    }
    return missing
  }

  private lookAt(places: Places, call: CallOptions): Promise<TableView> {
    const { ipvs, steps } = this
    return lookAt(
      ipvs,
      places.map((place) => steps[place] as PlanStep),
      call,
    )
  }

  /** In pieces: a batch is filled in one go. What each piece is rejected with, every step of it is. */
  private async putAll(places: Places): Promise<void> {
    const pieces: Promise<void>[] = []
    for (let from = 0; from < places.length; from += STEPS_PER_BATCH) {
      if (from > 0) await nextTurn()
      pieces.push(this.putSome(places.slice(from, from + STEPS_PER_BATCH)))
    }
    await Promise.all(pieces)
  }

  private async putSome(places: Places): Promise<void> {
    const build = (batch: ReconcileBatch): void => {
      for (const place of places) put(batch, this.step(place) as TableStep)
    }
    let results: readonly StepResult[] | undefined
    let failure: unknown
    try {
      results = await this.ipvs.batch(build, this.call)
    } catch (error) {
      failure = error
    }
    for (const [i, place] of places.entries()) {
      this.take(place, results ? (results[i] as StepResult) : { status: 'rejected', error: failure })
    }
  }

  private async alone(place: number): Promise<void> {
    const { ipvs, call } = this
    const step = this.step(place) as SettingStep
    try {
      if (step.kind === 'timeouts') {
        await ipvs.timeouts.set(step.after, call)
      } else if (step.kind === 'sysctl') {
        await ipvs.sysctl?.set(step.name, step.after, call)
      } else {
        if (step.before) await ipvs.daemons.stop(step.before.state, call)
        if (step.after) await ipvs.daemons.start(step.after, call)
      }
      this.settle(place, 'done')
    } catch (error) {
      this.take(place, { status: 'rejected', error })
    }
  }

  private take(place: number, result: StepResult): void {
    if (result.status === 'fulfilled') {
      this.settle(place, 'done')
      return
    }
    const { error } = result
    const { code, sent } = error as { code?: string; sent?: boolean }
    if (code === 'ABORT_ERR' && !sent) this.settle(place, 'skipped', { why: 'aborted', error })
    else this.open.push({ place, error })
  }

  /** Undefined where it cannot be read. */
  private async isSet(step: SettingStep): Promise<boolean | undefined> {
    const { timeout } = this.call
    try {
      return await isSetAsWanted(this.ipvs, step, { timeout })
    } catch {
      return undefined
    }
  }

  /** `asWanted` undefined: nobody could look. `missing`: it is of a service that is not there. */
  private resolve(place: number, error: unknown, asWanted: boolean | undefined, missing = false): void {
    const { code, sent } = error as { code?: string; sent?: boolean }
    const lost = sent === true && isLost(code)
    if (asWanted) this.settle(place, lost ? 'done' : 'already')
    else if (asWanted === undefined) this.settle(place, lost ? 'unknown' : 'failed', { error })
    else if (missing && code === 'ESRCH') this.settle(place, 'skipped', { why: 'depends-on-failed', error })
    else this.settle(place, 'failed', { error })
  }
}
