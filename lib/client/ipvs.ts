/** The client. */

import { inspect } from 'util'
import type { Transport } from '../border/transport'
import type { CallLimits } from '../dispatch/call-deadlines'
import type { CallPlan, Write } from '../dispatch/call-plan'
import { nothing } from '../dispatch/call-plan'
import { withCallerStack } from '../dispatch/caller-stack'
import { Dispatcher } from '../dispatch/dispatcher'
import type { StartReading } from '../dispatch/record-iterator'
import { RecordIterator } from '../dispatch/record-iterator'
import { withinLimits } from '../dispatch/within-limits'
import { invalidType } from '../errors/argument-errors'
import { ownError } from '../errors/ipvs-error'
import { openNativeTransport } from '../host/native-transport'
import { checkBoolean, checkCallOptions, checkProperties, PropertyNames } from '../input'
import type { Capabilities } from '../kernel/capabilities'
import { admissionsOf } from '../kernel/machine-rules'
import type { CallOptions, Dialect } from '../model/call-types'
import type { Info, ServiceKey, Snapshot } from '../model/types'
import type { WatchEvent, WatchOptions } from '../model/watch-types'
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
import { TimeoutMethods } from './timeouts'
import type { ConnectionCounter } from './watch'
import { startWatch } from './watch'
import { flushTable, readInfo, snapshotIdentity, takeSnapshot, zeroCounters } from './whole-table'

const SNAPSHOT_OPTIONS = new PropertyNames(['consistent', 'signal', 'timeout'])

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
  readonly timeouts: TimeoutMethods
  private readonly dispatcher: Dispatcher
  private readonly defaults: CallLimits
  private context: Context
  private isClosed = false
  /** Called when it is closed. */
  private readonly closing = new Set<() => void>()

  /**
   * Needs CAP_NET_ADMIN for everything that follows, reading included. Rejects with `ERR_IPVS_NOT_LOADED`,
   * `ERR_IPVS_NAMESPACE`, `ERR_IPVS_ADDON`, `ERR_IPVS_TIMEOUT`, or with the reason why `netns` cannot be entered.
   */
  static async open(options?: OpenOptions): Promise<Ipvs> {
    const checked = checkOpenOptions(options)
    const { signal } = checked
    if (signal?.aborted) throw ownError('ABORT_ERR', { operation: 'open', cause: signal.reason })
    const transport =
      typeof checked.transport === 'string' ? openNativeTransport(checked.netns) : checked.transport
    try {
      return new Ipvs(transport, checked, await identify(transport, checked))
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
    this.timeouts = new TimeoutMethods(runner)
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
    const { consistent, signal, timeout } =
      options === undefined
        ? ({} as SnapshotOptions)
        : (checkProperties(options, 'options', SNAPSHOT_OPTIONS) as SnapshotOptions)
    if (consistent !== undefined) checkBoolean(consistent, 'options.consistent')
    const call = { signal, timeout }
    let services = await this.run((context) => takeSnapshot(context), call)
    if (consistent !== true) return { services, consistent: undefined }
    for (let i = 1; i < CONSISTENT_TRIES; i++) {
      const again = await this.run((context) => takeSnapshot(context), call)
      const same = snapshotIdentity(services) === snapshotIdentity(again)
      services = again
      if (same) return { services, consistent: true }
    }
    return { services, consistent: false }
  }

  /**
   * Services, destinations and local addresses again and again, with rates and what has changed: `docs/watch.md`. A poll is
   * made when an event is asked for and `interval` has passed since the one before: one at a time, and none for a consumer
   * that is busy. Errors are events, and the polls after them come later and later; what ends the iteration rejects:
   * `signal` (`ABORT_ERR`), a closed client, `ERR_IPVS_MODULE_CHANGED`, bad options, with `stopOnError` any error. While an
   * event is waited for the process stays alive.
   */
  watch(options: WatchOptions): AsyncIterableIterator<WatchEvent> {
    // To be `this.connections` as soon as there is one.
    const { connections } = this as { readonly connections?: ConnectionCounter }
    const { closing } = this
    const run: Runner['run'] = (build, call) => this.run(build, call)
    return startWatch({ run, connections, closing, isClosed: () => this.isClosed }, options)
  }

  /**
   * Runs what `build` puts into the batch, in order and in as few trips as there can be. Each operation has an outcome
   * of its own; one that fails does not stop those behind it, and the promise rejects only when `build` throws. Nothing
   * was sent then, unless there were more than a thousand operations: every full thousand is under way while `build` goes
   * on.
   */
  batch(build: (batch: Batch) => void, options?: CallOptions): Promise<BatchOutcome[]> {
    return withCallerStack(
      new Promise((resolve) => {
        const limits = this.limits(options)
        if (typeof build !== 'function') throw invalidType('build', 'function', build)
        const run = new BatchRun(this.context, this.dispatcher, limits)
        resolve(run.fill(build))
      }),
    )
  }

  /**
   * Pending calls that were not sent reject with `ERR_IPVS_CLOSED`; resolves when those that were sent have ended. With
   * `timeout` or `signal` it waits no longer, and rejects with `ERR_IPVS_TIMEOUT` or `ABORT_ERR`; the client is closed all
   * the same. Idempotent.
   */
  async close(options?: CallOptions): Promise<void> {
    const { timeout, signal } = checkCallOptions(options)
    this.isClosed = true
    for (const end of Array.from(this.closing)) end()
    const closed = this.dispatcher.close()
    if (timeout === undefined && signal === undefined) return closed
    return withinLimits(() => closed, { timeout: timeout ?? 0, signal }, 'close')
  }

  private run<T>(build: (context: Context) => CallPlan<T>, options: CallOptions | undefined): Promise<T> {
    return withCallerStack(
      new Promise((resolve, reject) => {
        const limits = this.limits(options)
        this.dispatcher.submit(build(this.context), limits, { resolve, reject })
      }),
    )
  }

  private send<A, B>(
    build: (context: Context, a: A, b: B) => Write,
    options: CallOptions | undefined,
    a: A,
    b: B,
  ): Promise<void> {
    return withCallerStack(
      new Promise<void>((resolve, reject) => {
        const limits = this.limits(options)
        const built = build(this.context, a, b)
        if ('fields' in built) this.dispatcher.send(built.fields, limits, resolve, reject)
        else this.dispatcher.submit(built, limits, { resolve, reject })
      }),
    )
  }

  private limits(options: CallOptions | undefined): CallLimits {
    if (options === undefined) return this.defaults
    const { timeout, signal } = checkCallOptions(options)
    return { timeout: timeout ?? this.options.timeout, signal }
  }

  /** Arguments are checked and taken now; the first `next()` sends. */
  private stream<T>(
    build: (context: Context, push: (items: readonly T[]) => void) => CallPlan<void>,
    options: CallOptions | undefined,
  ): AsyncIterableIterator<T> {
    let push: (items: readonly T[]) => void = nothing
    try {
      const limits = this.limits(options)
      const plan = build(this.context, (items) => push(items))
      const { operation, subject } = plan
      const read: StartReading<T> = (take) => {
        push = take
        return withCallerStack(
          new Promise((resolve, reject) => this.dispatcher.submit(plan, limits, { resolve, reject })),
        )
      }
      const aborted = (sent: boolean) =>
        ownError('ABORT_ERR', { operation, subject, sent, cause: limits.signal?.reason })
      return new RecordIterator(read, limits.signal, aborted)
    } catch (error) {
      return new RecordIterator<T>(() => withCallerStack(Promise.reject(error)))
    }
  }

  private async reopen(): Promise<void> {
    const before = this.capabilities
    // The signal was for opening.
    const now = await identify(this.transport, { ...this.options, loadModule: false, signal: undefined })
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
