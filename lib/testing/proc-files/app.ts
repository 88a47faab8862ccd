/** /proc/net/ip_vs_app (ip_vs_app.c:ip_vs_app_seq_show). */

import { FORWARDING_METHODS, PROTOCOLS } from '../../model/numbers'
import type { KernelState } from '../table/state'

const FTP = 21

/**
 * One helper, that of FTP: built into the FULLNAT images, and loaded where the library is tested on mainline. Masqueraded
 * connections alone use it (ip_vs_proto_tcp.c:tcp_app_conn_bind).
 */
export function appText({ connections }: KernelState): string {
  const uses = Array.from(connections.values()).filter(
    ({ protocol, virtual, forwarding }) =>
      protocol === PROTOCOLS.tcp && virtual.port === FTP && forwarding === FORWARDING_METHODS.masquerade,
  )
  const row = `TCP  ${String(FTP).padEnd(7)} ${String(uses.length).padEnd(6)} ${'ftp'.padEnd(17)}`
  return `prot port    usecnt name\n${row}\n`
}
