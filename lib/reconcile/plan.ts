/** `plan()`: what has to be done so that a director is what it should be. */

import { outOfRange } from '../errors/argument-errors'
import { checkBoolean, checkProperties, PropertyNames } from '../input'
import type { Capabilities } from '../kernel/capabilities'
import { readUntilAgreed } from '../model/agreeing-reads'
import type { CallOptions } from '../model/call-types'
import type { DesiredState } from '../model/desired-state'
import { keyOf, serviceKeyId } from '../model/keys'
import { Pieces } from '../model/turn'
import type { SnapshotService } from '../model/types'
import type { ReconcileReader } from './client'
import type { DrainOptions, Drains } from './drains'
import { checkDrains } from './drains'
import type { LimitOptions, Limits } from './limits'
import { checkLimits, withinLimits } from './limits'
import { machineWarnings } from './machine-warnings'
import { inOrder, keepWhatWorks } from './order'
import type { Ownership, OwnershipOptions } from './ownership'
import { checkOwnership, refuseUnmanaged } from './ownership'
import type { Draining, Plan, PlanStep } from './plan-types'
import { readTable } from './read-table'
import { settingSteps } from './settings'
import type { StepList } from './steps'
import { removalStep, wantedSteps } from './steps'
import { checkInPieces } from './wanted'
import type { WantedService, WantedState } from './wanted-types'
import { warningsOf } from './warnings'

export interface PlanOptions extends CallOptions, OwnershipOptions, LimitOptions, DrainOptions {
  /** Weights of destinations that are there stay as they are, but for those that drain. Default false. */
  readonly keepWeights?: boolean | undefined
  /**
   * Where the desired state takes a service its last destination, those that are off or drain for `reason: 'health'` and still
   * take connections stay as they are, and are reported: rather the check is wrong than everything broken. Default false.
   */
  readonly keepLastWorking?: boolean | undefined
  /** The time, milliseconds since 1970; default now. */
  readonly now?: number | undefined
}

const OPTIONS = new PropertyNames([
  'signal',
  'timeout',
  'manage',
  'ignore',
  'remembered',
  'adopt',
  'allow',
  'maxRemovals',
  'drainWhile',
  'drainLocalAddresses',
  'keepWeights',
  'keepLastWorking',
  'now',
])

/** What a plan is made of, from one read of the table. */
class Draft implements StepList {
  readonly steps: PlanStep[] = []
  readonly inDrain: Draining[] = []
  /** Something has to be done, not only told. */
  changes = false
  same = 0
  /** Services and destinations that are ours, for shares. */
  present = 0
  goAlong = 0
  readonly keepWeights: boolean
  readonly keepLastWorking: boolean
  readonly drainRules: Drains

  constructor(
    readonly capabilities: Capabilities,
    { keepWeights, keepLastWorking, drains }: CheckedPlanOptions,
  ) {
    this.keepWeights = keepWeights
    this.keepLastWorking = keepLastWorking
    this.drainRules = drains
  }

  add(step: PlanStep): void {
    if (step.verb !== 'report') this.changes = true
    this.steps.push(step)
  }

  draining(what: Draining): void {
    this.inDrain.push(what)
  }

  unchanged(): void {
    this.same++
  }

  removesWhole(destinations: number): void {
    this.goAlong += destinations
  }
}

/** What one that is there needs. */
function presentSteps(
  draft: Draft,
  desired: WantedService | undefined,
  ownership: Ownership,
  found: SnapshotService,
): void {
  const key = keyOf(found.service)
  if (!ownership.manages(key)) return
  if (ownership.isForeign(key) && !(desired && ownership.adopt)) {
    if (!desired) return
    const message = 'was made by somebody else; adopt takes it over'
    draft.add({ verb: 'report', reason: 'not-ours', kind: 'service', service: key, message })
    return
  }
  draft.present += 1 + found.destinations.length
  if (desired) wantedSteps(draft, desired, found)
  else removalStep(draft, key, found)
}

/** `isEnough`: looked at behind each service; whoever wants all of it never says so. */
async function serviceSteps(
  draft: Draft,
  wanted: NonNullable<WantedState['services']>,
  ownership: Ownership,
  services: readonly SnapshotService[],
  isEnough: () => boolean,
): Promise<void> {
  const seen = new Set<string>()
  const pieces = new Pieces()
  for (const found of services) {
    if (pieces.isDue(1 + found.destinations.length)) await pieces.next()
    const id = serviceKeyId(found.service)
    seen.add(id)
    presentSteps(draft, wanted.get(id), ownership, found)
    if (isEnough()) return
  }
  for (const [id, desired] of wanted) {
    if (seen.has(id)) continue
    if (pieces.isDue(1 + (desired.destinations?.length ?? 0))) await pieces.next()
    wantedSteps(draft, desired, undefined)
    if (isEnough()) return
  }
}

export interface CheckedPlanOptions {
  readonly keepWeights: boolean
  readonly keepLastWorking: boolean
  readonly ownership: Ownership
  readonly limits: Limits
  readonly drains: Drains
  readonly call: CallOptions
}

export function checkPlanOptions(options: PlanOptions): CheckedPlanOptions {
  checkProperties(options, 'options', OPTIONS)
  const { keepWeights = false, keepLastWorking = false, now = Date.now(), signal, timeout } = options
  checkBoolean(keepWeights, 'options.keepWeights')
  checkBoolean(keepLastWorking, 'options.keepLastWorking')
  if (typeof now !== 'number' || Number.isNaN(now)) throw outOfRange('options.now', 'a time', now)
  return {
    keepWeights,
    keepLastWorking,
    ownership: checkOwnership(options),
    limits: checkLimits(options),
    drains: checkDrains(options, now),
    call: { signal, timeout },
  }
}

interface Drafted {
  readonly draft: Draft
  readonly services: readonly SnapshotService[]
  readonly inMotion: boolean
}

/**
 * What the table needs. One read is enough where it shows everything as it is wanted: what is missing in a dump is missing for
 * those alone who change the table meanwhile. Where something is to be done two reads must agree.
 */
async function draftTable(
  ipvs: ReconcileReader,
  wanted: WantedState['services'],
  checked: CheckedPlanOptions,
): Promise<Drafted> {
  if (!wanted) return { draft: new Draft(ipvs.capabilities, checked), services: [], inMotion: false }
  const { ownership, call } = checked
  let doubtful = false
  const read = async (): Promise<readonly SnapshotService[]> => {
    const { services, consistent } = await readTable(ipvs, call)
    doubtful = consistent === false
    return services
  }
  const first = await read()
  const glance = new Draft(ipvs.capabilities, checked)
  await serviceSteps(glance, wanted, ownership, first, () => glance.changes)
  if (!glance.changes) return { draft: glance, services: first, inMotion: false }
  const { services, consistent } = await readUntilAgreed(first, read)
  const draft = new Draft(ipvs.capabilities, checked)
  await serviceSteps(draft, wanted, ownership, services, () => false)
  return { draft, services, inMotion: !consistent || doubtful }
}

/**
 * Reads the director, and says what has to be done. Rejects with a `DesiredStateError` that has everything that is wrong in
 * `desired` before anything is read. Nothing is changed. A large state is checked in pieces: leave it as it is until then.
 */
export async function plan(
  ipvs: ReconcileReader,
  desired: DesiredState,
  options: PlanOptions = {},
): Promise<Plan> {
  const checked = checkPlanOptions(options)
  return planWanted(ipvs, await checkInPieces(desired), checked)
}

/** The same for a state that was checked before. */
export async function planWanted(
  ipvs: ReconcileReader,
  wanted: WantedState,
  checked: CheckedPlanOptions,
): Promise<Plan> {
  const { ownership, limits, call } = checked
  const wantedServices = wanted.services ?? new Map<string, WantedService>()
  const desiredServices = Array.from(wantedServices.values())
  refuseUnmanaged(
    ownership,
    desiredServices.map(({ key }) => key),
  )
  const { capabilities } = ipvs
  const { draft, services, inMotion } = await draftTable(ipvs, wanted.services, checked)
  await settingSteps(draft, ipvs, wanted, call)
  const { inDrain: draining, same: unchanged } = draft
  const steps = await withinLimits(await keepWhatWorks(draft.steps, limits), limits, draft, inMotion)
  const table = { wanted: wantedServices, services, steps, draining }
  const warnings = [
    ...(await warningsOf(capabilities, desiredServices, services)),
    ...(await machineWarnings(ipvs, table, call)),
  ]
  if (inMotion) {
    warnings.push({
      code: 'table-in-motion',
      message: 'two reads of the table never agreed: somebody changes it all the time',
      hint: 'What is planned may be done already; nothing is removed. Plan again.',
    })
  }
  return {
    version: 1,
    dialect: capabilities.dialect,
    steps: await inOrder(steps),
    warnings,
    draining,
    unchanged,
  }
}
