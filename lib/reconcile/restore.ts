/** `restore()`: makes a director what a saved one was, by what differs and in the order that breaks nothing. */

import { invalidType, invalidValue } from '../errors/argument-errors'
import { checkBoolean, checkProperties, PropertyNames } from '../input'
import { ruleWrites } from '../kernel/rules'
import type { CallOptions } from '../model/call-types'
import type { DesiredState } from '../model/desired-state'
import { destinationKeyId, serviceKeyId } from '../model/keys'
import { apply } from './apply'
import type { Applied } from './apply-types'
import { carryOver, keyOfSaved } from './carry-over'
import { heldServices, parseSavedState } from './check-saved'
import type { ReconcileClient, SysctlWriter } from './client'
import { inOrder } from './order'
import { checkPlanOptions, planWanted } from './plan'
import type { Plan, PlanStep, PlanWarning } from './plan-types'
import { settableTimeouts, sysctlSteps } from './restore-settings'
import type { RestoreLoss } from './saved-errors'
import { RestoreLossError } from './saved-errors'
import type { SavedState } from './saved-types'
import { checkInPieces } from './wanted'

/** What of a client a restore needs: `Ipvs` has it. */
export interface RestoreClient extends ReconcileClient {
  readonly sysctl: SysctlWriter
}

export interface RestoreOptions extends CallOptions {
  /**
   * `'replace'`: what is not in the document goes. `'merge'`: it stays, services, destinations, local addresses and daemons; what
   * is in it becomes as it was saved. There is no default.
   */
  readonly mode: 'replace' | 'merge'
  /** Only says what would be done. Default false. */
  readonly dryRun?: boolean | undefined
  /** Restores what this kernel can have where it cannot have all. Default false. */
  readonly acceptLosses?: boolean | undefined
}

/** What `restore` did, or would do. */
export interface Restored {
  /** What was done, or with `dryRun` would be. `formatPlan` prints it. */
  readonly plan: Plan
  /** What this kernel cannot have. Empty unless `dryRun` or `acceptLosses`. */
  readonly losses: readonly RestoreLoss[]
  /** Undefined with `dryRun`. */
  readonly applied: Applied | undefined
}

const OPTIONS = new PropertyNames(['signal', 'timeout', 'mode', 'dryRun', 'acceptLosses'])

function checkOptions(options: RestoreOptions): RestoreOptions & CallOptions {
  const { mode } = checkProperties(options, 'options', OPTIONS)
  if (mode === undefined) throw invalidType('options.mode', "'replace' or 'merge'", mode)
  if (mode !== 'replace' && mode !== 'merge') {
    throw invalidValue('options.mode', "must be one of: 'replace', 'merge'", mode)
  }
  for (const name of ['dryRun', 'acceptLosses'] as const) {
    if (options[name] !== undefined) checkBoolean(options[name], `options.${name}`)
  }
  return options
}

/** Where the objects of steps stand in the document. */
function pathsOf({ services, daemons = [] }: SavedState): (step: PlanStep) => string {
  const paths = new Map<string, string>()
  for (const [i, service] of services.entries()) {
    const id = serviceKeyId(keyOfSaved(service))
    paths.set(id, `services[${i}]`)
    for (const [j, destination] of service.destinations.entries()) {
      paths.set(`${id} -> ${destinationKeyId(destination)}`, `services[${i}].destinations[${j}]`)
    }
  }
  return (step) => {
    if (step.kind === 'daemon')
      return `daemons[${daemons.findIndex(({ state }) => state === step.after?.state)}]`
    if (!('service' in step)) return step.kind
    const id = serviceKeyId(step.service)
    const path = paths.get(
      step.kind === 'destination' ? `${id} -> ${destinationKeyId(step.destination)}` : id,
    )
    return step.kind === 'localAddress' ? `${path}.localAddresses` : `${path}`
  }
}

/** What the rules of this kernel refuse. */
function refusedBy(plan: Plan, saved: SavedState): RestoreLoss[] {
  const refused = plan.steps.filter(({ reason }) => reason === 'unsupported')
  if (refused.length === 0) return []
  const pathOf = pathsOf(saved)
  return refused.map((step) => {
    const service = 'service' in step ? step.service : undefined
    const destination = step.kind === 'destination' ? step.destination : undefined
    return { path: pathOf(step), message: step.message, service, destination }
  })
}

const IN_MOTION: PlanWarning = {
  code: 'saved-in-motion',
  message: 'the table changed all the time while it was saved: something can be missing in the document',
  hint: 'Look at what would be removed before you restore it.',
}

async function planRestore(
  ipvs: RestoreClient,
  saved: SavedState,
  { mode, signal, timeout }: RestoreOptions,
): Promise<{ readonly plan: Plan; readonly losses: readonly RestoreLoss[] }> {
  const { capabilities } = ipvs
  const call = { signal, timeout }
  const carried = carryOver(saved, capabilities)
  const losses: RestoreLoss[] = Array.from(carried.losses)
  const timeouts = saved.timeouts && settableTimeouts(saved.timeouts, await ipvs.timeouts.get(call), losses)
  // The kernel puts what is new at the front of its lists: added from the end they come out as they were saved.
  const services = carried.services
    .map((service) => ({ ...service, destinations: Array.from(service.destinations).reverse() }))
    .reverse()
  const { daemons } = carried
  const desired: DesiredState = { services: heldServices(services), timeouts, daemons }
  const planned = await planWanted(ipvs, await checkInPieces(desired), checkPlanOptions(call))
  const kept = planned.steps.filter(
    ({ verb, reason }) => mode === 'replace' || (verb !== 'remove' && reason !== 'waits'),
  )
  const sysctls = saved.sysctls
    ? sysctlSteps(saved.sysctls, await ipvs.sysctl.list(call), capabilities.dialect, losses)
    : { steps: [], unchanged: 0 }
  const plan: Plan = {
    ...planned,
    steps: await inOrder([...sysctls.steps, ...kept]),
    warnings: [...(saved.consistent ? [] : [IN_MOTION]), ...carried.warnings, ...planned.warnings],
    unchanged: planned.unchanged + sysctls.unchanged,
  }
  return { plan, losses: [...losses, ...refusedBy(plan, saved)] }
}

/**
 * Makes the director what `document` says: a `SavedState`, or its JSON text. Everything is checked before anything is sent, then
 * what differs is changed, by `plan()` and `apply()`: what is as it was saved is not touched, and its connections go on.
 *
 * Rejects, with nothing sent, with `SavedStateError` (`problems`, each with its path) for what is no saved state, with
 * `RestoreLossError` (`losses`) where this kernel cannot have all of it and `acceptLosses` is not true, and as `plan()` does. What
 * became of each step stands in `applied`.
 */
export async function restore(
  ipvs: RestoreClient,
  document: SavedState | string,
  options: RestoreOptions,
): Promise<Restored> {
  const { dryRun = false, acceptLosses = false, signal, timeout } = checkOptions(options)
  const saved = parseSavedState(document)
  ruleWrites(ipvs.capabilities, 'restore')
  const { plan, losses } = await planRestore(ipvs, saved, options)
  if (dryRun) return { plan, losses, applied: undefined }
  if (losses.length > 0 && !acceptLosses) throw new RestoreLossError(losses)
  return { plan, losses, applied: await apply(ipvs, plan, { signal, timeout }) }
}
