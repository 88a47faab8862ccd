/** How long a scrape waits for what is read; the reading itself may be somebody else's, too, and goes on. */

export type Awaited<T> = { readonly value: T } | 'late' | 'aborted'

/** Rejects as `reading` does. `timeout` in milliseconds, 0 for no limit. */
export function withinTimeLimit<T>(
  reading: Promise<T>,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<Awaited<T>> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      settle()
    }
    const abort = () => end(() => resolve('aborted'))
    const timer = timeout > 0 ? setTimeout(() => end(() => resolve('late')), timeout) : undefined
    signal?.addEventListener('abort', abort)
    reading.then(
      (value) => end(() => resolve({ value })),
      (error) => end(() => reject(error)),
    )
    if (signal?.aborted) abort()
  })
}
