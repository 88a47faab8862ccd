/** Rows of services and of their destinations. */

import type { Forwarding, Persistence, SchedulerFlag, ServiceKey, Tunnel } from '../../../model/types'
import type { Complaints } from '../complaints'
import { FLAG_NAMES } from '../service-config'
import { readFwmark } from '../values'
import type { Word } from '../words'
import { readCounters, readEndpointCell, readWhole } from './cells'
import type { ListedDestination, ListedService } from './types'

/** What columns a list of services has, as its title says. */
export type ServiceColumns = 'usual' | 'stats' | 'rate' | 'thresholds' | 'persistent' | 'tunnels'

export interface ServiceTitle {
  readonly columns: ServiceColumns
  /** Alibaba's v3: there is a column `Established(Sec.)`. */
  readonly established: boolean
}

const TITLES: readonly (readonly [RegExp, ServiceColumns])[] = [
  [/ Conns +InPkts +OutPkts +InBytes +OutBytes$/, 'stats'],
  [/ CPS +InPPS +OutPPS +InBPS +OutBPS$/, 'rate'],
  [/ Uthreshold +Lthreshold +ActiveConn +InActConn$/, 'thresholds'],
  [/ Weight +PersistConn +ActiveConn +InActConn$/, 'persistent'],
  [/ Scheduler +(?:Established\(Sec\.\) +)?Flags$/, 'usual'],
]

/** ipvsadm.c:print_title; undefined where the line is none. */
export function readTitle(line: string): ServiceTitle | undefined {
  if (!/^Prot +LocalAddress:Port /.test(line)) return undefined
  const found = TITLES.find(([title]) => title.test(line.trimEnd()))
  return found && { columns: found[1], established: line.includes('Established(Sec.)') }
}

type ServiceInTheMaking = { -readonly [name in keyof ListedService]: ListedService[name] }

/** `TCP  192.0.2.1:80 rr persistent 360`, `FWM  7 IPv6 wlc`; undefined where something is wrong, which is then reported. */
export function readServiceRow(
  cells: readonly Word[],
  row: Word,
  line: number,
  title: ServiceTitle,
  complaints: Complaints,
): ListedService | undefined {
  const named = readKey(cells, row, complaints)
  if (!named) return undefined
  const { key, rest } = named
  const base = { key, line, destinations: [] }
  if (title.columns === 'stats' || title.columns === 'rate') {
    const numbers = title.columns === 'rate' && rest[0]?.text === 'bps' ? rest.slice(2) : rest
    const counters = readCounters(numbers, row, complaints)
    return counters && { ...base, [title.columns === 'stats' ? 'stats' : 'rates']: counters }
  }
  const [scheduler, ...others] = rest
  if (!scheduler) return complaints.error('wrong-columns', 'there is no scheduler', row.span)
  const service: ServiceInTheMaking = {
    ...base,
    scheduler: scheduler.text,
    onePacket: false,
    synproxy: false,
  }
  // Alibaba's v3 has the column with --thresholds and --persistent-conn, too, where no title tells it.
  const untold = title.columns !== 'usual' && /^(?:\d+|UnK\.)$/.test(others[0]?.text ?? '')
  const flags = title.established || untold ? readEstablished(others, service, complaints) : others
  readFlags(flags, service, scheduler.text, complaints)
  return complaints.failed ? undefined : service
}

function readKey(
  [protocol, target, ...rest]: readonly Word[],
  row: Word,
  complaints: Complaints,
): { readonly key: ServiceKey; readonly rest: readonly Word[] } | undefined {
  if (!protocol || !target) return complaints.error('wrong-columns', 'this is no service', row.span)
  if (protocol.text === 'FWM') {
    const fwmark = readFwmark(target, complaints)
    if (fwmark === undefined) return undefined
    const ipv6 = rest[0]?.text === 'IPv6'
    return { key: { fwmark, family: ipv6 ? 'ipv6' : 'ipv4' }, rest: ipv6 ? rest.slice(1) : rest }
  }
  const name = protocol.text.toLowerCase()
  if (name !== 'tcp' && name !== 'udp' && name !== 'sctp') {
    const hint =
      protocol.text === '?'
        ? 'ipvsadm has no name for the protocol.'
        : 'Services of ICMP and of a match are dpvs alone.'
    return complaints.error(
      'not-sayable',
      `protocol '${protocol.text}' cannot be said here`,
      protocol.span,
      hint,
    )
  }
  const endpoint = readEndpointCell(target, complaints)
  return endpoint && { key: { protocol: name, ...endpoint }, rest }
}

/** Alibaba's v3: a number, or the words `UnK. or DFLT. 0`. */
function readEstablished(
  cells: readonly Word[],
  service: ServiceInTheMaking,
  complaints: Complaints,
): readonly Word[] {
  const [first] = cells
  if (!first) return cells
  if (/^UnK\.$/.test(first.text)) {
    const words = cells.slice(0, 4).map(({ text }) => text)
    if (words.join(' ') === 'UnK. or DFLT. 0') return cells.slice(4)
    complaints.error('wrong-columns', `'${words.join(' ')}' is no established timeout`, first.span)
    return []
  }
  const seconds = readWhole(first, complaints)
  if (seconds !== undefined) service.establishedTimeout = seconds
  return cells.slice(1)
}

const SCHEDULER_FLAGS: readonly SchedulerFlag[] = ['flag-1', 'flag-2', 'flag-3']

function readSchedulerFlags(text: string): readonly SchedulerFlag[] | undefined {
  const flags = text
    .slice(1, -1)
    .split(',')
    .filter(Boolean)
    .map((name) => FLAG_NAMES[name]?.[1] ?? (name as SchedulerFlag))
  return flags.every((flag) => SCHEDULER_FLAGS.includes(flag)) ? flags : undefined
}

/** Words of dpvs that the model has nothing for; those with a value are followed by it. */
const OF_DPVS: Readonly<Record<string, number>> = {
  sip: 0,
  qid: 0,
  'conn-timeout': 1,
  'expire-quiescent': 0,
  quic: 0,
  'dest-check': 1,
  ppv1: 0,
  ppv2: 0,
  'ppv1-insecure': 0,
  'ppv2-insecure': 0,
}

/** ipvsadm.c:print_service_entry, after the scheduler */
function readFlags(
  cells: readonly Word[],
  service: ServiceInTheMaking,
  scheduler: string,
  complaints: Complaints,
): void {
  let persistence: { timeout: number; netmask?: string | number; engine?: string } | undefined
  for (let i = 0; i < cells.length; i++) {
    const word = cells[i] as Word
    const next = cells[i + 1]
    const { text, span } = word
    if (/^\(.*\)$/.test(text)) {
      const flags = readSchedulerFlags(text)
      if (flags) service.schedulerFlags = flags
      else complaints.error('unknown-flag', `'${text}' are no flags of scheduler ${scheduler}`, span)
    } else if (text === 'persistent' && next) {
      const timeout = readWhole(next, complaints)
      if (timeout !== undefined) persistence = { timeout }
      i++
    } else if (text === 'mask' && next && persistence) {
      persistence.netmask = /^\d+$/.test(next.text) ? Number(next.text) : next.text
      i++
    } else if (text === 'pe' && next && persistence) {
      persistence.engine = next.text
      i++
    } else if (text === 'ops') {
      service.onePacket = true
    } else if (text === 'synproxy') {
      service.synproxy = true
    } else if (OF_DPVS[text] !== undefined || /^(?:internal|external):/.test(text)) {
      const description = `'${text}' of dpvs cannot be said here, the service is taken without`
      complaints.warn('not-sayable', description, span)
      // The checks of dpvs are words of their own that follow.
      if (text === 'conn-timeout') i++
    } else {
      complaints.error('unknown-word', `'${text}' is nothing that ipvsadm prints of a service`, span)
      return
    }
  }
  if (persistence) service.persistence = persistence as Persistence
}

const METHODS: Readonly<Record<string, Forwarding>> = {
  Masq: 'masquerade',
  Local: 'local',
  Tunnel: 'tunnel',
  Route: 'direct-route',
  FullNat: 'fullnat',
}

/** `gue:6080:+c`, `gre:-c`, `ipip` (ipvsadm.c:fwd_tun_info). */
function readTunnel({ text, span }: Word, complaints: Complaints): Tunnel | undefined {
  const [, type, port, flags] = /^(ipip|gue|gre)(?::(\d+))?(?::(-c|\+c|r\+c))?$/.exec(text) ?? []
  if (type === undefined) return complaints.error('not-a-tunnel', `'${text}' is no tunnel`, span)
  const checksum =
    flags === undefined
      ? undefined
      : ({ '-c': 'none', '+c': 'full', 'r+c': 'remote' } as const)[flags as '-c']
  return {
    type: type as Tunnel['type'],
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(checksum === undefined ? {} : { checksum }),
  }
}

type Numbers =
  | 'weight'
  | 'upperThreshold'
  | 'lowerThreshold'
  | 'activeConnections'
  | 'inactiveConnections'
  | 'persistentConnections'

/** `  -> 10.0.0.1:80  Masq  1  0  0`, without the arrow. */
export function readDestinationRow(
  [target, ...cells]: readonly Word[],
  row: Word,
  line: number,
  { columns }: ServiceTitle,
  complaints: Complaints,
): ListedDestination | undefined {
  const key = target
    ? readEndpointCell(target, complaints)
    : complaints.error('wrong-columns', 'this is no destination', row.span)
  if (!key) return undefined
  const base = { ...key, line }
  if (columns === 'stats' || columns === 'rate') {
    const counters = readCounters(cells, row, complaints)
    return counters && { ...base, [columns === 'stats' ? 'stats' : 'rates']: counters }
  }
  const numbers = (from: number, names: readonly Numbers[]) => {
    const values: Partial<Record<Numbers, number>> = {}
    if (cells.length < from + names.length) {
      complaints.error(
        'wrong-columns',
        `${cells.length} columns, there must be ${from + names.length}`,
        row.span,
      )
      return values
    }
    names.forEach((name, i) => {
      const value = readWhole(cells[from + i] as Word, complaints, name === 'weight')
      if (value !== undefined) values[name] = value
    })
    reportMore(cells.slice(from + names.length), complaints)
    return values
  }
  const connections = ['activeConnections', 'inactiveConnections'] as const
  let found: Partial<ListedDestination>
  if (columns === 'thresholds') found = numbers(0, ['upperThreshold', 'lowerThreshold', ...connections])
  else if (columns === 'persistent') found = numbers(0, ['weight', 'persistentConnections', ...connections])
  else
    found = {
      ...readMethod(cells, columns, complaints),
      ...numbers(columns === 'tunnels' ? 2 : 1, ['weight', ...connections]),
    }
  return complaints.failed ? undefined : { ...base, ...found }
}

function readMethod(
  cells: readonly Word[],
  columns: ServiceColumns,
  complaints: Complaints,
): Partial<ListedDestination> {
  const [method, tunnel] = cells
  if (!method) return {}
  const forwarding = METHODS[method.text]
  if (forwarding === undefined) {
    const hint =
      method.text === '(null)' ? 'ipvsadm prints it for a method that it does not know.' : undefined
    complaints.error('unknown-method', `'${method.text}' is no forwarding method`, method.span, hint)
    return {}
  }
  if (columns !== 'tunnels' || !tunnel || tunnel.text === 'n/a') return { forwarding }
  const read = readTunnel(tunnel, complaints)
  return { forwarding, ...(read ? { tunnel: read } : {}) }
}

/** dpvs ends rows with `inhibited` and `overload`. */
function reportMore(cells: readonly Word[], complaints: Complaints): void {
  const [more] = cells
  if (!more) return
  if (cells.length === 1 && /^(?:inhibited|overload|inhibited,overload)$/.test(more.text)) {
    complaints.warn('not-sayable', `'${more.text}' of dpvs cannot be said here`, more.span)
  } else {
    complaints.error('wrong-columns', `'${more.text}' belongs to no column`, more.span)
  }
}
