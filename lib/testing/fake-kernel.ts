/** A kernel with IPVS that exists in memory alone. */

import type { Transport } from '../border/transport'
import { outOfRange } from '../errors/argument-errors'
import { checkName } from '../input/values'
import type { ErrnoName } from '../kernel/errno'
import type { DestinationKey, ServiceKey } from '../model/types'
import { ConnectionRefused, FakeConnection } from './fake-connection'
import type { FakeTransportOptions } from './fake-transport'
import { fakeTransport } from './fake-transport'
import type { ChunkGap, DumpKind, Fault, FaultOptions, FaultTarget } from './faults/faults'
import { errnoOf, Faults } from './faults/faults'
import type { FakeRequest } from './faults/request-log'
import type { Refusal } from './objects/connection-objects'
import type { FakeDialect, FakeKernelOptions } from './objects/options'
import { checkKernelOptions } from './objects/options'
import { destinationId } from './objects/table-objects'
import { dumpKernel, loadKernel } from './state-file/dump'
import type { KernelDump } from './state-file/dump-format'
import { findService } from './table/service-table'
import type { ProcSys } from './table/state'
import { KernelState } from './table/state'
import type { ConnectOptions } from './traffic/arrivals'
import { arrivalOf, checkEndpoint, checkService } from './traffic/arrivals'
import { advance } from './traffic/clock'
import { arrive, establish, link } from './traffic/connections'
import type { TrafficCounts } from './traffic/packets'
import { destinationTraffic } from './traffic/packets'

/** What became of a client. */
export type Attempt =
  | { readonly connection: FakeConnection; readonly refused?: undefined }
  | { readonly connection?: undefined; readonly refused: Refusal }

const PROC_SYS = { writable: 'writable', 'read-only': 'read-only', missing: 'missing' } as const

/**
 * Answers as the kernel of its dialect does, without privilege and on any system. Time stands still unless `advance`
 * moves it; nothing is left to chance.
 *
 * ```ts
 * import { Ipvs } from 'ipvs-fullnat'
 * import { FakeKernel } from 'ipvs-fullnat/testing'
 *
 * const kernel = new FakeKernel({ dialect: 'fullnat-v3', cpus: 4 })
 * const ipvs = await Ipvs.open({ transport: kernel.transport() })
 * ```
 */
export class FakeKernel {
  /** What was sent, the oldest first. Empty it with `requests.length = 0`. */
  readonly requests: FakeRequest[] = []
  private readonly state: KernelState
  private readonly faults = new Faults()
  private lastFamilyId: number

  constructor(options?: FakeKernelOptions) {
    this.state = new KernelState(checkKernelOptions(options))
    this.lastFamilyId = this.state.familyId
  }

  /** Which kernel it is. */
  get dialect(): FakeDialect {
    return this.state.options.dialect
  }

  /** Seconds since the kernel was made. */
  get now(): number {
    return this.state.now / 1000
  }

  /** The sysctl `reserve_core` (fullnat-v3). It counts for local addresses that are added from then on. */
  get reserveCore(): number {
    return this.state.reserveCore
  }

  set reserveCore(cpus: number) {
    if (!Number.isInteger(cpus) || cpus < 0) throw outOfRange('reserveCore', '>= 0', cpus)
    this.state.reserveCore = cpus
  }

  /**
   * How /proc/sys is mounted for the process: `'read-only'` as containers have it, where writing a sysctl ends in `EROFS`, or
   * `'missing'` as a masked /proc. `'writable'` unless it is set.
   */
  get procSys(): ProcSys {
    return this.state.procSys
  }

  set procSys(mounted: ProcSys) {
    this.state.procSys = checkName(mounted, 'procSys', PROC_SYS)
  }

  /** For `Ipvs.open({ transport })`. Each client needs its own; all see the same table. */
  transport(options?: FakeTransportOptions): Transport {
    return fakeTransport(this.state, this.faults, this.requests, options)
  }

  // ---- time and traffic

  /** A client connects; throws `ConnectionRefused`, with the reason, where the kernel would not take it. */
  connect(options: ConnectOptions): FakeConnection {
    const { connection, refused } = this.attempt(options)
    if (!connection) throw new ConnectionRefused(refused)
    return connection
  }

  /** Like `connect`, but the refusal is a value. */
  attempt(options: ConnectOptions): Attempt {
    const arrival = arrivalOf(this.state, options)
    const found = 'kind' in arrival ? arrival : arrive(this.state, arrival)
    if ('kind' in found) return { refused: found }
    if (options.established !== false) establish(this.state, found)
    return { connection: new FakeConnection(this.state, found) }
  }

  /** Those that have not expired, the oldest first. No kernel of Alibaba's v3 would tell you. */
  connections(): FakeConnection[] {
    return Array.from(this.state.connections.values(), (object) => new FakeConnection(this.state, object))
  }

  /** Packets go by, on a connection or between a service and one of its destinations. False when they are dropped. */
  traffic(
    on:
      | FakeConnection
      | { readonly service: string | ServiceKey; readonly destination: string | DestinationKey },
    counts: TrafficCounts,
  ): boolean {
    if (on instanceof FakeConnection) return on.traffic(counts)
    const service = findService(this.state, checkService(on.service))
    const { address, port } = checkEndpoint(on.destination, 'destination')
    const destination = service?.destinations.get(destinationId(address, port))
    if (!service || !destination) throw new Error('no such service, or no such destination in it')
    destinationTraffic(this.state, service, destination, counts)
    return true
  }

  /** Lets time go by: connections and persistence expire, mainline's rates are computed. */
  advance(seconds: number): void {
    if (typeof seconds !== 'number' || !(seconds >= 0) || seconds === Number.POSITIVE_INFINITY) {
      throw outOfRange('seconds', '>= 0', seconds)
    }
    advance(this.state, Math.round(seconds * 1000))
  }

  // ---- state

  /** Everything the kernel holds, as plain JSON. */
  dump(): KernelDump {
    return dumpKernel(this.state)
  }

  /**
   * Takes a dump of a kernel of the same dialect with as many CPUs back. Faults and requests stay; connections that were
   * handed out before are no longer those of the kernel.
   */
  load(state: KernelDump): void {
    loadKernel(this.state, state, link)
    this.lastFamilyId = Math.max(this.lastFamilyId, this.state.familyId)
  }

  // ---- faults

  /** The request is refused with this errno and does nothing. */
  fail(target: FaultTarget, errno: ErrnoName | number, options?: FaultOptions): Fault {
    return this.faults.add({ kind: 'fail', errno: errnoOf(errno) }, target, options)
  }

  /**
   * The answer takes so many real milliseconds. Beyond the timeout of the call it is too late: over netlink the request
   * has been executed and the call rejects with `ERR_IPVS_TIMEOUT`; over sockopt the system call just takes that long.
   */
  delay(ms: number, target: FaultTarget = '*', options?: FaultOptions): Fault {
    if (typeof ms !== 'number' || !(ms >= 0)) throw outOfRange('ms', '>= 0', ms)
    return this.faults.add({ kind: 'delay', ms }, target, options)
  }

  /**
   * The kernel hangs: nothing of the job is answered until the fault is removed. Calls end by their own timeout, half a
   * second after it; those behind them wait.
   */
  neverAnswer(target: FaultTarget = '*', options?: FaultOptions): Fault {
    return this.faults.add({ kind: 'neverAnswer' }, target, options)
  }

  /** The request is executed and its answer lost: `ERR_IPVS_OUTCOME_UNKNOWN` for a write, `ENOBUFS` for a read. */
  loseAnswer(target: FaultTarget = '*', options?: FaultOptions): Fault {
    return this.faults.add({ kind: 'loseAnswer' }, target, options)
  }

  /** The receive buffer overflows: every request of the job that goes with this one is executed, and all answers lost. */
  enobufs(target: FaultTarget = '*', options?: FaultOptions): Fault {
    return this.faults.add({ kind: 'enobufs' }, target, options)
  }

  /**
   * A dump goes back by so many entries once, as after an insert before its position. The library drops what comes twice,
   * so nothing must be seen of it. `target` is the request: `'snapshot'` for instance. `dump` is the kind of entry.
   */
  repeatDumpEntries(
    count = 1,
    target: FaultTarget = '*',
    options: FaultOptions & { readonly dump?: DumpKind | undefined } = {},
  ): Fault {
    return this.faults.add({ kind: 'repeatEntries', dump: options.dump, count }, target, options)
  }

  /** A dump misses its first entries, as after a removal before its position. Nothing in the answer tells. */
  skipDumpEntries(
    count = 1,
    target: FaultTarget = '*',
    options: FaultOptions & { readonly dump?: DumpKind | undefined } = {},
  ): Fault {
    return this.faults.add({ kind: 'skipEntries', dump: options.dump, count }, target, options)
  }

  /**
   * Runs between two chunks of a dump over netlink, where another writer can come in: change the table with a second
   * client. The size of a chunk is the option `chunkSize`. Sockopt lists at once.
   */
  betweenChunks(
    run: (gap: ChunkGap) => void | Promise<void>,
    target: FaultTarget = '*',
    options?: FaultOptions,
  ): Fault {
    return this.faults.add({ kind: 'betweenChunks', run }, target, options)
  }

  /** Removes all faults; requests that they hold up go on. */
  clearFaults(): void {
    this.faults.clear()
  }

  /** `rmmod ip_vs`: the table is gone, and so is the family. Idempotent. */
  unloadModule(): void {
    this.state.clear()
    this.state.loaded = false
    this.state.familyId = 0
  }

  /** `modprobe ip_vs`: an empty table under another family id. A module that is loaded is unloaded first. */
  loadModule(): void {
    this.unloadModule()
    this.state.loaded = true
    this.state.familyId = ++this.lastFamilyId
  }

  /** The process loses CAP_NET_ADMIN: everything is refused with EPERM, reading included; writing a sysctl with EACCES. */
  revoke(): void {
    this.state.permitted = false
  }

  /** The process has CAP_NET_ADMIN again. */
  grant(): void {
    this.state.permitted = true
  }
}
