/** What a client has done since it was opened. */

/** One bar of a histogram: how many were not longer than this. */
export interface KernelTimeBucket {
  /** Seconds; `Infinity` for the last one. */
  readonly atMost: number
  /** Those of the smaller buckets included, as Prometheus counts. */
  readonly count: number
}

/** How long the kernel worked on trips, in seconds, as a histogram. */
export interface KernelTime {
  /** Ascending; the last one counts every trip. */
  readonly buckets: readonly KernelTimeBucket[]
  /** Seconds. */
  readonly sum: number
  /** Trips. */
  readonly count: number
}

/**
 * What `ipvs.activity()` says: counts of this client alone, from `Ipvs.open()` on, which only grow but for `queued` and
 * `pending`. Calls of the table are counted (services, destinations, local addresses, daemons, timeouts, info, snapshot, batch
 * …), each operation of a batch as one; opening and reading files of the kernel are not. Neither are calls that were refused for
 * their arguments or by a rule: nothing became of them.
 */
export interface ClientActivity {
  /** Those that were begun, answered or not. */
  readonly calls: number
  /** Jobs that were handed over to the kernel's side: calls of one tick share one. */
  readonly trips: number
  /** Requests in them. A call can need several, and share one with others. */
  readonly requests: number
  /** Calls that rejected, by the `code` of their error; `'other'` for errors that are not of this library. */
  readonly errors: Readonly<Record<string, number>>
  /**
   * Of the calls that rejected, those that may have been done or not: they were sent, and the answer was lost, late, given up or
   * cannot be read.
   */
  readonly outcomeUnknown: number
  /** Calls that wait for a trip now. */
  readonly queued: number
  /** Calls that have not been answered now, those in `queued` included. */
  readonly pending: number
  /** How long the trips took, without the time that they waited behind each other. */
  readonly kernelTime: KernelTime
}
