/** Where commands write. A reader that has gone, `| head`, is no error: what follows is written to nobody. */

import type { CliStream } from './io'

/** The reader of a pipe, or the terminal. */
const GONE = ['EPIPE', 'EIO', 'ERR_STREAM_DESTROYED']

export class Output {
  private isGone = false
  private broken: Error | undefined
  private readonly waiting = new Set<() => void>()

  constructor(private readonly stream: CliStream) {
    stream.on?.('error', this.failed)
    stream.on?.('drain', this.wake)
  }

  /** Listens no more: an error of the stream is somebody else's from now on. */
  release(): void {
    this.stream.removeListener?.('error', this.failed)
    this.stream.removeListener?.('drain', this.wake)
  }

  /** Nobody reads any more. */
  get gone(): boolean {
    return this.isGone
  }

  /** Columns of the terminal; undefined in a pipe, where lines are as long as they are. */
  get columns(): number | undefined {
    return this.stream.isTTY ? this.stream.columns || 80 : undefined
  }

  get isTerminal(): boolean {
    return this.stream.isTTY === true
  }

  /** Resolves when there is room for more. */
  async write(text: string): Promise<void> {
    if (this.broken) throw this.broken
    if (this.isGone || text === '') return
    if (this.stream.write(text) !== false || !this.stream.on) return
    await new Promise<void>((resolve) => {
      if (this.isGone || this.broken) resolve()
      else this.waiting.add(resolve)
    })
  }

  /** Rejects where something was not written. A file tells of it when the event loop turns, not when it is written to. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    if (this.broken) throw this.broken
  }

  private readonly failed = (error: NodeJS.ErrnoException): void => {
    if (GONE.includes(error.code ?? '')) this.isGone = true
    else this.broken = error
    this.wake()
  }

  private readonly wake = (): void => {
    for (const resolve of Array.from(this.waiting)) {
      this.waiting.delete(resolve)
      resolve()
    }
  }
}
