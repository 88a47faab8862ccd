/** /proc/net/tcp and tcp6: TCP sockets of this machine's own (net/ipv4/tcp_ipv4.c:tcp4_seq_show, tcp_ipv6.c:tcp6_seq_show). */

import { AF_INET, AF_INET6, formatPacked, mappedIpv4 } from '../model/address'
import type { MachineSocket } from '../model/machine'
import type { Endpoint } from '../model/observed'
import type { TextSource } from './lines'
import { Lines } from './lines'

const ROW =
  /^ *\d+: ([\dA-F]{8}|[\dA-F]{32}):([\dA-F]{4}) ([\dA-F]{8}|[\dA-F]{32}):([\dA-F]{4}) ([\dA-F]{2}) /

/** include/net/tcp_states.h */
const STATES: { readonly [hex: string]: MachineSocket['state'] | undefined } = {
  '01': 'established',
  '0A': 'listen',
}

/** A word of the address as the machine has it in memory: all that this library runs on are little-endian. */
function wordAt(hex: string, index: number): number {
  const bytes = (hex.slice(index * 8, index * 8 + 8).match(/../g) as string[]).reverse()
  return Number.parseInt(bytes.join(''), 16)
}

function endpoint(hex: string, port: string): Endpoint {
  const word = (index: number) => wordAt(hex, index)
  const packed =
    hex.length === 8
      ? { family: AF_INET, a: word(0), b: 0, c: 0, d: 0 }
      : { family: AF_INET6, a: word(0), b: word(1), c: word(2), d: word(3) }
  const address = mappedIpv4(packed as Parameters<typeof mappedIpv4>[0])
  return {
    address: address ?? formatPacked(packed as Parameters<typeof formatPacked>[0]),
    port: Number.parseInt(port, 16),
  }
}

/** Those that listen and those that are established. */
export function parseSockets(text: string, source: TextSource): MachineSocket[] {
  const lines = new Lines(text, source)
  lines.match(/^ *sl +local_address /)
  const found: MachineSocket[] = []
  while (!lines.ended) {
    const [, address, port, remoteAddress, remotePort, code] = lines.match(ROW) as unknown as string[]
    const state = STATES[code as string]
    if (state === undefined) continue
    found.push({
      state,
      local: endpoint(address as string, port as string),
      remote: state === 'listen' ? undefined : endpoint(remoteAddress as string, remotePort as string),
    })
  }
  lines.end()
  return found
}
