/** Addresses of the machine's own: /proc/net/fib_trie (net/ipv4/fib_trie.c:fib_trie_seq_show) and if_inet6 (addrconf.c:if6_seq_show). */

import { canonicalAddress } from '../model/address'
import type { InterfaceAddress } from '../model/machine'
import type { TextSource } from './lines'
import { Lines } from './lines'

const LEAF = /^\s+\|-- (\d+\.\d+\.\d+\.\d+)$/
const LOCAL = /^\s+\/(\d+) \S+ LOCAL\b/

/** Networks with a route of the type local, each once: `'192.0.2.1/32'`, `'127.0.0.0/8'`. */
export function parseLocalRoutes(text: string): string[] {
  const found = new Set<string>()
  let leaf: string | undefined
  for (const line of text.split('\n')) {
    leaf = LEAF.exec(line)?.[1] ?? leaf
    const prefix = LOCAL.exec(line)?.[1]
    if (prefix !== undefined && leaf !== undefined) found.add(`${leaf}/${prefix}`)
  }
  return Array.from(found)
}

const IPV6_ROW = /^([\da-f]{32}) [\da-f]+ ([\da-f]{2}) [\da-f]+ [\da-f]+ +(\S+)$/

export function parseIpv6Addresses(text: string, source: TextSource): InterfaceAddress[] {
  const lines = new Lines(text, source)
  const found: InterfaceAddress[] = []
  while (!lines.ended) {
    const [, hex, prefix, name] = lines.match(IPV6_ROW) as unknown as string[]
    const groups = (hex as string).match(/.{4}/g) as string[]
    found.push({
      address: canonicalAddress(groups.join(':')) as string,
      prefix: Number.parseInt(prefix as string, 16),
      interface: name,
    })
  }
  lines.end()
  return found
}
