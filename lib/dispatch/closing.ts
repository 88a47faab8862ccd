/** The end of a client, for what waits and is no call of its dispatcher. */

export class Closing {
  private readonly waiting = new Set<() => void>()
  private isClosed = false

  get closed(): boolean {
    return this.isClosed
  }

  /** `end` is called when the client is closed, until it leaves. One that is closed already calls nothing. */
  join(end: () => void): void {
    this.waiting.add(end)
  }

  leave(end: () => void): void {
    this.waiting.delete(end)
  }

  /** Idempotent. */
  close(): void {
    this.isClosed = true
    for (const end of Array.from(this.waiting)) {
      this.leave(end)
      end()
    }
  }
}
