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

export type EnsureResult = 'added' | 'changed' | 'unchanged'

export type Dialect = 'mainline' | 'fullnat-v2' | 'fullnat-v3' | 'unknown'

export type TransportKind = 'netlink' | 'sockopt'
