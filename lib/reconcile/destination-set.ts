/** Whether a destination is in a list already: one table for all lists, and nothing made for a destination. */

import { hashText } from '../model/hash'
import type { DestinationKey } from '../model/types'

function hashOf({ address, port }: DestinationKey): number {
  const hash = hashText(address, port)
  return hash ^ (hash >>> 15)
}

export class DestinationSet {
  /** Where in the list, and `base`: what is below that is of a list before. */
  private slots = new Int32Array(64)
  private base = 1
  private used = 0

  /** An empty list, for so many. */
  begin(most: number): void {
    this.base += this.used
    this.used = 0
    if (most * 2 <= this.slots.length && this.base + most < 0x7fffffff) return
    let size = this.slots.length
    while (size < most * 2) size *= 2
    this.slots = new Int32Array(size)
    this.base = 1
  }

  /** Puts it at the end of the list, and is false where it is there. Addresses are canonical. */
  add<T extends DestinationKey>(list: T[], destination: T): boolean {
    const { slots, base } = this
    const mask = slots.length - 1
    let slot = hashOf(destination) & mask
    for (let at = slots[slot] as number; at >= base; at = slots[slot] as number) {
      const other = list[at - base] as T
      if (other.port === destination.port && other.address === destination.address) return false
      slot = (slot + 1) & mask
    }
    slots[slot] = base + list.length
    this.used = list.push(destination)
    return true
  }
}
