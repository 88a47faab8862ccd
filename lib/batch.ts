/** Many operations in one job, each with its own outcome. */

import type { Context } from './context'
import {
  addDestination,
  ensureDestination,
  removeDestination,
  setDestination,
  updateDestination,
} from './destinations'
import type { Dispatcher } from './dispatcher'
import type { IpvsError } from './errors'
import { addLocalAddress, ensureLocalAddress, removeLocalAddress, setLocalAddresses } from './local-addresses'
import type { Program } from './program'
import { nothing } from './program'
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

/** What became of one operation of a batch, in the order of the calls. */
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

export type Build = (context: Context) => Program<unknown>

/** Called with each operation that is put into the batch. */
export type Put = (operation: string, build: Build) => void

/** One operation of a batch, from the call to its outcome. */
export class Slot {
  outcome: BatchOutcome | undefined
  private ended: () => void = nothing

  constructor(
    private readonly operation: string,
    private readonly build: Build,
  ) {}

  /** A wrong argument is the outcome of this operation alone. */
  start(
    context: Context,
    dispatcher: Dispatcher,
    timeout: number,
    signal: AbortSignal | undefined,
    ended: () => void,
  ): void {
    this.ended = ended
    let program: Program<unknown>
    try {
      program = this.build(context)
    } catch (error) {
      this.reject(error)
      return
    }
    dispatcher.submit(program, timeout, signal, this)
  }

  resolve(value: unknown): void {
    this.outcome = { status: 'fulfilled', operation: this.operation, value }
    this.ended()
  }

  reject(error: unknown): void {
    this.outcome = {
      status: 'rejected',
      operation: this.operation,
      error: error as TypeError & { code: string },
    }
    this.ended()
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
