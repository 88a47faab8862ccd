/** Counters of services and destinations. */

/**
 * Counters since the service or destination was added, or since the last `zero()`. Mainline adds them up every two
 * seconds (ip_vs_est.c:estimation_timer), so they can be that old; FULLNAT kernels do when they are read.
 */
export interface Stats {
  /** Connections that were scheduled; templates of persistence are none. */
  readonly connections: bigint
  /** From clients. */
  readonly inPackets: bigint
  /** To clients; 0 with `direct-route` and `tunnel`, whose answers go another way (ip_vs_core.c:ip_vs_out_stats). */
  readonly outPackets: bigint
  /** Of the IP packets, headers included (ip_vs_core.c:ip_vs_in_stats). */
  readonly inBytes: bigint
  /** As `inBytes`, of `outPackets`. */
  readonly outBytes: bigint
  /** Per second, as the kernel's estimator says; `undefined` where there is none (FULLNAT kernels). */
  readonly rates: Rates | undefined
}

/** Per second, by the kernel's own estimator; mainline only (ip_vs_est.c). */
export interface Rates {
  /** New ones per second. */
  readonly connections: bigint
  /** From clients, per second. */
  readonly inPackets: bigint
  /** To clients, per second. */
  readonly outPackets: bigint
  /** From clients, bytes (not bits) per second. */
  readonly inBytes: bigint
  /** To clients, bytes (not bits) per second. */
  readonly outBytes: bigint
}

/** In the place of counters that were not asked for, `snapshot({ stats: false })`: an empty object. */
export type NoStats = { readonly [name in keyof Stats]?: undefined }
