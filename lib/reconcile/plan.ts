/** `plan()`: what has to be done so that a director is what it should be. */

import { outOfRange } from '../errors/argument-errors'
import { checkBoolean, checkProperties, PropertyNames } from '../input'
import type { CallOptions } from '../model/call-types'
import type { DesiredState } from '../model/desired-state'
import { keyOf, serviceKeyId } from '../model/keys'
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
import { settingSteps } from './settings'
import type { StepList } from './steps'
import { removalStep, wantedSteps } from './steps'
import { Turns } from './turns'
import type { WantedState } from './wanted'
import { checkDesiredState } from './wanted'
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

async function serviceSteps(
  list: StepList,
  wanted: WantedState['services'],
  ownership: Ownership,
  services: readonly SnapshotService[],
): Promise<void> {
  if (!wanted) return
  const seen = new Set<string>()
  const turns = new Turns()
  for (const found of services) {
    if (turns.isDue(1 + found.destinations.length)) await turns.next()
    const key = keyOf(found.service)
    const id = serviceKeyId(key)
    const desired = wanted.get(id)
    seen.add(id)
    if (!ownership.manages(key)) continue
    if (ownership.isForeign(key) && !(desired && ownership.adopt)) {
      if (desired) {
        const message = 'was made by somebody else; adopt takes it over'
        list.add({ verb: 'report', reason: 'not-ours', kind: 'service', service: key, message })
      }
      continue
    }
    if (desired) wantedSteps(list, desired, found)
    else removalStep(list, key, found)
  }
  for (const [id, desired] of wanted) {
    if (seen.has(id)) continue
    if (turns.isDue(1 + (desired.destinations?.size ?? 0))) await turns.next()
    wantedSteps(list, desired, undefined)
  }
}

/** What is there and within the scope, for shares. */
function countPresent(services: readonly SnapshotService[], ownership: Ownership): number {
  return services
    .filter(({ service }) => ownership.manages(keyOf(service)))
    .reduce((sum, { destinations }) => sum + 1 + destinations.length, 0)
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

/**
 * Reads the director, and says what has to be done. Throws a `DesiredStateError` with everything that is wrong in `desired`
 * before anything is read. Nothing is changed.
 */
export async function plan(
  ipvs: ReconcileReader,
  desired: DesiredState,
  options: PlanOptions = {},
): Promise<Plan> {
  const checked = checkPlanOptions(options)
  return planWanted(ipvs, checkDesiredState(desired), checked)
}

/** The same for a state that was checked before. */
export async function planWanted(
  ipvs: ReconcileReader,
  wanted: WantedState,
  { keepWeights, keepLastWorking, ownership, limits, drains, call }: CheckedPlanOptions,
): Promise<Plan> {
  const desiredServices = Array.from(wanted.services?.values() ?? [])
  refuseUnmanaged(
    ownership,
    desiredServices.map(({ key }) => key),
  )
  const { services, consistent } = await ipvs.snapshot({ ...call, consistent: true })
  const { capabilities } = ipvs
  const steps: PlanStep[] = []
  const draining: Draining[] = []
  let unchanged = 0
  const list: StepList = {
    capabilities,
    keepWeights,
    keepLastWorking,
    ...drains,
    add: (step) => steps.push(step),
    draining: (what) => draining.push(what),
    unchanged: () => {
      unchanged++
    },
  }
  await serviceSteps(list, wanted.services, ownership, services)
  await settingSteps(list, ipvs, wanted, call)
  const inMotion = consistent !== true
  const limited = withinLimits(keepWhatWorks(steps), limits, countPresent(services, ownership), inMotion)
  const warnings = [
    ...warningsOf(capabilities, desiredServices),
    ...(await machineWarnings(ipvs, { wanted: desiredServices, services, steps: limited, draining }, call)),
  ]
  if (inMotion) {
    warnings.push({
      code: 'table-in-motion',
      message: 'two reads of the table never agreed: somebody changes it all the time',
      hint: 'What is planned may be done already; nothing is removed. Plan again.',
    })
  }
  return { version: 1, dialect: capabilities.dialect, steps: inOrder(limited), warnings, draining, unchanged }
}
