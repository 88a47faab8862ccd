/** Shapes of sysctls. */

/** A number, two of them (`sync_threshold`), or a list of CPUs (`est_cpulist`, `'0-3,8'`); text where the type is not known. */
export type SysctlValue = number | readonly [number, number] | string

/** One of /proc/sys/net/ipv4/vs, and what is known of it on this kernel. */
export interface SysctlInfo<V extends SysctlValue = SysctlValue> {
  readonly name: string
  /** What the kernel holds, whoever set it: it can lie outside of `range`. */
  readonly value: V
  /** `'text'`: this library does not know it, and `value` is what stands in the file. */
  readonly type: 'integer' | 'pair' | 'cpu-list' | 'text'
  /** `'seconds'`, `'pages'` …; undefined for switches and modes. */
  readonly unit: string | undefined
  /** What `set` takes, for each of the numbers; it is narrower than what some kernels take without a complaint. */
  readonly range: { readonly min: number; readonly max: number } | undefined
  /** What the kernel starts with; `'computed'` from memory or CPUs. */
  readonly default: SysctlValue | 'computed' | undefined
  /** One sentence. */
  readonly meaning: string | undefined
  /** What to know before it is changed on this kernel. */
  readonly caution: string | undefined
  /** Why changing it does nothing on this kernel, so that `set` refuses to. */
  readonly noEffect: string | undefined
}

/** Ports that FULLNAT takes on a local address. */
export interface LocalPortRange {
  /** The first port, 1025–65535. */
  readonly min: number
  /** The last port, 1025–65535, not below `min`. */
  readonly max: number
}
