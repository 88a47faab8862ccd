/** What the schedulers of the fake kernel have in common. */

import type { PackedAddress } from '../../model/address'
import { AF_INET6 } from '../../model/address'
import type { Cell, DestinationObject, SchedulerState } from '../objects/table-objects'

/** The first packet of a connection. */
export interface Packet {
  readonly client: PackedAddress
  readonly clientPort: number
  /** Where the client sent it: the virtual address. */
  readonly address: PackedAddress
}

export interface SchedulerView {
  /** In the order of the kernel's list, the newest first. */
  readonly destinations: readonly DestinationObject[]
  /** What the destination counts on this CPU. */
  cell(destination: DestinationObject): Cell
  /** A mainline kernel; 2.6.32 computes some things differently. */
  readonly mainline: boolean
  /** The flags of the service. */
  readonly flags: number
  /** Milliseconds. */
  readonly now: number
  /** 0 to `below` - 1. */
  random(below: number): number
}

export interface DestinationChange {
  readonly kind: 'add' | 'remove' | 'update'
  readonly destination: DestinationObject
  /** The list as it was. */
  readonly before: readonly DestinationObject[]
}

export interface Scheduler {
  init?(view: SchedulerView): SchedulerState
  /** The list has changed already. */
  changed?(state: SchedulerState, view: SchedulerView, change: DestinationChange): void
  schedule(state: SchedulerState, view: SchedulerView, packet: Packet): DestinationObject | undefined
}

/** Neither above its threshold nor quiesced. */
export function takes(view: SchedulerView, destination: DestinationObject): boolean {
  return destination.weight > 0 && !view.cell(destination).overloaded
}

/** XOR of the words, as every hash of ip_vs folds an address. */
export function foldAddress({ family, a, b, c, d }: PackedAddress): number {
  return (family === AF_INET6 ? a ^ b ^ c ^ d : a) >>> 0
}
