/** The iterator behind `iterate()`. Own code: an async generator takes several turns of the microtask queue for each item. */

import { AbortSignals } from './abort-signals'
import { failsForCaller } from './caller-stack'

interface Waiter<T> {
  resolve(result: IteratorResult<T, undefined> | Promise<never>): void
}

/** What starts the reading: `push` takes what comes. */
export type StartReading<T> = (push: (items: readonly T[]) => void) => Promise<void>

const signals = new AbortSignals<RecordIterator<unknown>>((iterator) => iterator.abort())

/**
 * Gives on what is pushed. The first `next()` starts; when that fails, so does the iteration, after the items before.
 * What was read and not taken yet is kept, so a consumer that is slower than the kernel holds the rest of the list.
 */
export class RecordIterator<T> implements AsyncIterableIterator<T> {
  private readonly chunks: (readonly T[])[] = []
  /** The next item of the first chunk. */
  private at = 0
  private readonly waiting: Waiter<T>[] = []
  private started = false
  private ended = false
  /** It was aborted while it was read: the call ends by itself, and says whether it was sent. */
  private discards = false
  private failure: { readonly error: unknown } | undefined

  /** An abort of `signal` ends the iteration at once; `aborted` is why, where nothing is being read. */
  constructor(
    private readonly start: StartReading<T>,
    private readonly signal?: AbortSignal,
    private readonly aborted: (sent: boolean) => unknown = () => undefined,
  ) {}

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve) => {
      this.begin()
      this.waiting.push({ resolve })
      this.serve()
    })
  }

  /** Called where a loop is left early. What was asked for is still read to its end. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.started = true
    this.ended = true
    this.failure = undefined
    this.chunks.length = 0
    this.serve()
    return Promise.resolve({ done: true, value: undefined })
  }

  /** @internal */
  abort(): void {
    this.chunks.length = 0
    if (!this.ended) {
      this.discards = true
      return
    }
    this.ended = false
    this.end({ error: this.aborted(true) })
  }

  private begin(): void {
    if (this.started) return
    this.started = true
    if (this.signal?.aborted) {
      this.end({ error: this.aborted(false) })
      return
    }
    try {
      if (this.signal) signals.join(this.signal, this)
    } catch (error) {
      this.end({ error })
      return
    }
    this.start((items) => {
      if (this.ended || this.discards || items.length === 0) return
      this.chunks.push(items)
      this.serve()
    }).then(
      () => this.end(undefined),
      (error) => this.end({ error }),
    )
  }

  private end(failure: { readonly error: unknown } | undefined): void {
    if (this.ended) return
    this.ended = true
    // The call can have been done when the abort came, before this heard of it.
    this.failure = failure ?? (this.discards ? { error: this.aborted(true) } : undefined)
    this.serve()
  }

  private serve(): void {
    if (this.signal && this.ended && this.chunks.length === 0) signals.leave(this.signal, this)
    while (this.waiting.length > 0) {
      const [chunk] = this.chunks
      if (!chunk && !this.ended) return
      const { resolve } = this.waiting.shift() as Waiter<T>
      if (chunk) {
        resolve({ done: false, value: chunk[this.at] as T })
        this.at++
        if (this.at < chunk.length) continue
        this.chunks.shift()
        this.at = 0
      } else if (this.failure) {
        resolve(failsForCaller(this.failure.error))
        this.failure = undefined
      } else {
        resolve({ done: true, value: undefined })
      }
    }
  }
}
