/** What is known of a sysctl: the shape of the table. */

import type { Dialect } from '../../model/call-types'
import type { SysctlValue } from '../../model/sysctls'

export type KnownDialect = Exclude<Dialect, 'unknown'>

/** The same on every kernel, or by dialect. */
export type ByDialect<T> = T | { readonly [dialect in KnownDialect]?: T }

/**
 * What the kernel does with a number outside of the range. `'refused'`: EINVAL. `'restored'`: the write succeeds and the old
 * value stays. `'taken'`: it is held, or what is left of it in 32 bits. `'varies'`: between the versions or builds of a dialect.
 */
export type Beyond = 'refused' | 'restored' | 'taken' | 'varies'

export interface SysctlFacts {
  readonly type: 'integer' | 'pair' | 'cpu-list'
  readonly unit?: string
  readonly dialects: readonly KnownDialect[]
  /** The last release of mainline in the test matrix that does not have it, `'6.1'`. */
  readonly newerThan?: string
  /** Without it the kernel does not show the sysctl. */
  readonly needs?: { readonly scheduler?: string; readonly config?: string }
  /** What makes sense, for each of the numbers. */
  readonly min: number
  readonly max: number
  readonly powerOfTwo?: boolean
  readonly below: ByDialect<Beyond>
  readonly above: ByDialect<Beyond>
  readonly default: ByDialect<SysctlValue | 'computed'>
  /** One sentence. */
  readonly meaning: string
  /** What to know before it is changed. */
  readonly caution?: ByDialect<string>
  /** Why it does nothing. */
  readonly noEffect?: { readonly [dialect in KnownDialect]?: string }
  /** The kernel itself changes 1 into 2 and back, by the memory that is free (ip_vs_ctl.c:update_defense_level). */
  readonly automatic?: boolean
}

/** What holds on a kernel; undefined where the dialect is not named, or unknown. */
export function onDialect<T extends number | string | readonly number[]>(
  value: ByDialect<T> | undefined,
  dialect: Dialect,
): T | undefined {
  if (typeof value !== 'object' || Array.isArray(value)) return value as T | undefined
  return dialect === 'unknown' ? undefined : (value as { [dialect in KnownDialect]?: T })[dialect]
}

// ---- what many of them have in common

export const INT_MAX = 2147483647
/** 2^31 ticks of HZ 1000, which FULLNAT kernels have and mainline can be built with. */
export const SECONDS_MAX = 2147483

export const EVERYWHERE: readonly KnownDialect[] = Object.freeze(['mainline', 'fullnat-v2', 'fullnat-v3'])
export const FULLNAT: readonly KnownDialect[] = Object.freeze(['fullnat-v2', 'fullnat-v3'])
export const V3: readonly KnownDialect[] = Object.freeze(['fullnat-v3'])
export const MAINLINE: readonly KnownDialect[] = Object.freeze(['mainline'])

type Rest = Partial<SysctlFacts>

/** A number that the kernel checks (kernel/sysctl.c:proc_dointvec_minmax). */
export const checked = (
  dialects: readonly KnownDialect[],
  [min, max]: readonly [number, number],
  initial: SysctlFacts['default'],
  meaning: string,
  rest: Rest = {},
): SysctlFacts => ({
  type: 'integer',
  dialects,
  min,
  max,
  below: 'refused',
  above: 'refused',
  default: initial,
  meaning,
  ...rest,
})

/** A number of which the kernel takes any (kernel/sysctl.c:proc_dointvec). */
export const unchecked = (
  dialects: readonly KnownDialect[],
  [min, max]: readonly [number, number],
  initial: SysctlFacts['default'],
  meaning: string,
  rest: Rest = {},
): SysctlFacts =>
  checked(dialects, [min, max], initial, meaning, {
    below: 'taken',
    // Nothing fits above it: 2.6.32 keeps the low 32 bits, mainline refuses.
    above: max === INT_MAX ? { mainline: 'refused', 'fullnat-v2': 'taken', 'fullnat-v3': 'taken' } : 'taken',
    ...rest,
  })

/** Mode 0 (off) to 3 (always) of a defence: ip_vs_ctl.c:proc_do_defense_mode. */
export const defence = (meaning: string, rest: Rest = {}): SysctlFacts => {
  const beyond = { mainline: 'refused', 'fullnat-v2': 'restored', 'fullnat-v3': 'restored' } as const
  return checked(EVERYWHERE, [0, 3], 0, meaning, { below: beyond, above: beyond, automatic: true, ...rest })
}

/** Keeps the names, so that they are a type. */
export const sysctls = <N extends string>(
  entries: Readonly<Record<N, SysctlFacts>>,
): Readonly<Record<N, SysctlFacts>> => Object.freeze(entries)
