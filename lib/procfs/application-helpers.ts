/** /proc/net/ip_vs_app (ip_vs_app.c:ip_vs_app_seq_show), the same in every kernel. */

import { PROTOCOLS } from '../model/numbers'
import type { ApplicationHelper } from '../model/observed'
import type { Protocol } from '../model/types'
import type { TextSource } from './lines'
import { Lines } from './lines'

const CAPTION = /^prot port {4}usecnt name$/
/** `%-3s  %-7u %-6d %-17s` */
const ROW = /^(\S+) {2,}(0|[1-9]\d{0,4}) +(0|-?[1-9]\d{0,9}) +(\S+) *$/
const PORT_MAX = 65535

/** Names of the kernel that callers have another word for. */
function protocolOf(name: string): ApplicationHelper['protocol'] {
  const lower = name.toLowerCase()
  return Object.keys(PROTOCOLS).includes(lower) ? (lower as Protocol) : name
}

export function parseApplicationHelpers(text: string, source: TextSource): ApplicationHelper[] {
  const lines = new Lines(text, source)
  lines.match(CAPTION)
  const helpers: ApplicationHelper[] = []
  // ip_vs_proto_tcp.c:tcp_register_app
  const taken = new Set<string>()
  while (!lines.ended) {
    const [, protocol, port, uses, name] = lines.match(ROW)
    const place = `${protocol} ${port}`
    if (Number(port) > PORT_MAX || taken.has(place)) lines.refuse()
    taken.add(place)
    helpers.push({
      protocol: protocolOf(protocol as string),
      port: Number(port),
      uses: Number(uses),
      name: name as string,
    })
  }
  lines.end()
  return helpers
}
