/** How far something is, on a terminal alone. */

import type { Output } from './output'

const EVERY_MS = 200

export class Progress {
  private last = 0
  private shown = false

  constructor(
    private readonly err: Output,
    private readonly now: () => number = Date.now,
  ) {}

  /** `text` is made when it is time. */
  async show(text: () => string): Promise<void> {
    if (!this.err.isTerminal) return
    const now = this.now()
    if (this.last === 0) this.last = now
    if (now - this.last < EVERY_MS) return
    this.last = now
    this.shown = true
    await this.err.write(`\r${text()}\u001b[K`)
  }

  async end(): Promise<void> {
    if (this.shown) await this.err.write('\r\u001b[K')
    this.shown = false
  }
}
