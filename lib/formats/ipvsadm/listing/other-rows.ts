/** Rows of -L -c and -G, and the lines of --timeout and --daemon. */

import { canonicalAddress } from '../../../model/address'
import type { DaemonInfo, Timeouts } from '../../../model/types'
import type { Complaints } from '../complaints'
import type { RulesDialect } from '../dialects'
import type { Word } from '../words'
import { readEndpointCell, readWhole } from './cells'
import type { ListedConnection, ListedLocalAddresses } from './types'

/** `TCP 14:59  ESTABLISHED 192.0.2.9:1024 192.0.2.1:80 10.0.0.1:80` (ipvsadm.c:print_conn) */
export function readConnectionRow(
  cells: readonly Word[],
  row: Word,
  line: number,
  complaints: Complaints,
): ListedConnection | undefined {
  const [protocol, expiry, state, ...rest] = cells
  const [source, service, real, engine, data] = rest
  if (!protocol || !expiry || !state || !source || !service || !real || rest.length > 5) {
    return complaints.error('wrong-columns', `${cells.length} columns, there must be 6`, row.span)
  }
  if (/^[0-9A-F]{8}$/.test(state.text)) {
    const description =
      'this ipvsadm reads the connections of a FULLNAT kernel wrong: the state is the destination in hexadecimal, the destination the local address'
    return complaints.error('shifted-columns', description, state.span, 'Read /proc/net/ip_vs_conn itself.')
  }
  const [, minutes, seconds] = /^(\d+):(\d\d)$/.exec(expiry.text) ?? []
  if (minutes === undefined)
    return complaints.error('not-a-time', `'${expiry.text}' is no time mm:ss`, expiry.span)
  const client = readEndpointCell(source, complaints)
  const virtual = readEndpointCell(service, complaints)
  const destination = readEndpointCell(real, complaints)
  if (!client || !virtual || !destination) return undefined
  return {
    line,
    protocol: protocol.text.toLowerCase(),
    expiresSeconds: Number(minutes) * 60 + Number(seconds),
    state: state.text,
    client,
    virtual,
    destination,
    ...(engine ? { engine: engine.text } : {}),
    ...(data ? { engineData: data.text } : {}),
  }
}

/** While its rows are read. */
export type LocalAddresses = ListedLocalAddresses & {
  readonly localAddresses: ListedLocalAddresses['localAddresses'][number][]
}

/** `192.0.2.1:80  2` (ipvsadm.c:list_laddrs_print_service) */
export function readLocalAddressService(
  cells: readonly Word[],
  row: Word,
  line: number,
  complaints: Complaints,
): LocalAddresses | undefined {
  const [target, count] = cells
  if (!target || !count || cells.length > 2) {
    return complaints.error(
      'wrong-columns',
      'this is no service with its number of local addresses',
      row.span,
    )
  }
  const key = readEndpointCell(target, complaints)
  const total = readWhole(count, complaints)
  if (!key || total === undefined) return undefined
  if (key.port === 0 && (key.address === '0.0.0.0' || key.address === '::')) {
    const description = 'ipvsadm prints this for every firewall mark: which one is lost'
    return complaints.error('misprinted-service', description, target.span)
  }
  return { ...key, line, total, localAddresses: [] }
}

/** `        10.1.0.1    0    12`, of the service above. */
export function readLocalAddressRow(
  cells: readonly Word[],
  row: Word,
  line: number,
  owner: LocalAddresses,
  dialect: RulesDialect | undefined,
  complaints: Complaints,
): void {
  const [address, conflicts, connections] = cells
  if (!address || !conflicts || !connections || cells.length > 3) {
    complaints.error('wrong-columns', 'this is no local address with its conflicts and connections', row.span)
    return
  }
  const canonical = canonicalAddress(address.text)
  if (canonical === undefined) {
    complaints.error('not-an-address', `'${address.text}' is no address`, address.span)
    return
  }
  if (dialect !== 'dpvs' && owner.address.includes(':') && !canonical.includes(':')) {
    const description =
      'ipvsadm prints the first four bytes of an IPv6 local address as an IPv4 one: the rest is lost'
    complaints.error('misprinted-local-address', description, address.span)
    return
  }
  const count = readWhole(connections, complaints)
  if (!/^\d{1,20}$/.test(conflicts.text)) {
    complaints.error('not-a-number', `'${conflicts.text}' is no number`, conflicts.span)
    return
  }
  if (count === undefined) return
  owner.localAddresses.push({
    address: canonical,
    portConflicts: BigInt(conflicts.text),
    connections: count,
    line,
  })
}

/** ipvsadm.c:list_timeout; undefined where the line is another. */
export function readTimeoutLine(text: string): Timeouts | undefined {
  const [, tcp, tcpFin, udp] = /^Timeout \(tcp tcpfin udp\): (\d+) (\d+) (\d+)\s*$/.exec(text) ?? []
  return tcp === undefined ? undefined : { tcp: Number(tcp), tcpFin: Number(tcpFin), udp: Number(udp) }
}

/** ipvsadm.c:list_daemon; undefined where the line is another. */
export function readDaemonLine(text: string): DaemonInfo | undefined {
  const pattern =
    /^(master|backup) sync daemon \(mcast=([^,\s]+), syncid=(\d+)(?:, maxlen=(\d+))?(?:, group=([^,\s)]+))?(?:, port=(\d+))?(?:, ttl=(\d+))?\)\s*$/
  const [, state, name, syncId, length, group, port, ttl] = pattern.exec(text) ?? []
  if (state === undefined || name === undefined) return undefined
  const number = (digits: string | undefined) => (digits === undefined ? undefined : Number(digits))
  return {
    state: state as DaemonInfo['state'],
    interface: name,
    syncId: Number(syncId),
    syncMaxLength: number(length),
    multicastGroup: group === undefined ? undefined : canonicalAddress(group),
    multicastPort: number(port),
    multicastTtl: number(ttl),
  }
}
