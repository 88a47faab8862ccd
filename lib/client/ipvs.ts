/** The client. */

import { inspect } from 'util'
import type { Transport } from '../border/transport'
import type { Terms } from '../dispatch/call-deadlines'
import type { CallPlan, Write } from '../dispatch/call-plan'
import { Dispatcher } from '../dispatch/dispatcher'
import { RecordIterator } from '../dispatch/record-iterator'
import { invalidType } from '../errors/argument-errors'
import { ownError } from '../errors/ipvs-error'
import { openNativeTransport } from '../host/native-transport'
import { checkBoolean, checkCallOptions, checkObject } from '../input'
import type { Capabilities } from '../kernel/capabilities'
import { admissionsOf } from '../kernel/machine-rules'
import type { CallOptions, Dialect, Info, ServiceKey, Snapshot } from '../model/types'
import type { Batch, BatchOutcome } from './batch'
import { BatchRun } from './batch'
import { Daemons } from './daemons'
import { Destinations } from './destinations'
import { LocalAddresses } from './local-addresses'
import { dialectNumber, identify, transportNumber } from './open-client'
import type { NormalizedOpenOptions, OpenOptions } from './open-options'
import { checkOpenOptions } from './open-options'
import type { Context, Runner } from './operation'
import { Services } from './services'
import { Timeouts } from './timeouts'
import { flushTable, readInfo, snapshotIdentity, takeSnapshot, zeroCounters } from './whole-table'

export interface SnapshotOptions extends CallOptions {
  /**
   * Read until two snapshots in a row have the same services, destinations and local addresses: a dump that is read
   * while others write can miss an entry (ip_vs_ctl.c:ip_vs_genl_dump_services resumes by position). Default false.
   */
  readonly consistent?: boolean | undefined
}

/** Snapshots that are compared before `consistent` is given up. */
const CONSISTENT_TRIES = 10

/**
 * A connection to the IPVS of a kernel. Calls are executed in the order in which they were made; those of one tick
 * share one trip. An open client does not keep the process alive, a pending call does.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: Symbol.asyncDispose is defined below, where it exists
export class Ipvs {
  readonly services: Services
  readonly destinations: Destinations
  /** Rejects with `ERR_IPVS_UNSUPPORTED` where `capabilities.localAddresses` is false. */
  readonly localAddresses: LocalAddresses
  readonly daemons: Daemons
  readonly timeouts: Timeouts
  private readonly dispatcher: Dispatcher
  private readonly defaults: Terms
  private context: Context
  private isClosed = false

  /**
   * Needs CAP_NET_ADMIN for everything that follows, reading included. Rejects with `ERR_IPVS_NOT_LOADED`,
   * `ERR_IPVS_NAMESPACE`, `ERR_IPVS_ADDON`, `ERR_IPVS_TIMEOUT`, or with the reason why `netns` cannot be entered.
   */
  static async open(options?: OpenOptions): Promise<Ipvs> {
    const checked = checkOpenOptions(options)
    const { signal } = checked
    const aborted = () => ownError('ABORT_ERR', { operation: 'open', cause: signal?.reason })
    if (signal?.aborted) throw aborted()
    const transport =
      typeof checked.transport === 'string' ? openNativeTransport(checked.netns) : checked.transport
    try {
      const capabilities = await identify(transport, checked)
      if (signal?.aborted) throw aborted()
      return new Ipvs(transport, checked, capabilities)
    } catch (error) {
      transport.close()
      throw error
    }
  }

  private constructor(
    private readonly transport: Transport,
    private readonly options: NormalizedOpenOptions,
    capabilities: Capabilities,
  ) {
    this.context = { capabilities, force: options.force }
    this.defaults = { timeout: options.timeout, signal: undefined }
    this.dispatcher = new Dispatcher(transport, {
      // Stays: reopen() takes nothing else.
      kernel: {
        dialect: capabilities.dialect,
        dialectNumber: dialectNumber(capabilities),
        transportNumber: transportNumber(capabilities),
      },
      admissions: () => admissionsOf(this.capabilities, transport),
      reopen: () => this.reopen(),
    })
    const runner: Runner = {
      run: (build, call) => this.run(build, call),
      send: <A, B>(
        build: (context: Context, a: A, b: B) => Write,
        call: CallOptions | undefined,
        a: A,
        b?: B,
      ) => this.send(build, call, a, b as B),
      stream: (build, call) => this.stream(build, call),
    }
    this.services = new Services(runner)
    this.destinations = new Destinations(runner)
    this.localAddresses = new LocalAddresses(runner, () => transport.readCpuState())
    this.daemons = new Daemons(runner)
    this.timeouts = new Timeouts(runner)
  }

  get dialect(): Dialect {
    return this.context.capabilities.dialect
  }

  /** What this kernel can do over this transport; what it cannot is refused before anything is sent. */
  get capabilities(): Capabilities {
    return this.context.capabilities
  }

  get closed(): boolean {
    return this.isClosed
  }

  info(options?: CallOptions): Promise<Info> {
    return this.run(() => readInfo(), options)
  }

  /**
   * Sets the counters of one service and its destinations to zero, or without a service those of everything. Not on
   * fullnat-v3 (`capabilities.zero`).
   */
  zero(service?: ServiceKey, options?: CallOptions): Promise<void> {
    return this.send(zeroCounters, options, service, undefined)
  }

  /** Removes every service of both address families. Their connections stay until they expire. */
  flush(options?: CallOptions): Promise<void> {
    return this.send(flushTable, options, undefined, undefined)
  }

  /** Services, destinations and local addresses, in one trip. */
  async snapshot(options?: SnapshotOptions): Promise<Snapshot> {
    const { consistent, ...call } =
      options === undefined ? { consistent: undefined } : checkObject(options, 'options')
    if (consistent !== undefined) checkBoolean(consistent, 'options.consistent')
    let services = await this.run((context) => takeSnapshot(context), call as CallOptions)
    if (consistent !== true) return { services, consistent: undefined }
    for (let i = 1; i < CONSISTENT_TRIES; i++) {
      const again = await this.run((context) => takeSnapshot(context), call as CallOptions)
      const same = snapshotIdentity(services) === snapshotIdentity(again)
      services = again
      if (same) return { services, consistent: true }
    }
    return { services, consistent: false }
  }

  /**
   * Runs what `build` puts into the batch, in order and in as few trips as there can be. Each operation has an outcome
   * of its own; one that fails does not stop those behind it, and the promise rejects only when `build` throws. Nothing
   * was sent then, unless there were more than a thousand operations: every full thousand is under way while `build` goes
   * on.
   */
  batch(build: (batch: Batch) => void, options?: CallOptions): Promise<BatchOutcome[]> {
    return new Promise((resolve) => {
      const terms = this.terms(options)
      if (typeof build !== 'function') throw invalidType('build', 'function', build)
      const run = new BatchRun(this.context, this.dispatcher, terms)
      resolve(run.fill(build))
    })
  }

  /**
   * Pending calls that were not sent reject with `ERR_IPVS_CLOSED`; resolves when those that were sent have ended.
   * Idempotent.
   */
  close(): Promise<void> {
    this.isClosed = true
    return this.dispatcher.close()
  }

  private run<T>(build: (context: Context) => CallPlan<T>, options: CallOptions | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const terms = this.terms(options)
      this.dispatcher.submit(build(this.context), terms, { resolve, reject })
    })
  }

  private send<A, B>(
    build: (context: Context, a: A, b: B) => Write,
    options: CallOptions | undefined,
    a: A,
    b: B,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const terms = this.terms(options)
      const built = build(this.context, a, b)
      if ('fields' in built) this.dispatcher.send(built.fields, terms, resolve, reject)
      else this.dispatcher.submit(built, terms, { resolve, reject })
    })
  }

  private terms(options: CallOptions | undefined): Terms {
    if (options === undefined) return this.defaults
    const { timeout, signal } = checkCallOptions(options)
    return { timeout: timeout ?? this.options.timeout, signal }
  }

  private stream<T>(
    build: (context: Context, push: (items: readonly T[]) => void) => CallPlan<void>,
    options: CallOptions | undefined,
  ): AsyncIterableIterator<T> {
    return new RecordIterator((push) => this.run((context) => build(context, push), options))
  }

  private async reopen(): Promise<void> {
    const before = this.capabilities
    const now = await identify(this.transport, { ...this.options, loadModule: false })
    if (now.dialect !== before.dialect || now.transport !== before.transport) {
      throw ownError('ERR_IPVS_MODULE_CHANGED', { operation: 'open' })
    }
    this.context = { ...this.context, capabilities: now }
  }

  /** @internal */
  [inspect.custom](): string {
    const { dialect, transport } = this.capabilities
    const state = { dialect, transport, pending: this.dispatcher.pending, closed: this.isClosed }
    return `Ipvs ${inspect(state)}`
  }
}

// Node 10 has no such symbol; where there is one, `await using` closes the client.
export interface Ipvs extends AsyncDisposable {}
if (typeof Symbol.asyncDispose === 'symbol') {
  Object.defineProperty(Ipvs.prototype, Symbol.asyncDispose, {
    value(this: Ipvs): Promise<void> {
      return this.close()
    },
    configurable: true,
    writable: true,
  })
}
