/** Everything a fake kernel holds. */

import type { SysctlName } from '../../kernel/sysctls'
import type { SysctlValue } from '../../model/sysctls'
import type { ConnectionObject, TemplateObject } from '../objects/connection-objects'
import { KernelCounters } from '../objects/kernel-counters'
import type { DialectFacts } from '../objects/kernel-numbers'
import { FACTS } from '../objects/kernel-numbers'
import { Host } from '../objects/machine'
import type { CheckedOptions } from '../objects/options'
import { orderServices } from '../objects/service-order'
import { initialSysctls } from '../objects/sysctl-defaults'
import type { DaemonObject, DestinationObject, SchedulerState, ServiceObject } from '../objects/table-objects'
import { destinationsOf } from '../objects/table-objects'
import { schedulerOf } from '../schedulers'
import type { DestinationChange, SchedulerView } from '../schedulers/scheduler'

/** The first family id that generic netlink gives away (linux/genetlink.h: GENL_MIN_ID + 1). */
const FIRST_FAMILY_ID = 0x12

export type ProcSys = 'writable' | 'read-only' | 'missing'

export class KernelState {
  readonly facts: DialectFacts
  readonly host: Host
  /** Milliseconds since the start. */
  now = 0
  nextId = 1
  /** By `key`. */
  readonly services = new Map<string, ServiceObject>()
  /** Removed destinations that something still holds, or that mainline keeps for a while. */
  readonly trash = new Map<string, DestinationObject>()
  readonly connections = new Map<number, ConnectionObject>()
  readonly templates = new Map<string, TemplateObject>()
  /** Connections by CPU, protocol, client and virtual address: the kernel's hash table, from outside. */
  readonly byClient = new Map<string, ConnectionObject>()
  /** CPU, protocol, destination and local address of FULLNAT connections: the same table, from inside. */
  readonly localTuples = new Set<string>()
  timeouts: { tcp: number; tcpFin: number; udp: number }
  daemons: DaemonObject[] = []
  counters: KernelCounters
  reserveCore: number
  /** By name, but for those that are `timeouts` and `reserveCore`. */
  readonly sysctls: Map<string, SysctlValue>
  /** How /proc/sys is mounted. */
  procSys: ProcSys = 'writable'
  /** The module ip_vs is there. */
  loaded = true
  familyId = FIRST_FAMILY_ID
  /** The caller has CAP_NET_ADMIN. */
  permitted = true
  private seed: number
  private serviceOrder: ServiceObject[] | undefined

  constructor(readonly options: CheckedOptions) {
    this.facts = FACTS[options.dialect]
    this.host = new Host(options.addresses, options.routes, options.interfaces, this.facts.fullnat)
    this.timeouts = { ...this.facts.timeouts }
    this.counters = new KernelCounters(options.cpus)
    this.reserveCore = options.reserveCore
    this.sysctls = initialSysctls(options)
    this.seed = options.seed
  }

  /** Of the dialect's sysctls that are integers and in `sysctls`. */
  sysctl(name: SysctlName): number {
    return this.sysctls.get(name) as number
  }

  id(): number {
    return this.nextId++
  }

  /** Of the generator of numbers; dumped and loaded. */
  get randomState(): number {
    return this.seed
  }

  set randomState(seed: number) {
    this.seed = seed
  }

  /** 0 to `below` - 1: a linear congruential generator (Numerical Recipes), the same on every machine. */
  random(below: number): number {
    this.seed = (Math.imul(this.seed, 1664525) + 1013904223) >>> 0
    return Math.floor((this.seed / 4294967296) * below)
  }

  /** Everything that the module holds; time goes on. */
  clear(): void {
    this.services.clear()
    this.servicesChanged()
    this.connections.clear()
    this.templates.clear()
    this.byClient.clear()
    this.localTuples.clear()
    this.trash.clear()
    this.daemons = []
    this.counters = new KernelCounters(this.options.cpus)
    this.timeouts = { ...this.facts.timeouts }
    this.reserveCore = this.options.reserveCore
    for (const [name, value] of initialSysctls(this.options)) this.sysctls.set(name, value)
  }

  /** In the order of a dump. */
  orderedServices(): readonly ServiceObject[] {
    if (!this.serviceOrder) this.serviceOrder = orderServices(this.services.values(), this.facts)
    return this.serviceOrder
  }

  /** After a service came or went. */
  servicesChanged(): void {
    this.serviceOrder = undefined
  }

  view(service: ServiceObject, cpu: number): SchedulerView {
    return {
      destinations: destinationsOf(service),
      // One that has counted nothing on this CPU has no cell, and looking makes none.
      cell: (destination) => destination.cells[cpu] ?? EMPTY_CELL,
      mainline: !this.facts.fullnat,
      flags: service.flags,
      now: this.now,
      random: (below) => this.random(below),
    }
  }

  schedulerState(service: ServiceObject, cpu: number): SchedulerState {
    let state = service.schedulerStates[cpu]
    if (!state) {
      state = schedulerOf(service.scheduler).init?.(this.view(service, cpu)) ?? {}
      service.schedulerStates[cpu] = state
    }
    return state
  }

  /** The list before a change, for schedulers that have run and ask for it. */
  listBefore(service: ServiceObject): readonly DestinationObject[] {
    return service.schedulerStates.length > 0 ? destinationsOf(service) : []
  }

  /**
   * Tells the scheduler of every CPU what has become of a destination. A scheduler that has not run yet is made later
   * from what there is then, which comes to the same.
   */
  destinationsChanged(service: ServiceObject, change: DestinationChange): void {
    service.order = undefined
    const { changed } = schedulerOf(service.scheduler)
    if (!changed) return
    service.schedulerStates.forEach((state, cpu) => {
      if (state) changed(state, this.view(service, cpu), change)
    })
  }
}

const EMPTY_CELL = Object.freeze({ active: 0, inactive: 0, persistent: 0, overloaded: false })
