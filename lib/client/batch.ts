/** Many operations in one job, each with its own outcome. */

import type { RequestBuffer } from '../border/request'
import type { CallLimits } from '../dispatch/call-deadlines'
import type { CallPlan, Command } from '../dispatch/call-plan'
import { nothing } from '../dispatch/call-plan'
import type { Dispatcher } from '../dispatch/dispatcher'
import type { CommandRange, OpenBatch } from '../dispatch/open-batch'
import type { Settle, SettleCommands } from '../dispatch/pending-call'
import type { ArgumentError } from '../errors/argument-errors'
import { invalidValue } from '../errors/argument-errors'
import type { IpvsError } from '../errors/ipvs-error'
import { ownError } from '../errors/ipvs-error'
import type { EnsureResult } from '../model/call-types'
import type {
  DestinationChange,
  DestinationInput,
  DestinationKey,
  LocalAddressInput,
  ServiceConfig,
  ServiceInput,
  ServiceKey,
} from '../model/types'
import {
  addDestination,
  ensureDestination,
  removeDestination,
  setDestination,
  updateDestination,
} from './destinations'
import { addLocalAddress, ensureLocalAddress, removeLocalAddress } from './local-addresses'
import type { Context } from './operation'
import { addService, ensureService, removeService, setService, updateService } from './services'
import type { LocalAddressChanges } from './set-local-addresses'
import { setLocalAddresses } from './set-local-addresses'
import { flushTable, zeroCounters } from './whole-table'

/**
 * What became of one operation of a batch, in the order of the calls. Equal successes can be one and the same frozen
 * object.
 */
export type BatchOutcome = { readonly [O in BatchOperation]: OutcomeOf<O> }[BatchOperation]

/** What the operations of a batch resolve to: the same as the methods of the client. */
export interface BatchValues {
  readonly 'services.add': undefined
  readonly 'services.set': undefined
  readonly 'services.update': undefined
  readonly 'services.ensure': EnsureResult
  readonly 'services.remove': undefined
  readonly 'destinations.add': undefined
  readonly 'destinations.set': undefined
  readonly 'destinations.update': undefined
  readonly 'destinations.ensure': EnsureResult
  readonly 'destinations.remove': undefined
  readonly 'localAddresses.add': undefined
  readonly 'localAddresses.set': LocalAddressChanges
  readonly 'localAddresses.ensure': 'added' | 'unchanged'
  readonly 'localAddresses.remove': undefined
  readonly zero: undefined
  readonly flush: undefined
}

/** Name of what can be put into a batch. */
export type BatchOperation = keyof BatchValues

type OutcomeOf<O extends BatchOperation> =
  | {
      readonly status: 'fulfilled'
      readonly operation: O
      /** What the method of the client would have resolved to. */
      readonly value: BatchValues[O]
    }
  | {
      readonly status: 'rejected'
      readonly operation: O
      /** An `IpvsError`, or a `TypeError` / `RangeError` for an argument. */
      readonly error: IpvsError | (TypeError & ArgumentError) | (RangeError & ArgumentError)
    }

/** Within the batch, where the operation is not known. */
interface Fulfilled {
  readonly status: 'fulfilled'
  readonly operation: string
  readonly value: unknown
}

interface Rejected {
  readonly status: 'rejected'
  readonly operation: string
  readonly error: unknown
}

/** Frozen, because it stands for every success of the operation: a batch can have thousands. */
const successes: { [operation: string]: Fulfilled } = Object.create(null)

function success(operation: string): Fulfilled {
  successes[operation] ??= Object.freeze({ status: 'fulfilled', operation, value: undefined })
  return successes[operation] as Fulfilled
}

type Build<A, B, C> = (context: Context, a: A, b: B, c: C) => Command | CallPlan<unknown>

interface Range extends CommandRange {
  count: number
}

function checkSynchronous(build: unknown, returned: unknown): void {
  const { then } = (returned ?? {}) as { readonly then?: unknown }
  if (typeof then !== 'function') return
  // What becomes of it is not this program's error twice.
  Promise.resolve(returned).catch(nothing)
  throw invalidValue('build', 'must not be async: it has to be done when it returns', build)
}

/** The calls of a batch from being put into it until each has its outcome; the first is settled as number 0. */
export class BatchRun implements SettleCommands {
  /** What each call gets if all goes well and there is nothing to tell. */
  private readonly expected: Fulfilled[] = []
  /** Filled as they come, mostly in order. */
  private readonly outcomes: (Fulfilled | Rejected | undefined)[] = []
  /** What is to be sent, in order: commands that follow each other go together. */
  private parts: (Range | { readonly plan: CallPlan<unknown>; readonly index: number })[] = []
  private packed: RequestBuffer
  private range: Range | undefined
  private open = 0
  private filled = false
  /** Its place among the other calls of the client. */
  private readonly place: OpenBatch
  private ended: (outcomes: BatchOutcome[]) => void = nothing

  constructor(
    private readonly context: Context,
    private readonly dispatcher: Dispatcher,
    private readonly limits: CallLimits,
  ) {
    this.packed = dispatcher.buffers.buffer()
    this.place = dispatcher.openBatch()
  }

  /**
   * Checks and packs at once: the caller may change its objects afterwards. A wrong argument is the outcome of this call
   * alone.
   */
  put<A, B, C>(operation: string, build: Build<A, B, C>, a: A, b: B, c: C): void {
    if (this.filled) {
      const hint = 'Put everything in before the function returns; an async one returns at its first await.'
      throw ownError('ERR_IPVS_BATCH_OVER', { operation, hint })
    }
    let built: Command | CallPlan<unknown>
    try {
      // A getter of the caller's may put something in: it comes before, and has its outcome before this one.
      built = build(this.context, a, b, c)
    } catch (error) {
      this.range = undefined
      this.reject(error, this.expect(operation))
      return
    }
    const index = this.expect(operation)
    if (!('fields' in built)) {
      this.range = undefined
      this.parts.push({ plan: built, index })
      return
    }
    if (this.packed.full) {
      // The kernel works on them while the rest is packed.
      this.send()
      this.packed = this.dispatcher.buffers.buffer()
    }
    this.dispatcher.buffers.pack(this.packed, built.fields)
    if (!this.range) {
      this.range = { packed: this.packed, at: this.packed.count - 1, count: 0, base: index }
      this.parts.push(this.range)
    }
    this.range.count++
  }

  /** Lets `build` put calls in. Resolves when all have an outcome; throws what `build` throws. */
  fill(build: (batch: Batch) => void): Promise<BatchOutcome[]> {
    try {
      checkSynchronous(build, build(new Batch(this)))
      this.filled = true
      this.send()
    } finally {
      this.filled = true
      this.place.close()
    }
    return new Promise((resolve) => {
      this.ended = resolve
      if (this.open === 0) this.end()
    })
  }

  /** The number of the next call. */
  private expect(operation: string): number {
    this.open++
    return this.expected.push(success(operation)) - 1
  }

  private send(): void {
    const { parts, place, limits } = this
    this.parts = []
    this.range = undefined
    for (const part of parts) {
      if ('plan' in part) place.submit(part.plan, limits, this.settleAs(part.index))
      else place.sendRange(part, limits, this)
    }
  }

  resolve(from: number, count: number): void {
    for (let i = from; i < from + count; i++) this.settle(i, this.expected[i] as Fulfilled)
  }

  reject(error: unknown, index: number): void {
    const { operation } = this.expected[index] as Fulfilled
    this.settle(index, { status: 'rejected', operation, error })
  }

  private settleAs(index: number): Settle<unknown> {
    const { operation } = this.expected[index] as Fulfilled
    return {
      resolve: (value) => {
        if (value === undefined) this.resolve(index, 1)
        else this.settle(index, { status: 'fulfilled', operation, value })
      },
      reject: (error) => this.reject(error, index),
    }
  }

  private settle(index: number, outcome: Fulfilled | Rejected): void {
    this.outcomes[index] = outcome
    this.open--
    if (this.open === 0) this.end()
  }

  private end(): void {
    this.ended(this.outcomes as BatchOutcome[])
  }
}

/**
 * Takes operations. The first thousand wait until the function that was given to `batch()` has returned; behind them the
 * kernel is at work while it goes on.
 */
export class Batch {
  /** As the methods of `ipvs.services`, whose outcome is that of the batch. */
  readonly services: {
    add(service: ServiceInput): void
    set(service: ServiceInput): void
    update(service: ServiceKey, change: ServiceConfig): void
    ensure(service: ServiceInput): void
    remove(service: ServiceKey): void
  }
  /** As the methods of `ipvs.destinations`. */
  readonly destinations: {
    add(service: ServiceKey, destination: DestinationInput): void
    set(service: ServiceKey, destination: DestinationInput): void
    update(service: ServiceKey, destination: DestinationKey, change: DestinationChange): void
    ensure(service: ServiceKey, destination: DestinationInput): void
    remove(service: ServiceKey, destination: DestinationKey): void
  }
  /** As the methods of `ipvs.localAddresses`. */
  readonly localAddresses: {
    add(service: ServiceKey, address: LocalAddressInput): void
    set(service: ServiceKey, addresses: readonly string[]): void
    ensure(service: ServiceKey, address: string): void
    remove(service: ServiceKey, address: string): void
  }

  /** @internal */
  constructor(private readonly run: BatchRun) {
    const put: BatchRun['put'] = (operation, build, a, b, c) => run.put(operation, build, a, b, c)
    this.services = {
      add: (service) => put('services.add', addService, service, undefined, undefined),
      set: (service) => put('services.set', setService, service, undefined, undefined),
      update: (service, change) => put('services.update', updateService, service, change, undefined),
      ensure: (service) => put('services.ensure', ensureService, service, undefined, undefined),
      remove: (service) => put('services.remove', removeService, service, undefined, undefined),
    }
    this.destinations = {
      add: (service, destination) => put('destinations.add', addDestination, service, destination, undefined),
      set: (service, destination) => put('destinations.set', setDestination, service, destination, undefined),
      update: (service, destination, change) =>
        put('destinations.update', updateDestination, service, destination, change),
      ensure: (service, destination) =>
        put('destinations.ensure', ensureDestination, service, destination, undefined),
      remove: (service, destination) =>
        put('destinations.remove', removeDestination, service, destination, undefined),
    }
    this.localAddresses = {
      add: (service, address) => put('localAddresses.add', addLocalAddress, service, address, undefined),
      set: (service, addresses) =>
        put('localAddresses.set', setLocalAddresses, service, addresses, undefined),
      ensure: (service, address) =>
        put('localAddresses.ensure', ensureLocalAddress, service, address, undefined),
      remove: (service, address) =>
        put('localAddresses.remove', removeLocalAddress, service, address, undefined),
    }
  }

  /** As `ipvs.zero`. */
  zero(service?: ServiceKey): void {
    this.run.put('zero', zeroCounters, service, undefined, undefined)
  }

  /** As `ipvs.flush`. */
  flush(): void {
    this.run.put('flush', flushTable, undefined, undefined, undefined)
  }
}
