/** Every sysctl of IPVS that is known: one table, for the client, the fake kernel and docs/sysctls.md. */

import type { Dialect } from '../../model/call-types'
import type { SysctlInfo, SysctlValue } from '../../model/sysctls'
import { COMMON_SYSCTLS } from './common'
import type { KnownDialect, SysctlFacts } from './facts'
import { onDialect } from './facts'
import { FULLNAT_SYSCTLS } from './fullnat'
import { MAINLINE_SYSCTLS } from './mainline'

export const SYSCTLS = Object.freeze({ ...COMMON_SYSCTLS, ...FULLNAT_SYSCTLS, ...MAINLINE_SYSCTLS })

/** A name that this library knows; a kernel can show others. */
export type SysctlName = keyof typeof SYSCTLS

/** What `value` of a sysctl is. */
export type SysctlValueOf<N extends string> = N extends 'sync_threshold'
  ? readonly [number, number]
  : N extends 'est_cpulist'
    ? string
    : N extends SysctlName
      ? number
      : SysctlValue

export function sysctlFacts(name: string): SysctlFacts | undefined {
  return Object.prototype.hasOwnProperty.call(SYSCTLS, name) ? SYSCTLS[name as SysctlName] : undefined
}

/** Names that kernels of a dialect have, if they are new enough and have what it takes. */
export const sysctlNames = (dialect: KnownDialect): SysctlName[] =>
  (Object.keys(SYSCTLS) as SysctlName[]).filter((name) => SYSCTLS[name].dialects.includes(dialect)).sort()

const DIALECT_NAMES: Readonly<Record<KnownDialect, string>> = {
  mainline: 'mainline',
  'fullnat-v2': 'fullnat-v2',
  'fullnat-v3': 'fullnat-v3',
}

/** Which kernels have it: `'mainline, newer than Linux 6.12'`. */
export function sysctlAvailability({ dialects, newerThan, needs }: SysctlFacts): string {
  const words = [
    dialects.length === 3 ? 'all kernels' : dialects.map((dialect) => DIALECT_NAMES[dialect]).join(' and '),
  ]
  if (newerThan !== undefined) words.push(`newer than Linux ${newerThan}`)
  if (needs?.scheduler !== undefined) words.push(`while the scheduler ${needs.scheduler} is loaded`)
  if (needs?.config !== undefined) words.push(`built with ${needs.config}`)
  return words.join(', ')
}

/** With what is known of it on this kernel. */
export function describeSysctl<V extends SysctlValue>(
  name: string,
  value: V,
  dialect: Dialect,
): SysctlInfo<V> {
  const facts = sysctlFacts(name)
  const known = dialect === 'unknown' ? undefined : dialect
  return {
    name,
    value,
    type: facts?.type ?? 'text',
    unit: facts?.unit,
    range: facts && facts.type !== 'cpu-list' ? { min: facts.min, max: facts.max } : undefined,
    default: onDialect(facts?.default, dialect),
    meaning: facts?.meaning,
    caution: onDialect(facts?.caution, dialect),
    noEffect: known && facts?.noEffect?.[known],
  }
}
