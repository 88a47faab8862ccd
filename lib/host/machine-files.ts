/** What the kernel shows of the machine around IPVS. */

import { networkInterfaces } from 'os'
import type { InterfaceFileName, MachineFileName, MachineFiles } from '../border/transport'
import { fileError, PROC_NET } from '../kernel/file-error'
import { canonicalAddress } from '../model/address'
import type { InterfaceAddress } from '../model/machine'
import type { NativeConnection } from './addon'
import { readText } from './native-file'

const SYSCTL = '/proc/sys/net'
const CONF = `${SYSCTL}/ipv4/conf`

const bitsOf = (word: number): number => word.toString(2).split('1').length - 1

/** `'255.255.255.0'`, `'ffff:ffff::'` → its ones: Node 10 tells no prefix length where an interface has no `cidr`. */
function prefixOf(netmask: string): number {
  const [separator, radix] = netmask.includes(':') ? [':', 16] : ['.', 10]
  return netmask
    .split(separator as string)
    .filter((word) => word !== '')
    .reduce((sum, word) => sum + bitsOf(Number.parseInt(word, radix as number)), 0)
}

/** getifaddrs(3): those of interfaces that are up and running. */
function listAddresses(): readonly InterfaceAddress[] {
  const found: InterfaceAddress[] = []
  const interfaces = networkInterfaces()
  for (const name of Object.keys(interfaces)) {
    for (const { address, netmask } of interfaces[name] ?? []) {
      found.push({
        address: canonicalAddress(address) ?? address,
        prefix: prefixOf(netmask),
        interface: name,
      })
    }
  }
  return found
}

/** `entered`: the sockets are in another namespace than the caller, as in `kernelFiles`. */
export function machineFiles(connection: NativeConnection, entered: boolean): MachineFiles {
  const folder = entered ? '/proc/thread-self/net' : PROC_NET
  const files: Readonly<Record<MachineFileName, string>> = {
    tcp: `${folder}/tcp`,
    tcp6: `${folder}/tcp6`,
    fib_trie: `${folder}/fib_trie`,
    if_inet6: `${folder}/if_inet6`,
    ipv4_forwarding: `${SYSCTL}/ipv4/ip_forward`,
    ipv6_forwarding: `${SYSCTL}/ipv6/conf/all/forwarding`,
  }
  const filesOf: Readonly<Record<InterfaceFileName, (name: string) => string>> = {
    rp_filter: (name) => `${CONF}/${name}/rp_filter`,
    features: (name) => `/sys/class/net/${name}/features`,
  }
  return {
    read: (name) => readText(connection, files[name]),
    listInterfaces: async () => {
      const names = connection.listFolder(CONF)
      if (typeof names === 'number') throw fileError(-names, 'open', CONF)
      return names
    },
    readOfInterface: (name, interfaceName) => readText(connection, filesOf[name](interfaceName)),
    listAddresses: () => (entered ? undefined : listAddresses()),
  }
}
