/** What connections and templates hold of a destination. */

import type { DestinationObject } from '../objects/table-objects'
import { cellOf } from '../objects/table-objects'
import { becameIdle, checkOverload, checkRelief } from '../table/destinations'
import type { KernelState } from '../table/state'

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
