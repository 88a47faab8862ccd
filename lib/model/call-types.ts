/** Public shapes of calls and of what they are made to. */

/** Last argument of every call. */
export interface CallOptions {
  /** Cancels what has not been sent; what has been sent rejects with `sent: true`. */
  readonly signal?: AbortSignal | undefined
  /**
   * Milliseconds that the kernel may be silent, 0 for no limit. Default: that of the client. The clock starts again with
   * every answer of the kernel, so it does not count how much there is to do, nor what waits behind earlier calls, nor the
   * caller's own work; a kernel that stops answering ends every call behind it. For a limit of the whole call take
   * `signal: AbortSignal.timeout(ms)`.
   */
  readonly timeout?: number | undefined
}

/** What `ensure` did. `'unchanged'`: nothing was sent that writes. */
export type EnsureResult = 'added' | 'changed' | 'unchanged'

/**
 * Which kernel it is, told by what it answers and never by its version. `'unknown'` is read, and written to with `force`
 * alone.
 */
export type Dialect = 'mainline' | 'fullnat-v2' | 'fullnat-v3' | 'unknown'

/** Generic netlink, or the socket options of IPVS (no IPv6, and no writing of services on fullnat-v3). */
export type TransportKind = 'netlink' | 'sockopt'
