/** The iterator behind `connections.iterate()`: it reads when it is asked, and one piece ahead. */

import { failsForCaller } from '../dispatch/caller-stack'
import type { ConnectionInfo } from '../model/observed'
import { ConnectionObjects, type ConnectionRow } from '../procfs/connection-row'
import type { ConnectionReading } from './connection-reading'

type Result = IteratorResult<ConnectionInfo, undefined>

/** `aborted` is called out of turn. */
export type StartIteration = (
  visit: (row: ConnectionRow) => void,
  aborted: () => void,
) => Promise<ConnectionReading>

/** Holds the rows of one piece. Whoever stops early calls `return()`, as loops do, or the file stays open. */
export class ConnectionIterator implements AsyncIterableIterator<ConnectionInfo> {
  private readonly objects = new ConnectionObjects()
  private rows: ConnectionInfo[] = []
  /** The next of them. */
  private at = 0
  private readonly waiting: ((result: Result | Promise<never>) => void)[] = []
  private reading: ConnectionReading | undefined
  private filling = false
  private ended = false
  private failure: { readonly error: unknown } | undefined

  constructor(private readonly start: StartIteration) {}

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result> {
    if (this.waiting.length === 0 && this.at < this.rows.length) {
      return Promise.resolve({ done: false, value: this.rows[this.at++] as ConnectionInfo })
    }
    return new Promise((resolve) => {
      this.waiting.push(resolve)
      this.serve()
    })
  }

  /** Closes the file. */
  return(): Promise<Result> {
    this.end(undefined)
    this.forget()
    this.serve()
    return Promise.resolve({ done: true, value: undefined })
  }

  private forget(): void {
    this.rows = []
    this.at = 0
    this.failure = undefined
    this.reading?.close()
  }

  private end(failure: { readonly error: unknown } | undefined): void {
    if (this.ended) return
    this.ended = true
    this.failure = failure
  }

  private serve(): void {
    while (this.waiting.length > 0) {
      if (this.at >= this.rows.length && !this.ended) {
        if (!this.filling) void this.fill()
        return
      }
      const resolve = this.waiting.shift() as (result: Result | Promise<never>) => void
      if (this.at < this.rows.length) {
        resolve({ done: false, value: this.rows[this.at++] as ConnectionInfo })
      } else if (this.failure) {
        resolve(failsForCaller(this.failure.error))
        this.failure = undefined
      } else {
        resolve({ done: true, value: undefined })
      }
    }
  }

  /** Reads on until there is a row, or the end. Never rejects. */
  private async fill(): Promise<void> {
    this.filling = true
    this.rows = []
    this.at = 0
    try {
      await this.readOn()
    } catch (error) {
      this.end({ error })
    }
    this.filling = false
    this.serve()
  }

  private async readOn(): Promise<void> {
    if (!this.reading) {
      const visit = (row: ConnectionRow) => this.rows.push(this.objects.of(row))
      this.reading = await this.start(visit, () => this.abort())
    }
    while (this.rows.length === 0 && !this.ended) {
      if (!(await this.reading.step())) this.end(undefined)
    }
    if (this.ended) this.reading.close()
  }

  /** What was read and not taken is dropped. The next step says why. */
  private abort(): void {
    this.rows = []
    this.at = 0
  }
}
