/** Connections and templates of destinations that were removed. */

import type { KernelState } from '../table/state'
import { release } from './connections'
import { dropTemplate } from './persistence'

/**
 * Mainline's `expire_nodest_conn` ends them when a destination is removed, all that there are
 * (ip_vs_conn.c:ip_vs_expire_nodest_conn_flush, since Linux 5.9; a tick later there). FULLNAT kernels wait for a packet.
 */
export function endOrphans(kernel: KernelState): void {
  if (kernel.facts.fullnat || kernel.sysctl('expire_nodest_conn') === 0) return
  for (const connection of Array.from(kernel.connections.values())) {
    if (!connection.destination.available) release(kernel, connection)
  }
  for (const template of Array.from(kernel.templates.values())) {
    if (!template.destination.available && template.controls === 0) dropTemplate(kernel, template)
  }
}
