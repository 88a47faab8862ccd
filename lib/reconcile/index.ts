/** A director that is always what it should be: desired state → plan → apply. */

export type { DesiredDestination, DesiredPool, DesiredService, DesiredState } from '../model/desired-state'
export type { ApplyOptions } from './apply'
export { apply } from './apply'
export type { Applied, SkipReason, StepOutcome, StepStatus } from './apply-types'
export type { ReconcileBatch, ReconcileClient, ReconcileReader } from './client'
export type { PlanOptions } from './plan'
export { plan } from './plan'
export type { Plan, PlanStep, PlanWarning, StepReason, StepVerb } from './plan-types'
export type { PrintOptions } from './print-plan'
export { formatPlan, summarizePlan } from './print-plan'
export type { StateProblem } from './state-error'
export { DesiredStateError } from './state-error'
