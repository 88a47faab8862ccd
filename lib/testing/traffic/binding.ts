/** What connections and templates hold of a destination. */

import type { DestinationObject } from '../state/objects'
import { cellOf } from '../state/objects'
import type { KernelState } from '../state/state'
import { becameIdle, checkOverload, checkRelief } from '../table/destinations'

/** ip_vs_conn.c:ip_vs_bind_dest */
export function hold(destination: DestinationObject, cpu: number, what: 'inactive' | 'persistent'): void {
  const cell = cellOf(destination, cpu)
  destination.references++
  cell[what]++
  checkOverload(destination, cell)
}

/** ip_vs_conn.c:ip_vs_unbind_dest */
export function letGo(
  kernel: KernelState,
  destination: DestinationObject,
  cpu: number,
  what: 'active' | 'inactive' | 'persistent',
): void {
  const cell = cellOf(destination, cpu)
  destination.references--
  cell[what]--
  checkRelief(destination, cell)
  if (destination.references === 0) becameIdle(kernel, destination)
}
