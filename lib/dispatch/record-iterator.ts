/** The iterator behind `iterate()`. Own code: an async generator takes several turns of the microtask queue for each item. */

interface Waiter<T> {
  resolve(result: IteratorResult<T, undefined>): void
  reject(error: unknown): void
}

/** Gives on what is pushed. The first `next()` starts; when that fails, so does the iteration, after the items before. */
export class RecordIterator<T> implements AsyncIterableIterator<T> {
  private readonly chunks: (readonly T[])[] = []
  /** The next item of the first chunk. */
  private at = 0
  private readonly waiting: Waiter<T>[] = []
  private started = false
  private ended = false
  private failure: { readonly error: unknown } | undefined

  constructor(private readonly start: (push: (items: readonly T[]) => void) => Promise<void>) {}

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      this.begin()
      this.waiting.push({ resolve, reject })
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

  private begin(): void {
    if (this.started) return
    this.started = true
    this.start((items) => {
      if (this.ended || items.length === 0) return
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
    this.failure = failure
    this.serve()
  }

  private serve(): void {
    while (this.waiting.length > 0) {
      const [chunk] = this.chunks
      if (!chunk && !this.ended) return
      const { resolve, reject } = this.waiting.shift() as Waiter<T>
      if (chunk) {
        resolve({ done: false, value: chunk[this.at] as T })
        this.at++
        if (this.at < chunk.length) continue
        this.chunks.shift()
        this.at = 0
      } else if (this.failure) {
        reject(this.failure.error)
        this.failure = undefined
      } else {
        resolve({ done: true, value: undefined })
      }
    }
  }
}
