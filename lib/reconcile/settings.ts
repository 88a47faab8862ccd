/** Timeouts and sync daemons against those that are wanted. */

import { checkDaemonInput } from '../input'
import { ruleDaemon } from '../kernel/rules'
import { canonicalAddress } from '../model/address'
import type { CallOptions } from '../model/call-types'
import type { DaemonInfo, DaemonInput, Timeouts } from '../model/types'
import type { ReconcileReader } from './client'
import type { DaemonStep } from './plan-types'
import type { StepList } from './steps'
import { allowed } from './steps'
import type { WantedState } from './wanted-types'

export const TIMEOUTS = ['tcp', 'tcpFin', 'udp'] as const
const DAEMON_FIELDS = [
  'interface',
  'syncId',
  'syncMaxLength',
  'multicastGroup',
  'multicastPort',
  'multicastTtl',
] as const

function timeoutsStep(list: StepList, wanted: NonNullable<WantedState['timeouts']>, current: Timeouts): void {
  const differing = TIMEOUTS.filter((name) => wanted[name] !== undefined && wanted[name] !== current[name])
  if (differing.length === 0) {
    list.unchanged()
    return
  }
  const after: { -readonly [name in keyof Timeouts]?: number } = {}
  for (const name of differing) after[name] = wanted[name] as number
  const message = differing.map((name) => `${name} ${current[name]} -> ${wanted[name]}`).join(', ')
  list.add({ verb: 'change', kind: 'timeouts', reason: 'differs', before: current, after, message })
}

/** What is not named is the kernel's to choose. */
export const sameDaemon = (wanted: DaemonInput, current: DaemonInfo): boolean =>
  DAEMON_FIELDS.every((name) => {
    const value = name === 'multicastGroup' ? canonicalAddress(wanted[name] ?? '') : wanted[name]
    return value === undefined || value === current[name]
  })

/** What this kernel cannot start is told, and nothing is stopped for it. */
function startStep(list: StepList, daemon: DaemonInput, step: DaemonStep): void {
  const { capabilities } = list
  const refuse = (message: string) => list.add({ ...step, verb: 'report', reason: 'unsupported', message })
  const rule = () => ruleDaemon(capabilities, checkDaemonInput(daemon), capabilities.syncDaemons)
  if (allowed(rule, refuse)) list.add(step)
}

function daemonSteps(list: StepList, wanted: readonly DaemonInput[], current: readonly DaemonInfo[]): void {
  for (const daemon of current) {
    const desired = wanted.find(({ state }) => state === daemon.state)
    if (desired && sameDaemon(desired, daemon)) {
      list.unchanged()
      continue
    }
    const base = { kind: 'daemon', before: daemon } as const
    if (!desired)
      list.add({ ...base, verb: 'remove', reason: 'not-wanted', message: `interface ${daemon.interface}` })
    else
      startStep(list, desired, {
        ...base,
        verb: 'change',
        reason: 'differs',
        after: desired,
        message: 'stops, and starts again',
      })
  }
  for (const daemon of wanted) {
    if (current.some(({ state }) => state === daemon.state)) continue
    const message = `interface ${daemon.interface}`
    startStep(list, daemon, { kind: 'daemon', verb: 'add', reason: 'missing', after: daemon, message })
  }
}

export async function settingSteps(
  list: StepList,
  ipvs: ReconcileReader,
  { timeouts, daemons }: WantedState,
  call: CallOptions,
): Promise<void> {
  if (timeouts) timeoutsStep(list, timeouts, await ipvs.timeouts.get(call))
  if (daemons) daemonSteps(list, daemons, await ipvs.daemons.list(call))
}
