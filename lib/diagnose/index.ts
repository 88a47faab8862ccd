/** What is wrong with a director, and what to do: docs/doctor.md. */

export type { DesiredState } from '../model/desired-state'
export type { MachineInfo } from '../model/machine'
export { DesiredStateError } from '../reconcile/state-error'
export type { DiagnoseClient } from './client'
export type { FindingCode, FindingSeverity } from './codes'
export { FINDING_CODES, FINDING_SEVERITIES } from './codes'
export type { DiagnoseOptions } from './diagnose'
export { diagnose } from './diagnose'
export { diagnoseOpenFailure } from './open-failure'
export type { Diagnosis, EvidenceValue, Finding, FindingSubject } from './types'
