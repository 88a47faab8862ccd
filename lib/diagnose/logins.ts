/** By which addresses people log in. */

import type { MachineSocket } from '../model/machine'
import type { Facts } from './facts'

const text = ({ address, port }: { readonly address: string; readonly port: number }): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

/** `'established 192.0.2.1:22 from 198.51.100.7:40000'`, `'listen 192.0.2.1:22'` */
export const socketText = ({ state, local, remote }: MachineSocket): string =>
  remote === undefined ? `${state} ${text(local)}` : `${state} ${text(local)} from ${text(remote)}`

export const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::'

/**
 * Addresses with a session on one of the ports, or with a program that listens on that address alone; with what was seen. Where
 * something listens on all addresses and the machine has one of a family besides loopback, it is that.
 */
export function loginsOf(
  { machine, own }: Pick<Facts, 'machine' | 'own'>,
  loginPorts: readonly number[],
): Map<string, string[]> {
  const found = new Map<string, string[]>()
  const add = (address: string, seen: string) => {
    const before = found.get(address)
    if (before) before.push(seen)
    else found.set(address, [seen])
  }
  for (const socket of machine?.sockets ?? []) {
    const { local } = socket
    if (!loginPorts.includes(local.port) || local.address.startsWith('127.') || local.address === '::1')
      continue
    if (!isWildcard(local.address)) {
      add(local.address, socketText(socket))
      continue
    }
    // A socket on :: takes IPv4 as well, unless it says otherwise; nothing in /proc tells.
    const families = local.address === '::' ? (['ipv4', 'ipv6'] as const) : (['ipv4'] as const)
    for (const family of families) {
      const [only, ...others] = own.others(family)
      if (only !== undefined && others.length === 0)
        add(only, `${socketText(socket)}, the only ${family} address`)
    }
  }
  return found
}
