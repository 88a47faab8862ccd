/** Timeouts and sysctls of a saved state against those of the kernel: what differs, and what it cannot be set to. */

import { describeSysctl, sysctlAvailability, sysctlFacts } from '../kernel/sysctls'
import type { SysctlFacts } from '../kernel/sysctls/facts'
import {
  checkSysctl,
  formatSysctl,
  keepsSysctl,
  localPortSteps,
  withoutEffect,
} from '../kernel/sysctls/values'
import type { Dialect } from '../model/call-types'
import type { SysctlInfo, SysctlValue } from '../model/sysctls'
import type { Timeouts } from '../model/types'
import type { SysctlStep } from './plan-types'
import type { RestoreLoss } from './saved-errors'
import type { SavedState } from './saved-types'

const TIMEOUTS = ['tcp', 'tcpFin', 'udp'] as const
/** ip_vs_ctl.c:ip_vs_set_timeout takes 0 for "leave it", and multiplies by HZ without a check. */
const SECONDS_MAX = 2147483

/** Those that can be set; one that is so already need not be. */
export function settableTimeouts(
  saved: Timeouts,
  current: Timeouts,
  losses: RestoreLoss[],
): { readonly [name in keyof Timeouts]?: number } {
  const wanted: { -readonly [name in keyof Timeouts]?: number } = {}
  for (const name of TIMEOUTS) {
    const seconds = saved[name]
    if (seconds >= 1 && seconds <= SECONDS_MAX) wanted[name] = seconds
    else if (seconds !== current[name]) {
      const message = `${seconds} s can be held, not set: it is ${current[name]} s`
      losses.push({ path: `timeouts.${name}`, message })
    }
  }
  return wanted
}

const PORTS = { min: 'fullnat_lport_min', max: 'fullnat_lport_max' } as const

/** The two ends of the ports of local addresses in the order in which they never cross. */
function portNames(saved: NonNullable<SavedState['sysctls']>, current: ReadonlyMap<string, SysctlInfo>) {
  const [min, max] = [current.get(PORTS.min)?.value, current.get(PORTS.max)?.value]
  if (typeof min !== 'number' || typeof max !== 'number') return { names: [] as string[], to: undefined }
  const to = { min: (saved[PORTS.min] ?? min) as number, max: (saved[PORTS.max] ?? max) as number }
  return { names: localPortSteps({ min, max }, to).map(({ name }): string => name), to }
}

/** Why it cannot be set to that here. */
function refusal(facts: SysctlFacts, value: SysctlValue, dialect: Dialect): string | undefined {
  try {
    const reason = withoutEffect(facts, checkSysctl(facts, value, dialect), dialect)
    return reason && `it has no effect: ${reason}`
  } catch (error) {
    return (error as Error).message
  }
}

export interface SysctlSteps {
  readonly steps: readonly SysctlStep[]
  readonly unchanged: number
}

export function sysctlSteps(
  saved: NonNullable<SavedState['sysctls']>,
  infos: readonly SysctlInfo[],
  dialect: Dialect,
  losses: RestoreLoss[],
): SysctlSteps {
  const current = new Map(infos.map((info) => [info.name, info] as const))
  const { names: ports, to } = portNames(saved, current)
  const others = Object.keys(saved).filter((name) => !ports.includes(name))
  const steps: SysctlStep[] = []
  let unchanged = 0
  for (const name of [...others, ...ports]) {
    const lose = (message: string) => losses.push({ path: `sysctls.${name}`, message })
    const facts = sysctlFacts(name) as SysctlFacts
    const before = current.get(name)?.value
    const after = saved[name] as SysctlValue
    if (before === undefined) {
      lose(`this kernel does not have it (it is there on: ${sysctlAvailability(facts)})`)
      continue
    }
    if (keepsSysctl(facts, after, before)) {
      unchanged++
      continue
    }
    const crossing = ports.includes(name) && to && to.max < to.min ? 'no port is between them' : undefined
    const why = crossing ?? refusal(facts, after, dialect)
    if (why !== undefined) {
      lose(`cannot be set to ${formatSysctl(after)}: ${why}`)
      continue
    }
    const { unit } = describeSysctl(name, after, dialect)
    const message = `${formatSysctl(before)} -> ${formatSysctl(after)}${unit === undefined ? '' : ` ${unit}`}`
    steps.push({ kind: 'sysctl', verb: 'change', reason: 'differs', name, before, after, message })
  }
  return { steps, unchanged }
}
