/** What can be seen of the kernel around the sockets; kernel/detect.ts decides what it means. */
export interface KernelFiles {
  /** /proc/sys/net/ipv4/vs/conn_max_num exists (fullnat-v3 only). */
  readonly connMaxNum: boolean
  /** /proc/sys/net/ipv4/vs/fullnat_lport_min exists (FULLNAT kernels). */
  readonly fullnatSysctl: boolean
  /** Row names of /proc/net/ip_vs_ext_stats, undefined when it cannot be read (initial namespace of FULLNAT only). */
  readonly extStats: readonly string[] | undefined
}

/** What decides on which CPU a local address of fullnat-v3 lives (ip_vs_ctl.c:laddr_to_cpuid). */
export interface CpuState {
  readonly online: number
  readonly reserved: number
}

/**
 * The seam between the library and a kernel. Everything above it (validation, packing, errors, rules) is the same
 * for the real kernel and for a fake one.
 */
export interface Transport {
  /**
   * Executes one packed job (request.ts) and hands each reply to `onReply`, the last one with `more` 0 in its
   * header. It can be called while jobs run: they are executed in the order of the calls. Rejects only when the transport
   * itself is broken; operations fail by their outcomes. The request must not be written to, and may be reused when the
   * promise has settled.
   */
  run(request: ArrayBuffer, onReply: (reply: ArrayBuffer) => void): Promise<void>
  /** Files that tell the dialects apart. Never rejects: what cannot be read is absent. */
  readKernelFiles(): Promise<KernelFiles>
  /** Read right before local addresses are added on fullnat-v3; undefined where it cannot be told. */
  readCpuState(): CpuState | undefined
  /** Idempotent; a running job ends first. */
  close(): void
}
