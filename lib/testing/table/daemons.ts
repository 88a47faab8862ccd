/** Sync daemons: ip_vs_sync.c:start_sync_thread and stop_sync_thread. They only exist, nothing is synced. */

import type { UnpackedRequest } from '../../border/unpack-request'
import type { Errno } from '../../kernel/errno'
import { ERRNO } from '../../kernel/errno'
import type { PackedAddress } from '../../model/address'
import { AF_INET, AF_INET6 } from '../../model/address'
import { DAEMON_STATES } from '../../model/numbers'
import type { KernelState } from './state'

/** 224.0.0.81, port 8848: IP_VS_SYNC_GROUP and IP_VS_SYNC_PORT. */
const SYNC_GROUP: PackedAddress = { family: AF_INET, a: 0xe0000051, b: 0, c: 0, d: 0 }
const SYNC_PORT = 8848
const LOOPBACK_MTU = 65536
const ETHERNET_MTU = 1500
const UDP_HEADER = 8
const IPV4_HEADER = 20
const IPV6_HEADER = 40

/** A master sends messages for an MTU of 1500, a backup takes what its interface can. */
function messageLength(
  wanted: number | undefined,
  state: number,
  name: string,
  group: PackedAddress,
): number {
  const headers = UDP_HEADER + (group.family === AF_INET6 ? IPV6_HEADER : IPV4_HEADER)
  const least = state === DAEMON_STATES.backup ? 1024 : 1
  if (wanted) return Math.min(Math.max(wanted, least), 65535 - headers)
  const mtu = state === DAEMON_STATES.backup && name === 'lo' ? Math.min(LOOPBACK_MTU, 65535) : ETHERNET_MTU
  return mtu - headers
}

export function startDaemon(kernel: KernelState, daemon: UnpackedRequest['daemon']): Errno {
  const { state, interface: name } = daemon
  if (state !== DAEMON_STATES.master && state !== DAEMON_STATES.backup) return ERRNO.EINVAL
  const { fullnat } = kernel.facts
  const mixed = () =>
    Array.from(kernel.services.values()).some((service) =>
      Array.from(service.destinations.values()).some(({ address }) => address.family !== service.family),
    )
  // ip_vs_ctl.c:ip_vs_genl_new_daemon of mainline: a sync message has one family.
  if (!fullnat && mixed()) return ERRNO.EINVAL
  const running = kernel.daemons.some((other) => other.state === state)
  const known = kernel.host.interfaces.includes(name)
  // Mainline looks for the interface first.
  if (!fullnat && !known) return ERRNO.ENODEV
  if (running) return ERRNO.EEXIST
  if (!known) return ERRNO.ENODEV
  const multicastGroup = daemon.multicastGroup ?? SYNC_GROUP
  kernel.daemons.push({
    state,
    interface: name,
    syncId: daemon.syncId & 255,
    syncMaxLength: messageLength(daemon.syncMaxLength, state, name, multicastGroup),
    multicastGroup,
    multicastPort: daemon.multicastPort || SYNC_PORT,
    multicastTtl: daemon.multicastTtl || 1,
  })
  kernel.daemons.sort((one, other) => one.state - other.state)
  return 0
}

export function stopDaemon(kernel: KernelState, state: number): Errno {
  if (state !== DAEMON_STATES.master && state !== DAEMON_STATES.backup) return ERRNO.EINVAL
  const left = kernel.daemons.filter((daemon) => daemon.state !== state)
  if (left.length === kernel.daemons.length) return ERRNO.ESRCH
  kernel.daemons = left
  return 0
}
