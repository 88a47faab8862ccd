/** Waiting for something that is no call: it has a deadline and can be aborted, too. */

import { ownError } from '../errors/ipvs-error'
import { now } from '../model/clock'
import { AbortSignals } from './abort-signals'
import type { CallLimits } from './call-deadlines'
import type { Closing } from './closing'
import { DeadlineTimer } from './deadline-timer'

/** Of what waits for the kernel's files. */
export interface ClientLimits extends CallLimits {
  readonly closing: Closing
}

const signals = new AbortSignals<() => void>((abort) => abort())

/**
 * Resolves to what `start` resolves to, unless `timeout` milliseconds pass, `signal` is aborted or the client is closed
 * before; what was started goes on then, and nobody hears of it. `operation` is what the error names.
 */
export function withinLimits<T>(
  start: () => Promise<T>,
  { timeout, signal, closing }: CallLimits & Partial<ClientLimits>,
  operation: string,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      settle()
      timer.clear()
      if (signal) signals.leave(signal, abort)
      closing?.leave(close)
    }
    const abort = () => end(() => reject(ownError('ABORT_ERR', { operation, cause: signal?.reason })))
    const close = () => end(() => reject(ownError('ERR_IPVS_CLOSED', { operation })))
    const timer = new DeadlineTimer(() => end(() => reject(ownError('ERR_IPVS_TIMEOUT', { operation }))))
    if (closing?.closed) {
      close()
      return
    }
    if (signal?.aborted) {
      abort()
      return
    }
    closing?.join(close)
    if (signal) signals.join(signal, abort)
    if (timeout > 0) timer.watch(now() + timeout)
    // A transport of somebody's own may throw as well as reject.
    new Promise<T>((started) => started(start())).then(
      (value) => end(() => resolve(value)),
      (error) => end(() => reject(error)),
    )
  })
}
