/** What a fake kernel shows of the machine around IPVS. */

import type { InterfaceFileName, MachineFileName, MachineFiles } from '../../border/transport'
import { ERRNO } from '../../kernel/errno'
import { fileError } from '../../kernel/file-error'
import type { PackedAddress } from '../../model/address'
import { AF_INET, AF_INET6, formatPacked, parseAddress } from '../../model/address'
import type { InterfaceAddress, MachineSocket } from '../../model/machine'
import type { Endpoint } from '../../model/observed'
import type { KernelState } from '../table/state'

const CONF = '/proc/sys/net/ipv4/conf'
/** NETIF_F_IPV6_CSUM and NETIF_F_IP_CSUM, as fmt_long_hex of 2.6.32 net/core/net-sysfs.c prints them. */
const CHECKSUMS = { all: '0x12', ipv4: '0x2' }

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.')

function textOf(address: PackedAddress): string {
  const words = address.family === AF_INET ? [address.a] : [address.a, address.b, address.c, address.d]
  const bytes = words.map((word) => (word >>> 0).toString(16).padStart(8, '0').match(/../g) as string[])
  return bytes
    .map((word) => word.reverse().join(''))
    .join('')
    .toUpperCase()
}

const endpointText = ({ address, port }: Endpoint): string =>
  `${textOf(parseAddress(address) as PackedAddress)}:${port.toString(16).toUpperCase().padStart(4, '0')}`

const STATES = { established: '01', listen: '0A' } as const

/** net/ipv4/tcp_ipv4.c:tcp4_seq_show, as far as it is read. */
function socketsText(sockets: readonly MachineSocket[], family: number): string {
  const zero = family === AF_INET ? '0.0.0.0' : '::'
  const rows = sockets
    .filter(({ local }) => parseAddress(local.address)?.family === family)
    .map(({ state, local, remote }, index) => {
      const other = remote ?? { address: zero, port: 0 }
      return `${String(index).padStart(4)}: ${endpointText(local)} ${endpointText(other)} ${STATES[state]} 00000000:00000000\n`
    })
  return `  sl  local_address rem_address   st tx_queue rx_queue\n${rows.join('')}`
}

/** Those that the options name; where they name none, whatever the table holds. */
function addressesOf({ options, services, host }: KernelState): InterfaceAddress[] {
  const [loopback, device] = [host.interfaces[0], host.interfaces[1] ?? host.interfaces[0]]
  const found = new Map<string, InterfaceAddress>()
  const add = (address: string, prefix: number) =>
    found.set(address, { address, prefix, interface: isLoopback(address) ? loopback : device })
  for (const text of options.addresses) {
    const [address, prefix] = text.split('/') as [string, string | undefined]
    const packed = parseAddress(address) as PackedAddress
    const whole = packed.family === AF_INET ? 32 : 128
    add(formatPacked(packed), prefix === undefined ? whole : Number(prefix))
  }
  if (!options.machine.hasAddressesOfTable) return Array.from(found.values())
  for (const { fwmark, address, localAddresses } of services.values()) {
    const whole = address.family === AF_INET6 ? 128 : 32
    if (fwmark === 0) add(formatPacked(address), whole)
    for (const slot of localAddresses) {
      for (const local of slot?.list ?? []) add(formatPacked(local.address), whole)
    }
  }
  return Array.from(found.values())
}

function localRoutesText(networks: readonly string[]): string {
  const leaves = networks.map((network) => {
    const [address, prefix = '32'] = network.split('/')
    return `     |-- ${address}\n        /${prefix} host LOCAL\n`
  })
  return `Local:\n  +-- 0.0.0.0/0 2 0 2\n${leaves.join('')}`
}

function fileText(kernel: KernelState, name: MachineFileName): string | undefined {
  const { machine, addresses } = kernel.options
  const forwarding = machine.forwarding ? '1\n' : '0\n'
  switch (name) {
    case 'tcp':
      return socketsText(machine.sockets, AF_INET)
    case 'tcp6':
      return socketsText(machine.sockets, AF_INET6)
    case 'fib_trie':
      // FULLNAT kernels keep routes in a hash.
      return kernel.facts.fullnat
        ? undefined
        : localRoutesText(addresses.filter((text) => text === '127.0.0.1/8'))
    case 'ipv4_forwarding':
    case 'ipv6_forwarding':
      return kernel.procSys === 'missing' ? undefined : forwarding
    // Only those read it who are in another namespace, and a fake kernel has one.
    case 'if_inet6':
      return undefined
  }
}

export function fakeMachine(kernel: KernelState): MachineFiles {
  const { options, host } = kernel
  const see = (path: string) => {
    if (kernel.procSys === 'missing') throw fileError(ERRNO.ENOENT, 'open', path)
  }
  return {
    read: async (name) => {
      const text = fileText(kernel, name)
      if (text === undefined) throw fileError(ERRNO.ENOENT, 'open', name)
      return text
    },
    listInterfaces: async () => {
      see(CONF)
      return ['all', 'default', ...host.interfaces]
    },
    readOfInterface: async (name: InterfaceFileName, interfaceName) => {
      if (name === 'features') return `${options.machine.ipv6Checksums ? CHECKSUMS.all : CHECKSUMS.ipv4}\n`
      see(`${CONF}/${interfaceName}/rp_filter`)
      return `${interfaceName === 'all' ? 0 : options.machine.reversePathFilter}\n`
    },
    listAddresses: () => addressesOf(kernel),
  }
}
