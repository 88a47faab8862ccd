/** `plan()`: what has to be done so that a director is what it should be. */

import { invalidValue, outOfRange } from '../errors/argument-errors'
import { checkBoolean, checkProperties, PropertyNames } from '../input'
import type { CallOptions } from '../model/call-types'
import type { DesiredState } from '../model/desired-state'
import { keyOf, serviceKeyId } from '../model/keys'
import type { DestinationInfo, SnapshotService } from '../model/types'
import type { ReconcileReader } from './client'
import type { LimitOptions } from './limits'
import { checkLimits, withinLimits } from './limits'
import { inOrder, keepWhatWorks } from './order'
import type { Ownership, OwnershipOptions } from './ownership'
import { checkOwnership, refuseUnmanaged } from './ownership'
import type { Plan, PlanStep } from './plan-types'
import { settingSteps } from './settings'
import type { StepList } from './steps'
import { removalStep, wantedSteps } from './steps'
import type { WantedDestination, WantedState } from './wanted'
import { checkDesiredState } from './wanted'
import { warningsOf } from './warnings'

export interface DrainOptions {
  /**
   * Which connections keep a drained destination: `'active'`, or `'all'` with the inactive ones (closing, and UDP). Default
   * `'active'`.
   */
  readonly drainWhile?: 'active' | 'all' | undefined
}

export interface PlanOptions extends CallOptions, OwnershipOptions, LimitOptions, DrainOptions {
  /** Weights of destinations that are there stay as they are, but for those that drain. Default false. */
  readonly keepWeights?: boolean | undefined
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
  'keepWeights',
  'now',
])

/** UDP counts its connections as active or not, by kernel; none of them ends by a packet. */
function isDrained({ drainWhile = 'active' }: PlanOptions, now: number) {
  if (drainWhile !== 'active' && drainWhile !== 'all') {
    throw invalidValue('options.drainWhile', "must be one of: 'active', 'all'", drainWhile)
  }
  return ({ until }: WantedDestination, current: DestinationInfo): boolean => {
    if (until !== undefined && now >= until) return true
    const { activeConnections, inactiveConnections } = current
    const left = drainWhile === 'all' ? activeConnections + inactiveConnections : activeConnections
    return left === 0 && current.weight === 0
  }
}

function serviceSteps(
  list: StepList,
  wanted: WantedState['services'],
  ownership: Ownership,
  services: readonly SnapshotService[],
): void {
  if (!wanted) return
  const seen = new Set<string>()
  for (const found of services) {
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
    if (!seen.has(id)) wantedSteps(list, desired, undefined)
  }
}

/** What is there and within the scope, for shares. */
function countPresent(services: readonly SnapshotService[], ownership: Ownership): number {
  return services
    .filter(({ service }) => ownership.manages(keyOf(service)))
    .reduce((sum, { destinations }) => sum + 1 + destinations.length, 0)
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
  checkProperties(options, 'options', OPTIONS)
  const { keepWeights = false, now = Date.now(), signal, timeout } = options
  checkBoolean(keepWeights, 'options.keepWeights')
  if (typeof now !== 'number' || Number.isNaN(now)) throw outOfRange('options.now', 'a time', now)
  const ownership = checkOwnership(options)
  const limits = checkLimits(options)
  const drained = isDrained(options, now)
  const wanted = checkDesiredState(desired)
  const desiredServices = Array.from(wanted.services?.values() ?? [])
  refuseUnmanaged(
    ownership,
    desiredServices.map(({ key }) => key),
  )
  const call = { signal, timeout }
  const { services, consistent } = await ipvs.snapshot({ ...call, consistent: true })
  const { capabilities } = ipvs
  const steps: PlanStep[] = []
  let unchanged = 0
  const list: StepList = {
    capabilities,
    keepWeights,
    drained,
    add: (step) => steps.push(step),
    unchanged: () => {
      unchanged++
    },
  }
  serviceSteps(list, wanted.services, ownership, services)
  await settingSteps(list, ipvs, wanted, call)
  const warnings = warningsOf(capabilities, desiredServices)
  if (consistent === false) {
    warnings.push({
      code: 'table-in-motion',
      message: 'two reads of the table never agreed: somebody changes it all the time',
      hint: 'What is planned may be done already, or be wrong; plan again.',
    })
  }
  const limited = withinLimits(keepWhatWorks(steps), limits, countPresent(services, ownership))
  return { version: 1, dialect: capabilities.dialect, steps: inOrder(limited), warnings, unchanged }
}
