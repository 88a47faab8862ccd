/** A director that is always what it should be: desired state → plan → apply. */

export type {
  DesiredDestination,
  DesiredDestinationConfig,
  DesiredDestinationState,
  DesiredLocalAddressDrain,
  DesiredPool,
  DesiredService,
  DesiredServiceConfig,
  DesiredState,
} from '../model/desired-state'
export type { ReconcilerActivity } from '../model/reconciler-activity'
export type { ApplyOptions } from './apply'
export { apply } from './apply'
export type { Applied, SkipReason, StepOutcome, StepStatus } from './apply-types'
export { parseSavedState } from './check-saved'
export type {
  ReconcileBatch,
  ReconcileClient,
  ReconcileReader,
  StepResult,
  SysctlGetter,
  SysctlReader,
  SysctlWriter,
} from './client'
export { desiredStateSchema } from './desired-schema'
export type { DestroyOptions } from './destroy'
export { destroy } from './destroy'
export type { DrainOptions, DrainWhile } from './drains'
export type { OwnershipOptions, Scope } from './ownership'
export type { PlanOptions } from './plan'
export { plan } from './plan'
export type {
  DaemonStep,
  DestinationStep,
  Draining,
  DrainingDestination,
  DrainingLocalAddress,
  LocalAddressStep,
  Plan,
  PlanStep,
  PlanWarning,
  ServiceStep,
  StepReason,
  StepVerb,
  SysctlStep,
  TimeoutsStep,
} from './plan-types'
export type { PrintOptions } from './print-plan'
export { formatPlan, summarizePlan } from './print-plan'
export { Reconciler } from './reconciler'
export type { ReconcilerClock } from './reconciler-clock'
export type {
  DesiredStates,
  ReconcilerClient,
  ReconcilerOptions,
  ReconcilerPlanOptions,
} from './reconciler-options'
export type {
  Drift,
  FailurePhase,
  ReconcilerEvents,
  ReconcilerStatus,
  Round,
  RoundCause,
} from './reconciler-types'
export type { RestoreClient, Restored, RestoreOptions } from './restore'
export { restore } from './restore'
export type { SaveClient, SaveOptions } from './save'
export { save } from './save'
export type { RestoreLoss } from './saved-errors'
export { RestoreLossError, SavedStateError } from './saved-errors'
export { savedStateSchema } from './saved-schema'
export type {
  SavedAddressService,
  SavedDaemon,
  SavedDestination,
  SavedDialect,
  SavedFwmarkService,
  SavedService,
  SavedState,
} from './saved-types'
export type { JsonSchema } from './schema-parts'
export type { StateProblem } from './state-error'
export { DesiredStateError } from './state-error'
export type { SuggestOptions } from './suggest-local-addresses'
export { suggestLocalAddresses } from './suggest-local-addresses'
