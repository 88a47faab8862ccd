// The guest's network as the tests need it.

import { execFileSync } from 'node:child_process'

export const OWN = { ipv4: '10.77.0.1', ipv6: 'fd00:77::1' } as const
export const INTERFACE = 'dummy0'

const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8', stdio: 'pipe' })

/**
 * Before Linux 5.14 the first address of a network is a broadcast address (net/ipv4/fib_frontend.c:fib_add_ifaddr), and IPVS
 * takes no such destination. That is a route, nothing of IPVS: mainline's old kernels get the routes of the new ones.
 */
function firstAddressesAreUnicast(): void {
  const broadcast = ip('route', 'show', 'table', 'local', 'type', 'broadcast')
  for (const [, address, device] of broadcast.matchAll(/^broadcast (\S+\.0) dev (\S+)/gm)) {
    ip('route', 'del', 'broadcast', address as string, 'dev', device as string, 'table', 'local')
  }
}

let ready = false

/** Once per guest: addresses of the director's own, and a route for IPv6 destinations in the same network. */
export function prepareNetwork(): void {
  if (ready) return
  ready = true
  if (ip('addr', 'show', 'dev', INTERFACE).includes(OWN.ipv4)) return
  ip('link', 'set', INTERFACE, 'up', 'multicast', 'on')
  ip('addr', 'add', `${OWN.ipv4}/24`, 'dev', INTERFACE)
  ip('-6', 'addr', 'add', `${OWN.ipv6}/64`, 'dev', INTERFACE)
  if (process.env.IPVS_VM_DIALECT === 'mainline') firstAddressesAreUnicast()
}
