/** Whether a timeout, a sync daemon or a sysctl is as its step wants it, whoever made it so. */

import type { CallOptions } from '../model/call-types'
import type { ReconcileClient } from './client'
import type { DaemonStep, SysctlStep, TimeoutsStep } from './plan-types'
import { sameDaemon, TIMEOUTS } from './settings'

export type SettingStep = TimeoutsStep | SysctlStep | DaemonStep

/** Rejects where it cannot be read. */
export async function isSetAsWanted(
  ipvs: ReconcileClient,
  step: SettingStep,
  call: CallOptions,
): Promise<boolean> {
  if (step.kind === 'timeouts') {
    const [current, { after }] = [await ipvs.timeouts.get(call), step]
    return TIMEOUTS.every((name) => after[name] === undefined || after[name] === current[name])
  }
  if (step.kind === 'sysctl') {
    const found = await ipvs.sysctl?.get(step.name, call)
    return String(found?.value) === String(step.after)
  }
  const { before, after } = step
  const state = (after ?? before)?.state
  const current = (await ipvs.daemons.list(call)).find((daemon) => daemon.state === state)
  return after && current ? sameDaemon(after, current) : !after && !current
}
