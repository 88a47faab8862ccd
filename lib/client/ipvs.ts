/** The client. */

import { inspect } from 'util'
import type { Transport } from '../border/transport'
import type { CallLimits } from '../dispatch/call-deadlines'
import type { CallPlan, Write } from '../dispatch/call-plan'
import { withCallerStack } from '../dispatch/caller-stack'
import { Closing } from '../dispatch/closing'
import { Dispatcher } from '../dispatch/dispatcher'
import { withinLimits } from '../dispatch/within-limits'
import { invalidType } from '../errors/argument-errors'
import { ownError } from '../errors/ipvs-error'
import { openNativeTransport } from '../host/native-transport'
import { checkCallOptions } from '../input'
import type { Capabilities } from '../kernel/capabilities'
import type { DialectEvidence } from '../kernel/detect'
import { admissionsOf } from '../kernel/machine-rules'
import type { ClientActivity } from '../model/activity'
import type { CallOptions, Dialect } from '../model/call-types'
import type { MachineInfo } from '../model/machine'
import type {
  ApplicationHelper,
  ExtendedStatistics,
  KernelStatus,
  TrafficStatistics,
} from '../model/observed'
import type { Info, ServiceKey, Snapshot, SnapshotWithoutStats } from '../model/types'
import type { WatchEvent, WatchOptions } from '../model/watch-types'
import { closeAtEndOfScope } from './async-dispose'
import type { Batch, BatchOutcome } from './batch'
import { BatchRun } from './batch'
import { Connections } from './connections'
import { Daemons } from './daemons'
import { Destinations } from './destinations'
import type { FileClient } from './file-call'
import { callFiles } from './file-call'
import { LocalAddresses } from './local-addresses'
import { machineReading } from './machine'
import type { Identified } from './open-client'
import { identify, identifyAgain, kernelIdentity } from './open-client'
import type { NormalizedOpenOptions, OpenOptions } from './open-options'
import { checkOpenOptions } from './open-options'
import type { Context, Runner } from './operation'
import { streamRecords } from './record-stream'
import { Services } from './services'
import type { SnapshotOptions } from './snapshot'
import { readSnapshot } from './snapshot'
import {
  readApplicationHelpers,
  readExtendedStatistics,
  readKernelStatus,
  readTrafficStatistics,
} from './statistics'
import { SysctlMethods } from './sysctl'
import { TimeoutMethods } from './timeouts'
import { startWatch } from './watch'
import { flushTable, readInfo, takeSnapshot, zeroCounters } from './whole-table'

/**
 * A connection to the IPVS of a kernel. Calls are executed in the order in which they were made; those of one tick
 * share one trip. An open client does not keep the process alive, a pending call does.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: closeAtEndOfScope() defines Symbol.asyncDispose, where it exists
export class Ipvs {
  /** Virtual services: what clients connect to. */
  readonly services: Services
  /** The real servers of each service. */
  readonly destinations: Destinations
  /** Where FULLNAT connections come from. Rejects with `ERR_IPVS_UNSUPPORTED` where `capabilities.localAddresses` is false. */
  readonly localAddresses: LocalAddresses
  /** The threads of the kernel that send connections to another director, or receive them from one. */
  readonly daemons: Daemons
  /** How long connections stay without a packet, for all services. */
  readonly timeouts: TimeoutMethods
  /** The connections of clients. Rejects with `ERR_IPVS_UNSUPPORTED` where `capabilities.connectionList` is false. */
  readonly connections: Connections
  /** Settings of IPVS in /proc/sys: docs/sysctls.md. */
  readonly sysctl: SysctlMethods
  private readonly dispatcher: Dispatcher
  private readonly fileClient: FileClient
  private readonly defaults: CallLimits
  private context: Context
  private readonly closing = new Closing()

  /**
   * Rejects with `EPERM` without CAP_NET_ADMIN (see `unprivileged`), with `ERR_IPVS_NOT_LOADED`, `ERR_IPVS_NAMESPACE`,
   * `ERR_IPVS_ADDON`, `ERR_IPVS_TIMEOUT`, `ERR_IPVS_UNSUPPORTED` on a big-endian machine, or with the reason why `netns`
   * cannot be entered.
   */
  static async open(options?: OpenOptions): Promise<Ipvs> {
    const checked = checkOpenOptions(options)
    const { signal } = checked
    if (signal?.aborted) throw ownError('ABORT_ERR', { operation: 'open', cause: signal.reason })
    const transport =
      typeof checked.transport === 'string'
        ? openNativeTransport(checked.netns, checked.addon)
        : checked.transport
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
    identified: Identified,
  ) {
    this.context = { ...identified, force: options.force }
    this.defaults = { timeout: options.timeout, signal: undefined }
    this.dispatcher = new Dispatcher(transport, {
      // Stays: reopen() takes nothing else.
      kernel: kernelIdentity(identified.capabilities),
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
      stream: (build, call) => streamRecords(this.dispatcher, this.context, () => this.limits(call), build),
    }
    this.services = new Services(runner)
    this.destinations = new Destinations(runner)
    this.localAddresses = new LocalAddresses(runner, () => transport.readCpuState())
    this.daemons = new Daemons(runner)
    this.timeouts = new TimeoutMethods(runner)
    this.fileClient = {
      transport,
      context: () => this.context,
      limits: (options) => ({ ...this.limits(options), closing: this.closing }),
    }
    this.connections = new Connections(this.fileClient)
    this.sysctl = new SysctlMethods(this.fileClient)
  }

  /** Which kernel it is. */
  get dialect(): Dialect {
    return this.context.capabilities.dialect
  }

  /** What this kernel can do over this transport; what it cannot is refused before anything is sent. */
  get capabilities(): Capabilities {
    return this.context.capabilities
  }

  /** Why the dialect is what it is. */
  get evidence(): DialectEvidence {
    return this.context.evidence
  }

  /** `close` was called. */
  get closed(): boolean {
    return this.closing.closed
  }

  /** What this client has done, for `ipvs-fullnat/metrics` for instance. Sends nothing; works on a closed client. */
  activity(): ClientActivity {
    return this.dispatcher.report()
  }

  /** Version of IPVS, and the size of its connection table. Rejects with `ERR_IPVS_NOT_LOADED` where it is gone. */
  info(options?: CallOptions): Promise<Info> {
    return this.run(() => readInfo(), options)
  }

  /**
   * What the kernel has forwarded in all (/proc/net/ip_vs_stats, on mainline ip_vs_stats_percpu besides). It is more than the
   * services that are there add up to, and on mainline `total` is up to 2 seconds behind: docs/statistics.md. Rejects with
   * `ERR_IPVS_UNSUPPORTED` where /proc is hidden, with `ERR_IPVS_MALFORMED_FILE` where a line cannot be read.
   */
  stats(options?: CallOptions): Promise<TrafficStatistics> {
    return callFiles(this.fileClient, 'stats', readTrafficStatistics, options)
  }

  /**
   * What FULLNAT kernels count beside it, for each row what it means and what to do (/proc/net/ip_vs_ext_stats). Rejects with
   * `ERR_IPVS_UNSUPPORTED` on mainline, before anything is read (`capabilities.extendedStats`), else as `stats`.
   */
  extendedStats(options?: CallOptions): Promise<ExtendedStatistics> {
    return callFiles(this.fileClient, 'extendedStats', readExtendedStatistics, options)
  }

  /** The application helpers that are registered, `ftp` for instance (/proc/net/ip_vs_app). Rejects as `stats`. */
  applicationHelpers(options?: CallOptions): Promise<ApplicationHelper[]> {
    return callFiles(this.fileClient, 'applicationHelpers', readApplicationHelpers, options)
  }

  /**
   * How full the tables of the kernel are (/proc/net/ip_vs_status, Linux 7.2 for instance). It walks both tables, and wants
   * root. Rejects with `ERR_IPVS_UNSUPPORTED` where the kernel has no such file, else as `stats`.
   */
  status(options?: CallOptions): Promise<KernelStatus> {
    return callFiles(this.fileClient, 'status', readKernelStatus, options)
  }

  /**
   * The machine around IPVS, as the network namespace of the client shows it: addresses, forwarding, TCP sockets. What cannot be
   * read is undefined, and `unread` says why. Rejects with `ERR_IPVS_UNSUPPORTED` where the transport knows of no machine.
   */
  machine(options?: CallOptions): Promise<MachineInfo> {
    return callFiles(this.fileClient, 'machine', machineReading(this.transport), options)
  }

  /** Sets the counters of one service and its destinations to zero, or those of everything. Not on fullnat-v3 (`zero`). */
  zero(service?: ServiceKey, options?: CallOptions): Promise<void> {
    return this.send(zeroCounters, options, service, undefined)
  }

  /** Removes every service of both address families. Their connections stay until they expire. */
  flush(options?: CallOptions): Promise<void> {
    return this.send(flushTable, options, undefined, undefined)
  }

  /** Services, destinations and local addresses, in one trip. */
  snapshot(options: SnapshotOptions & { readonly stats: false }): Promise<SnapshotWithoutStats>
  snapshot(options?: SnapshotOptions): Promise<Snapshot>
  async snapshot(options?: SnapshotOptions): Promise<Snapshot | SnapshotWithoutStats> {
    return readSnapshot((call, stats) => this.run((context) => takeSnapshot(context, stats), call), options)
  }

  /**
   * Services, destinations and local addresses again and again, with rates and what has changed: `docs/watch.md`. A poll is
   * made when an event is asked for and `interval` has passed since the one before: one at a time, and none for a consumer
   * that is busy. Errors are events, and the polls after them come later and later; what ends the iteration rejects:
   * `signal` (`ABORT_ERR`), a closed client, `ERR_IPVS_MODULE_CHANGED`, bad options, with `stopOnError` any error. While an
   * event is waited for the process stays alive.
   */
  watch(options: WatchOptions): AsyncIterableIterator<WatchEvent> {
    const { closing, connections } = this
    const run: Runner['run'] = (build, call) => this.run(build, call)
    return startWatch({ run, connections, closing }, options)
  }

  /**
   * Runs what `build` puts into the batch, in order and in as few trips as there can be. Each operation has an outcome
   * of its own; one that fails does not stop those behind it, and the promise rejects only when `build` throws. Nothing was
   * sent then, unless there were more than a thousand operations: every full thousand is under way while `build` goes on.
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
    this.closing.close()
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

  private async reopen(): Promise<void> {
    const now = await identifyAgain(this.transport, this.options, this.capabilities)
    this.context = { ...this.context, ...now }
  }

  /** @internal */
  [inspect.custom](): string {
    const { dialect, transport } = this.capabilities
    const state = { dialect, transport, pending: this.dispatcher.pending, closed: this.closed }
    return `Ipvs ${inspect(state)}`
  }
}

export interface Ipvs extends AsyncDisposable {}
closeAtEndOfScope(Ipvs.prototype)
