/** What a plan may do: steps that may not be done become reports. */

import { invalidType, invalidValue, outOfRange } from '../errors/argument-errors'
import { checkProperties, PropertyNames } from '../input'
import { Pieces } from '../model/turn'
import type { PlanStep, StepReason } from './plan-types'

export type Permission = 'add' | 'edit' | 'remove'

export interface LimitOptions {
  /** What may be done; `'edit'` is changes and drains. Default all three. */
  readonly allow?: readonly Permission[] | undefined
  /**
   * A brake against a desired state that lost its content: where more services and destinations would go than so many, or than
   * such a share of ours that are there, none is removed. A service counts with its destinations. Default: no limit.
   */
  readonly maxRemovals?: number | { readonly share: number } | undefined
}

const PERMISSIONS: readonly Permission[] = ['add', 'edit', 'remove']
const MAX_REMOVALS = new PropertyNames(['share'])
/** 0.29 of 100 is 28.999999999999996 to a computer. */
const ROUNDING = 1e-9

export interface Limits {
  readonly allow: readonly Permission[]
  readonly mostRemovals: (present: number) => number
}

export function checkLimits({ allow = PERMISSIONS, maxRemovals }: LimitOptions): Limits {
  if (!Array.isArray(allow)) throw invalidType('options.allow', 'Array', allow)
  for (const name of allow) {
    if (!PERMISSIONS.includes(name))
      throw invalidValue('options.allow', "can have 'add', 'edit' and 'remove'", name)
  }
  if (maxRemovals === undefined) return { allow, mostRemovals: () => Number.POSITIVE_INFINITY }
  if (typeof maxRemovals === 'number') {
    if (!Number.isInteger(maxRemovals) || maxRemovals < 0) {
      throw outOfRange('options.maxRemovals', 'an integer >= 0', maxRemovals)
    }
    return { allow, mostRemovals: () => maxRemovals }
  }
  const { share } = checkProperties(maxRemovals, 'options.maxRemovals', MAX_REMOVALS)
  if (typeof share !== 'number' || !(share >= 0 && share <= 1)) {
    throw outOfRange('options.maxRemovals.share', '>= 0 && <= 1', share)
  }
  return { allow, mostRemovals: (present) => Math.floor(present * share + ROUNDING) }
}

const permissionOf = ({ verb }: PlanStep): Permission | undefined =>
  verb === 'report' ? undefined : verb === 'add' || verb === 'remove' ? verb : 'edit'

const asReport = (step: PlanStep, reason: StepReason, why: string): PlanStep => ({
  ...step,
  verb: 'report',
  reason,
  message: `${why}: would ${step.verb}${step.message ? ` (${step.message})` : ''}`,
})

/** What a share is one of. */
export interface Present {
  /** Services and destinations that are ours. */
  readonly present: number
  /** Of these, destinations of services that go: no step of their own says so. */
  readonly goAlong: number
}

/** While the table is in motion nothing is removed: what was read may be half of what somebody else is about to do. */
export async function withinLimits(
  steps: readonly PlanStep[],
  limits: Limits,
  { present, goAlong }: Present,
  inMotion: boolean,
): Promise<PlanStep[]> {
  const pieces = new Pieces()
  let removals = goAlong
  for (const { verb, kind } of steps) {
    if (pieces.isDue()) await pieces.next()
    if (verb === 'remove' && (kind === 'service' || kind === 'destination')) removals++
  }
  const braked = removals > limits.mostRemovals(present)
  const limited = (step: PlanStep): PlanStep => {
    const permission = permissionOf(step)
    if (permission !== undefined && !limits.allow.includes(permission)) {
      return asReport(step, 'not-allowed', 'not allowed')
    }
    if (braked && step.verb === 'remove') {
      return asReport(step, 'too-many-removals', `${removals} removals are more than maxRemovals`)
    }
    if (inMotion && step.verb === 'remove') {
      return asReport(step, 'table-in-motion', 'two reads of the table never agreed')
    }
    return step
  }
  const found: PlanStep[] = []
  for (const step of steps) {
    if (pieces.isDue()) await pieces.next()
    found.push(limited(step))
  }
  return found
}
