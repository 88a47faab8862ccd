/** The time between two looks. */

import { ownError } from '../errors/ipvs-error'

/** Rejects with ABORT_ERR as soon as `signal` is aborted. */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      settle()
    }
    const abort = () =>
      end(() => reject(ownError('ABORT_ERR', { operation: 'diagnose', cause: signal?.reason })))
    const timer = setTimeout(() => end(resolve), milliseconds)
    signal?.addEventListener('abort', abort)
    if (signal?.aborted) abort()
  })
}
