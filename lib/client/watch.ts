/** The iterator behind `watch()`. A poll is made when an event is asked for: nothing runs, or waits, for nobody. */

import { AbortSignals } from '../dispatch/abort-signals'
import type { CallPlan } from '../dispatch/call-plan'
import { failsForCaller, withCallerStack } from '../dispatch/caller-stack'
import type { Closing } from '../dispatch/closing'
import { RecordIterator } from '../dispatch/record-iterator'
import { ownError } from '../errors/ipvs-error'
import type { CallOptions } from '../model/call-types'
import { now } from '../model/clock'
import type { WatchEvent, WatchOptions, WatchState } from '../model/watch-types'
import type { Context } from './operation'
import type { NormalizedWatchOptions } from './watch-options'
import { checkWatchOptions } from './watch-options'
import { WatchSchedule } from './watch-schedule'
import { WatchTable } from './watch-table'

/** What counts connections: `ipvs.connections`. */
export interface ConnectionCounter {
  count(options: { readonly by: 'state' } & CallOptions): Promise<ReadonlyMap<string, number>>
}

/** What a watch needs of its client. */
export interface WatchedClient {
  run<T>(build: (context: Context) => CallPlan<T>, options: CallOptions): Promise<T>
  readonly closing: Closing
  /** Rejects with `ERR_IPVS_UNSUPPORTED` where this kernel has no list of connections. */
  readonly connections: ConnectionCounter | undefined
}

const OPERATION = 'watch'
/** What a timer takes. */
const LONGEST_TIMER = 2147483647
/** What no poll can make good. */
const FINAL: readonly unknown[] = ['ERR_IPVS_CLOSED', 'ERR_IPVS_MODULE_CHANGED']

const codeOf = (error: unknown): unknown => (Object(error) as { readonly code?: unknown }).code

const signals = new AbortSignals<WatchIterator>((watch) => watch.abort())

/** The signal of a poll: Node 10 has no AbortController, and an abort that comes from `return()` needs one, too. */
class PollSignal {
  aborted = false
  reason: unknown
  private readonly listeners = new Set<() => void>()

  addEventListener(_: string, listener: () => void): void {
    this.listeners.add(listener)
  }

  removeEventListener(_: string, listener: () => void): void {
    this.listeners.delete(listener)
  }

  abort(reason: unknown): void {
    this.aborted = true
    this.reason = reason
    for (const listener of Array.from(this.listeners)) listener()
  }
}

type Result = IteratorResult<WatchEvent, undefined>
type Counted = Pick<WatchState, 'connections' | 'connectionsError'>

const NOT_COUNTED: Counted = { connections: undefined, connectionsError: undefined }

export class WatchIterator implements AsyncIterableIterator<WatchEvent> {
  private table = new WatchTable()
  private readonly schedule: WatchSchedule
  private readonly waiting: ((result: Result | Promise<never>) => void)[] = []
  private serving = false
  private over = false
  private failure: { readonly error: unknown } | undefined
  /** Ends the wait for the next poll. */
  private wake: (() => void) | undefined
  private poll: PollSignal | undefined
  /** It was said that connections cannot be counted. */
  private saidUnsupported = false
  private readonly close = () => this.end({ error: ownError('ERR_IPVS_CLOSED', { operation: OPERATION }) })

  constructor(
    private readonly client: WatchedClient,
    private readonly options: NormalizedWatchOptions,
  ) {
    this.schedule = new WatchSchedule(options)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result> {
    return new Promise((resolve) => {
      const aborted = this.options.signal?.aborted
      this.waiting.push(resolve)
      if (this.over) this.settleAll()
      else if (aborted) this.abort()
      else if (this.client.closing.closed) this.close()
      else if (!this.serving) this.serve()
    })
  }

  /** Called where a loop is left early. */
  return(): Promise<Result> {
    this.failure = undefined
    this.end(undefined)
    return Promise.resolve({ done: true, value: undefined })
  }

  /** @internal */
  abort(): void {
    this.end({ error: ownError('ABORT_ERR', { operation: OPERATION, cause: this.options.signal?.reason }) })
  }

  /** As long as somebody waits for an event. Never rejects. */
  private async serve(): Promise<void> {
    this.serving = true
    const { signal } = this.options
    this.client.closing.join(this.close)
    try {
      if (signal) signals.join(signal, this)
      while (this.waiting.length > 0) {
        await this.untilDue()
        if (this.over) return
        const event = await this.nextEvent()
        if (this.over) return
        this.waiting.shift()?.({ done: false, value: event })
      }
    } catch (error) {
      this.end({ error })
    } finally {
      this.serving = false
      if (!this.over) this.leave()
    }
  }

  /** A timer that keeps the process alive: an event is waited for. */
  private async untilDue(): Promise<void> {
    for (let left = this.schedule.due - now(); left > 0 && !this.over; left -= LONGEST_TIMER) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(LONGEST_TIMER, left))
        this.wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.wake = undefined
  }

  /** Throws what ends the iteration. */
  private async nextEvent(): Promise<WatchEvent> {
    const started = now()
    try {
      const event = await this.state()
      this.schedule.succeeded(started, now())
      return event
    } catch (error) {
      this.poll?.abort(undefined)
      const code = codeOf(error)
      if (this.options.stopOnError || FINAL.includes(code)) throw error
      const retryIn = this.schedule.failed(now())
      return { error: error as Error, at: Date.now(), failures: this.schedule.failures, retryIn }
    } finally {
      this.poll = undefined
    }
  }

  private async state(): Promise<WatchState> {
    const { client, table } = this
    const poll = new PollSignal()
    this.poll = poll
    const call: CallOptions = {
      signal: poll as unknown as AbortSignal,
      timeout: this.options.timeout,
    }
    const look = () => client.run((context) => table.look(context), call)
    table.beginPoll()
    const counting = this.options.connections ? this.count(call) : undefined
    if (!(await look())) await look()
    const counted = (await counting) ?? NOT_COUNTED
    return { ...(await table.tell()), ...counted }
  }

  /** Never rejects: the table is worth telling without it. */
  private async count(call: CallOptions): Promise<Counted> {
    const { connections } = this.client
    try {
      if (connections)
        return { ...NOT_COUNTED, connections: await connections.count({ by: 'state', ...call }) }
      throw ownError('ERR_IPVS_UNSUPPORTED', {
        operation: OPERATION,
        description: 'this kernel has no list of connections',
        hint: 'activeConnections and inactiveConnections of the destinations are in every snapshot.',
      })
    } catch (error) {
      const unsupported = codeOf(error) === 'ERR_IPVS_UNSUPPORTED'
      if (unsupported && this.saidUnsupported) return NOT_COUNTED
      this.saidUnsupported = this.saidUnsupported || unsupported
      return { connections: undefined, connectionsError: error as Error }
    }
  }

  /** Everything that it holds is let go, at once. */
  private end(failure: { readonly error: unknown } | undefined): void {
    if (this.over) return
    this.over = true
    this.failure = failure
    this.leave()
    this.wake?.()
    this.poll?.abort(this.options.signal?.reason)
    this.table = new WatchTable()
    this.settleAll()
  }

  private leave(): void {
    const { signal } = this.options
    this.client.closing.leave(this.close)
    if (signal) signals.leave(signal, this)
  }

  /** The first hears of the failure, the others that it is over. */
  private settleAll(): void {
    for (const resolve of this.waiting.splice(0)) {
      if (this.failure) resolve(failsForCaller(this.failure.error))
      else resolve({ done: true, value: undefined })
      this.failure = undefined
    }
  }
}

/** Options are checked now; the first `next()` says what is wrong with them, or polls. */
export function startWatch(client: WatchedClient, options: WatchOptions): AsyncIterableIterator<WatchEvent> {
  try {
    return new WatchIterator(client, checkWatchOptions(options))
  } catch (error) {
    return new RecordIterator<WatchEvent>(() => withCallerStack(Promise.reject(error)))
  }
}
