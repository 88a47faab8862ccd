/** The whole state of a fake kernel as JSON. */

import { formatPacked, type PackedAddress, parseAddress } from '../../model/address'
import type { KnownExtendedCounter } from '../../model/extended-counter-names'
import type { ConnectionObject } from '../objects/connection-objects'
import type { Counters } from '../objects/counters'
import { COUNTERS } from '../objects/counters'
import type { Estimator } from '../objects/estimator'
import type { KernelCounters } from '../objects/kernel-counters'
import type { DestinationObject, LocalAddressObject, ServiceObject } from '../objects/table-objects'
import { destinationId } from '../objects/table-objects'
import { trashId } from '../table/destinations'
import type { KernelState } from '../table/state'
import type {
  ConnectionDump,
  CountersDump,
  DestinationDump,
  EndpointDump,
  EstimatorDump,
  KernelCountersDump,
  KernelDump,
  LocalAddressDump,
  ServiceDump,
} from './dump-format'

// ---- out

const present = <T>(items: readonly (T | undefined)[]): (T | null)[] =>
  Array.from(items, (item) => item ?? null)

function dumpCounters(counters: Counters): CountersDump {
  const dump: Partial<CountersDump> = {}
  for (const name of COUNTERS) dump[name] = String(counters[name])
  return dump as CountersDump
}

const dumpEstimator = ({ last, average }: Estimator): EstimatorDump => ({
  last: dumpCounters(last),
  average: dumpCounters(average),
})

function dumpExtended(counts: ReadonlyMap<string, bigint>): { readonly [name: string]: string } {
  const dump: { [name: string]: string } = {}
  counts.forEach((count, name) => {
    dump[name] = String(count)
  })
  return dump
}

const dumpKernelCounters = (counters: KernelCounters): KernelCountersDump => ({
  traffic: counters.traffic.map(dumpCounters),
  zero: dumpCounters(counters.zero),
  estimator: dumpEstimator(counters.estimator),
  extended: counters.extended.map(dumpExtended),
})

const dumpDestination = (destination: DestinationObject): DestinationDump => ({
  ...destination,
  address: formatPacked(destination.address),
  cells: present(destination.cells),
  stats: dumpCounters(destination.stats),
  estimator: dumpEstimator(destination.estimator),
})

const dumpLocal = (local: LocalAddressObject): LocalAddressDump => ({
  ...local,
  address: formatPacked(local.address),
  portConflicts: String(local.portConflicts),
})

function dumpService({ order: _, ...service }: ServiceObject): ServiceDump {
  return {
    ...service,
    address: formatPacked(service.address),
    destinations: Array.from(service.destinations.values(), dumpDestination),
    localAddresses: present(service.localAddresses).map(
      (slot) => slot && { list: slot.list.map(dumpLocal), current: slot.current },
    ),
    schedulerStates: present(service.schedulerStates),
    stats: dumpCounters(service.stats),
    estimator: dumpEstimator(service.estimator),
  }
}

const dumpEndpoint = ({ address, port }: { address: PackedAddress; port: number }): EndpointDump => ({
  address: formatPacked(address),
  port,
})

const dumpConnection = (connection: ConnectionObject): ConnectionDump => ({
  ...connection,
  client: dumpEndpoint(connection.client),
  virtual: dumpEndpoint(connection.virtual),
  destination: connection.destination.id,
  local: connection.local && { object: dumpLocal(connection.local.object), port: connection.local.port },
})

export function dumpKernel(kernel: KernelState): KernelDump {
  const { now, nextId, reserveCore, loaded, familyId, permitted, timeouts, options } = kernel
  const dump: KernelDump = {
    format: 1,
    dialect: options.dialect,
    cpus: options.cpus,
    now,
    nextId,
    random: kernel.randomState,
    reserveCore,
    loaded,
    familyId,
    permitted,
    sysctls: Object.assign({}, ...Array.from(kernel.sysctls, ([name, value]) => ({ [name]: value }))),
    procSys: kernel.procSys,
    timeouts,
    daemons: kernel.daemons.map((daemon) => ({
      ...daemon,
      multicastGroup: formatPacked(daemon.multicastGroup),
    })),
    counters: dumpKernelCounters(kernel.counters),
    services: kernel.orderedServices().map(dumpService),
    trash: Array.from(kernel.trash.values(), dumpDestination),
    connections: Array.from(kernel.connections.values(), dumpConnection),
    templates: Array.from(kernel.templates.values(), (template) => ({
      ...template,
      destination: template.destination.id,
    })),
  }
  // A copy of its own, and nothing in it that JSON would drop.
  return JSON.parse(JSON.stringify(dump)) as KernelDump
}

// ---- in

const address = (text: string): PackedAddress => parseAddress(text) as PackedAddress
const absent = <T>(items: readonly (T | null)[]): (T | undefined)[] => items.map((item) => item ?? undefined)

function loadCounters(dump: CountersDump): Counters {
  const counters: Partial<Counters> = {}
  for (const name of COUNTERS) counters[name] = BigInt(dump[name])
  return counters as Counters
}

const loadEstimator = ({ last, average }: EstimatorDump): Estimator => ({
  last: loadCounters(last),
  average: loadCounters(average),
})

function loadKernelCounters(counters: KernelCounters, dump: KernelCountersDump): void {
  counters.traffic = dump.traffic.map(loadCounters)
  counters.zero = loadCounters(dump.zero)
  counters.estimator = loadEstimator(dump.estimator)
  counters.extended = dump.extended.map(
    (counts) =>
      new Map(
        Object.keys(counts).map((name) => [name as KnownExtendedCounter, BigInt(counts[name] as string)]),
      ),
  )
}

const loadDestination = (dump: DestinationDump): DestinationObject => ({
  ...dump,
  tunnel: dump.tunnel,
  idleSince: dump.idleSince,
  address: address(dump.address),
  cells: absent(dump.cells),
  stats: loadCounters(dump.stats),
  estimator: loadEstimator(dump.estimator),
})

const loadLocal = (dump: LocalAddressDump): LocalAddressObject => ({
  ...dump,
  address: address(dump.address),
  portConflicts: BigInt(dump.portConflicts),
})

/** By `id`, so that connections find the objects that services have. */
interface Objects {
  readonly destinations: Map<number, DestinationObject>
  readonly locals: Map<number, LocalAddressObject>
}

function loadService(dump: ServiceDump, objects: Objects): ServiceObject {
  const destinations = new Map<string, DestinationObject>()
  for (const entry of dump.destinations) {
    const destination = loadDestination(entry)
    objects.destinations.set(destination.id, destination)
    destinations.set(destinationId(destination.address, destination.port), destination)
  }
  const localAddresses = absent(dump.localAddresses).map((slot) => {
    if (!slot) return undefined
    const list = slot.list.map(loadLocal)
    for (const local of list) objects.locals.set(local.id, local)
    return { list, current: slot.current }
  })
  return {
    ...dump,
    family: dump.family as ServiceObject['family'],
    engine: dump.engine,
    establishedTimeout: dump.establishedTimeout,
    address: address(dump.address),
    destinations,
    localAddresses,
    schedulerStates: absent(dump.schedulerStates),
    stats: loadCounters(dump.stats),
    estimator: loadEstimator(dump.estimator),
    order: undefined,
  }
}

function loadConnection(dump: ConnectionDump, objects: Objects): ConnectionObject {
  const { local } = dump
  let object = local && objects.locals.get(local.object.id)
  if (local && !object) {
    object = loadLocal(local.object)
    objects.locals.set(object.id, object)
  }
  return {
    ...dump,
    client: { address: address(dump.client.address), port: dump.client.port },
    virtual: { address: address(dump.virtual.address), port: dump.virtual.port },
    destination: objects.destinations.get(dump.destination) as DestinationObject,
    local: local && object && { object, port: local.port },
    establishedTimeout: dump.establishedTimeout,
    template: dump.template,
  }
}

/** Replaces everything; `link` puts a connection into the kernel's tables. */
export function loadKernel(
  kernel: KernelState,
  state: KernelDump,
  link: (kernel: KernelState, connection: ConnectionObject) => void,
): void {
  const dump = JSON.parse(JSON.stringify(state)) as KernelDump
  const { dialect, cpus } = kernel.options
  if (dump.format !== 1) throw new Error('not a dump of a fake kernel of this version')
  if (dump.dialect !== dialect || dump.cpus !== cpus) {
    throw new Error(
      `the dump is of ${dump.dialect} with ${dump.cpus} CPUs, this kernel is ${dialect} with ${cpus}`,
    )
  }
  kernel.clear()
  kernel.now = dump.now
  kernel.nextId = dump.nextId
  kernel.randomState = dump.random
  kernel.reserveCore = dump.reserveCore
  kernel.loaded = dump.loaded
  kernel.familyId = dump.familyId
  kernel.permitted = dump.permitted
  kernel.timeouts = dump.timeouts
  for (const [name, value] of Object.entries(dump.sysctls ?? {})) kernel.sysctls.set(name, value)
  kernel.procSys = dump.procSys ?? 'writable'
  kernel.daemons = dump.daemons.map((daemon) => ({
    ...daemon,
    multicastGroup: address(daemon.multicastGroup),
  }))
  loadKernelCounters(kernel.counters, dump.counters)
  const objects: Objects = { destinations: new Map(), locals: new Map() }
  for (const service of dump.services) kernel.services.set(service.key, loadService(service, objects))
  kernel.servicesChanged()
  for (const destination of dump.trash.map(loadDestination)) {
    kernel.trash.set(trashId(destination.owner, destination.address, destination.port), destination)
    objects.destinations.set(destination.id, destination)
  }
  for (const connection of dump.connections) link(kernel, loadConnection(connection, objects))
  for (const template of dump.templates) {
    const destination = objects.destinations.get(template.destination) as DestinationObject
    kernel.templates.set(template.key, { ...template, destination })
  }
}
