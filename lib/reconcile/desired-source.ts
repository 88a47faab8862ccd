/** Takes desired states from an async iterable. */

import type { DesiredState } from '../model/desired-state'
import { nextTurn } from '../model/turn'
import type { DesiredStates } from './reconciler-options'

export interface SourceOptions {
  readonly source: () => DesiredStates
  readonly restarts: boolean
  /** Never rejects. */
  take(state: DesiredState): Promise<void>
  failed(error: unknown): void
  /** Resolves before the iterable is asked for again; `failures` in a row. */
  wait(failures: number): Promise<void>
}

export class DesiredSource {
  private iterator: AsyncIterator<DesiredState> | undefined
  private stopped = false

  constructor(private readonly options: SourceOptions) {}

  /** Never rejects. Resolves when no state comes any more. */
  async run(): Promise<void> {
    const { restarts, wait, failed } = this.options
    for (let failures = 0; !this.stopped; ) {
      try {
        await this.takeAll(() => {
          failures = 0
        })
        return
      } catch (error) {
        if (this.stopped) return
        failures++
        failed(error)
        if (!restarts) return
        await wait(failures)
      }
    }
  }

  /** What the iterable holds is let go; nothing is waited for, as it may be waiting itself. */
  stop(): void {
    if (this.stopped) return
    this.stopped = true
    const { iterator } = this
    try {
      iterator?.return?.().then(undefined, () => {})
    } catch {
      // It is over either way.
    }
  }

  private async takeAll(worked: () => void): Promise<void> {
    const iterator = this.options.source()[Symbol.asyncIterator]()
    this.iterator = iterator
    for (;;) {
      const next: unknown = await iterator.next()
      // As `for await` has it.
      if (Object(next) !== next) throw new TypeError('next() of the desired states must resolve to an object')
      const { done, value } = next as IteratorResult<DesiredState>
      if (done || this.stopped) return
      worked()
      await this.options.take(value)
      // An iterable that has always another one must not keep everything else from happening, `stop()` included.
      await nextTurn()
      if (this.stopped) return
    }
  }
}
