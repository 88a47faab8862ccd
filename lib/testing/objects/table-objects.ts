/** The objects of the fake kernel's table. */

import type { AddressFamily, PackedAddress } from '../../model/address'
import { AF_INET } from '../../model/address'
import type {
  DaemonConfigRecord,
  DestinationConfigRecord,
  ServiceConfigRecord,
  TargetRecord,
} from '../../model/records.gen'
import type { Counters } from './counters'
import { newCounters } from './counters'
import type { Estimator } from './estimator'
import { newEstimator } from './estimator'

type Mutable<T> = { -readonly [name in keyof T]: T[name] }

/** What a destination counts on one CPU; kernels other than fullnat-v3 have one cell for all. */
export interface Cell {
  active: number
  inactive: number
  persistent: number
  /** IP_VS_DEST_F_OVERLOAD */
  overloaded: boolean
}

/** `forwarding` 0–7; `tunnel` on mainline only. */
export interface DestinationObject extends Mutable<DestinationConfigRecord> {
  readonly id: number
  readonly address: PackedAddress
  readonly port: number
  /** The identity of the service it belongs to, also while it lies in the trash. */
  readonly owner: string
  /** `id` of the service object; another one when the service was removed and added again. */
  service: number
  /** The last weight above 0 (mainline's scheduler mh). */
  lastWeight: number
  /** IP_VS_DEST_F_AVAILABLE: not in the trash. */
  available: boolean
  /** By CPU; one that is missing has counted nothing. */
  readonly cells: (Cell | undefined)[]
  stats: Counters
  estimator: Estimator
  /** Connections and templates that hold it. */
  references: number
  /** Milliseconds: in the trash without a reference since then. */
  idleSince: number | undefined
}

/** What a scheduler remembers of one service (on fullnat-v3: on one CPU). Plain JSON, so that it can be dumped. */
export type SchedulerState = { [name: string]: unknown }

export interface LocalAddressObject {
  readonly id: number
  readonly address: PackedAddress
  /** 0 where they are not per CPU. */
  readonly cpu: number
  portConflicts: bigint
  connections: number
  /** Counts up with each port that was tried. */
  port: number
}

/** A list of local addresses and the one that was taken last: ip_vs_ctl.c, laddr_list and curr_laddr. */
export interface LocalAddressSlot {
  readonly list: LocalAddressObject[]
  /** Index in `list`; -1 is the head of the list. */
  current: number
}

/** `flags` with HASHED: the kernel adds it. */
export interface ServiceObject extends Mutable<ServiceConfigRecord> {
  readonly id: number
  readonly key: string
  readonly family: AddressFamily
  /** 0: an address service. */
  readonly fwmark: number
  readonly protocol: number
  readonly address: PackedAddress
  readonly port: number
  /** Oldest first; the kernel's list is the other way round. */
  readonly destinations: Map<string, DestinationObject>
  /** By CPU; one that is missing is empty. */
  readonly localAddresses: (LocalAddressSlot | undefined)[]
  /** By CPU, made when first needed. */
  readonly schedulerStates: (SchedulerState | undefined)[]
  stats: Counters
  estimator: Estimator
  /** The kernel's list of destinations, undefined after a change. */
  order: DestinationObject[] | undefined
}

/** Everything has a value; 2.6.32 uses state, interface and id. */
export type DaemonObject = {
  readonly [name in keyof DaemonConfigRecord]: NonNullable<DaemonConfigRecord[name]>
}

export const UNSPECIFIED: PackedAddress = { family: AF_INET, a: 0, b: 0, c: 0, d: 0 }

/** The kernel compares four bytes for IPv4 (ip_vs.h:ip_vs_addr_equal). */
export function addressId({ family, a, b, c, d }: PackedAddress): string {
  return family === AF_INET ? `4 ${a}` : `6 ${a} ${b} ${c} ${d}`
}

export const destinationId = (address: PackedAddress, port: number): string => `${addressId(address)} ${port}`

export function addressServiceId(protocol: number, address: PackedAddress, port: number): string {
  return `${protocol} ${addressId(address)} ${port}`
}

export const fwmarkServiceId = (family: number, fwmark: number): string => `fwmark ${family} ${fwmark}`

export function newDestination(
  id: number,
  service: ServiceObject,
  { address, port }: TargetRecord,
  config: DestinationConfigRecord,
): DestinationObject {
  return {
    ...config,
    id,
    address,
    port,
    owner: service.key,
    service: service.id,
    lastWeight: 0,
    available: false,
    cells: [],
    stats: newCounters(),
    estimator: newEstimator(),
    references: 0,
    idleSince: undefined,
  }
}

export function cellOf(destination: DestinationObject, cpu: number): Cell {
  let cell = destination.cells[cpu]
  if (!cell) {
    cell = { active: 0, inactive: 0, persistent: 0, overloaded: false }
    destination.cells[cpu] = cell
  }
  return cell
}

export function sumCells(
  destination: DestinationObject,
  field: 'active' | 'inactive' | 'persistent',
): number {
  return destination.cells.reduce((sum, cell) => sum + (cell ? cell[field] : 0), 0)
}

/** Newest first: destinations are inserted at the head (ip_vs_ctl.c:ip_vs_add_dest). */
export function destinationsOf(service: ServiceObject): readonly DestinationObject[] {
  if (!service.order) service.order = Array.from(service.destinations.values()).reverse()
  return service.order
}

/** Oldest first, on fullnat-v3 grouped by CPU (ip_vs_ctl.c:ip_vs_genl_dump_laddrs). */
export function localAddressesOf(service: ServiceObject): LocalAddressObject[] {
  const all: LocalAddressObject[] = []
  for (const slot of service.localAddresses) if (slot) all.push(...slot.list)
  return all
}
