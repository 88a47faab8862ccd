/** Many operations in one job, each with its own outcome. */

import type { Context } from './context'
import {
  addDestination,
  ensureDestination,
  removeDestination,
  setDestination,
  updateDestination,
} from './destinations'
import type { CommandRange, Dispatcher, Terms } from './dispatcher'
import type { Settle } from './entry'
import type { IpvsError } from './errors'
import { addLocalAddress, ensureLocalAddress, removeLocalAddress, setLocalAddresses } from './local-addresses'
import type { Command, Program } from './program'
import { nothing } from './program'
import { JOB_REQUESTS, RequestBuffer } from './records/request'
import { addService, ensureService, removeService, setService, updateService } from './services'
import { flushTable, zeroCounters } from './table'
import type {
  DestinationConfig,
  DestinationInput,
  DestinationKey,
  ServiceConfig,
  ServiceInput,
  ServiceKey,
} from './types'

/**
 * What became of one operation of a batch, in the order of the calls. Equal successes can be one and the same frozen
 * object.
 */
export type BatchOutcome =
  | {
      readonly status: 'fulfilled'
      /** `'services.add'` */
      readonly operation: string
      /** What the method of the client would have resolved to. */
      readonly value: unknown
    }
  | {
      readonly status: 'rejected'
      readonly operation: string
      /** An `IpvsError`, or a `TypeError` / `RangeError` for an argument. */
      readonly error: IpvsError | (TypeError & { code: string }) | (RangeError & { code: string })
    }

export type Build = (context: Context) => Command | Program<unknown>

/** Called with each operation that is put into the batch. */
export type Put = (operation: string, build: Build) => void

type Fulfilled = Extract<BatchOutcome, { status: 'fulfilled' }>

/** Frozen, because it stands for every success of the operation: a batch can have thousands. */
const successes: { [operation: string]: Fulfilled } = Object.create(null)

function fulfilled(operation: string, value: unknown): Fulfilled {
  if (value !== undefined) return { status: 'fulfilled', operation, value }
  successes[operation] ??= Object.freeze({ status: 'fulfilled', operation, value })
  return successes[operation] as Fulfilled
}

interface Range extends CommandRange {
  count: number
}

/** The operations of a batch from the call to their outcomes; what is called first is settled as number 0. */
export class BatchRun implements Settle<unknown> {
  private readonly operations: string[] = []
  private readonly outcomes: (BatchOutcome | undefined)[] = []
  private readonly parts: (Range | { readonly program: Program<unknown>; readonly index: number })[] = []
  private packed = new RequestBuffer()
  private range: Range | undefined
  private open = 0
  private ended: (outcomes: BatchOutcome[]) => void = nothing

  constructor(
    private readonly context: Context,
    /** `Transport` of layout.gen. */
    private readonly transport: number,
  ) {}

  /** A wrong argument is the outcome of this operation alone. */
  put(operation: string, build: Build): void {
    const index = this.operations.push(operation) - 1
    this.outcomes.push(undefined)
    this.open++
    let built: Command | Program<unknown>
    try {
      built = build(this.context)
    } catch (error) {
      this.range = undefined
      this.reject(error, index)
      return
    }
    if (!('fields' in built)) {
      this.range = undefined
      this.parts.push({ program: built, index })
      return
    }
    if (this.packed.count >= JOB_REQUESTS) {
      this.packed = new RequestBuffer(JOB_REQUESTS)
      this.range = undefined
    }
    if (!this.range) {
      this.range = { packed: this.packed, at: this.packed.count, count: 0, base: index }
      this.parts.push(this.range)
    }
    this.packed.push(built.fields, this.transport)
    this.range.count++
  }

  /** Resolves when all have an outcome. */
  start(dispatcher: Dispatcher, terms: Terms): Promise<BatchOutcome[]> {
    return new Promise((resolve) => {
      this.ended = resolve
      if (this.open === 0) this.end()
      for (const part of this.parts) {
        if ('program' in part) dispatcher.submit(part.program, terms, this.settleAs(part.index))
        else dispatcher.sendRange(part, terms, this)
      }
    })
  }

  resolve(value: unknown, index: number): void {
    this.settle(index, fulfilled(this.operations[index] as string, value))
  }

  reject(error: unknown, index: number): void {
    const operation = this.operations[index] as string
    this.settle(index, { status: 'rejected', operation, error: error as TypeError & { code: string } })
  }

  private settleAs(index: number): Settle<unknown> {
    return {
      resolve: (value) => this.resolve(value, index),
      reject: (error) => this.reject(error, index),
    }
  }

  private settle(index: number, outcome: BatchOutcome): void {
    if (this.outcomes[index]) return
    this.outcomes[index] = outcome
    this.open--
    if (this.open === 0) this.end()
  }

  private end(): void {
    this.ended(this.outcomes as BatchOutcome[])
  }
}

/** Collects operations; nothing is sent before the function that was given to `batch()` has returned. */
export class Batch {
  readonly services: {
    add(service: ServiceInput): void
    set(service: ServiceInput): void
    update(service: ServiceKey, change: ServiceConfig): void
    ensure(service: ServiceInput): void
    remove(service: ServiceKey): void
  }
  readonly destinations: {
    add(service: ServiceKey, destination: DestinationInput): void
    set(service: ServiceKey, destination: DestinationInput): void
    update(service: ServiceKey, destination: DestinationKey, change: Partial<DestinationConfig>): void
    ensure(service: ServiceKey, destination: DestinationInput): void
    remove(service: ServiceKey, destination: DestinationKey): void
  }
  readonly localAddresses: {
    add(service: ServiceKey, address: string): void
    set(service: ServiceKey, addresses: readonly string[]): void
    ensure(service: ServiceKey, address: string): void
    remove(service: ServiceKey, address: string): void
  }

  constructor(private readonly put: Put) {
    this.services = {
      add: (service) => put('services.add', (context) => addService(context, service)),
      set: (service) => put('services.set', (context) => setService(context, service)),
      update: (service, change) =>
        put('services.update', (context) => updateService(context, service, change)),
      ensure: (service) => put('services.ensure', (context) => ensureService(context, service)),
      remove: (service) => put('services.remove', (context) => removeService(context, service)),
    }
    this.destinations = {
      add: (service, destination) =>
        put('destinations.add', (context) => addDestination(context, service, destination)),
      set: (service, destination) =>
        put('destinations.set', (context) => setDestination(context, service, destination)),
      update: (service, destination, change) =>
        put('destinations.update', (context) => updateDestination(context, service, destination, change)),
      ensure: (service, destination) =>
        put('destinations.ensure', (context) => ensureDestination(context, service, destination)),
      remove: (service, destination) =>
        put('destinations.remove', (context) => removeDestination(context, service, destination)),
    }
    this.localAddresses = {
      add: (service, address) =>
        put('localAddresses.add', (context) => addLocalAddress(context, service, address)),
      set: (service, addresses) =>
        put('localAddresses.set', (context) => setLocalAddresses(context, service, addresses)),
      ensure: (service, address) =>
        put('localAddresses.ensure', (context) => ensureLocalAddress(context, service, address)),
      remove: (service, address) =>
        put('localAddresses.remove', (context) => removeLocalAddress(context, service, address)),
    }
  }

  zero(service?: ServiceKey): void {
    this.put('zero', (context) => zeroCounters(context, service))
  }

  flush(): void {
    this.put('flush', (context) => flushTable(context))
  }
}
