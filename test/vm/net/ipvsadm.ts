/** The kernel's own ipvsadm: runs it, and reads what it prints. */

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Forwarding, ServiceInfo, SnapshotService } from '../../../lib'

/** Empty where there is none for this kernel. */
export const program = process.env.IPVS_ORACLE ?? ''

export interface Run {
  readonly ok: boolean
  /** What it printed, complaints included. */
  readonly text: string
}

export function attempt(...args: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(program, args, (error, stdout, stderr) => resolve({ ok: error === null, text: stdout + stderr }))
  })
}

export async function ipvsadm(...args: readonly string[]): Promise<string> {
  const { ok, text } = await attempt(...args)
  if (!ok) throw new Error(`ipvsadm ${args.join(' ')}: ${text}`)
  return text
}

/** What both sides can tell about a destination. */
export interface DestinationView {
  readonly forwarding: string
  readonly weight: number
  readonly upperThreshold: number
  readonly lowerThreshold: number
  readonly connections: readonly [active: number, inactive: number, persistent: number]
  /** Connections, packets in and out, bytes in and out. */
  readonly counters: readonly bigint[]
}

/** What both sides can tell about a service, by its name: `TCP 192.0.2.1:80`, `TCP [fd00::1]:80`, `FWM 7 IPv6`. */
export interface ServiceView {
  readonly scheduler: string
  readonly schedulerFlags: readonly string[]
  readonly persistence: { readonly timeout: number; readonly netmask: string } | undefined
  readonly onePacket: boolean
  readonly synproxy: boolean
  readonly establishedTimeout: number | undefined
  readonly counters: readonly bigint[]
  readonly destinations: Readonly<Record<string, DestinationView>>
}

export interface View {
  readonly services: Readonly<Record<string, ServiceView>>
  /** `192.0.2.1:80 10.0.0.1 conflicts connections`, sorted; a service has a line without an address, too. */
  readonly localAddresses: readonly string[]
}

const METHODS: Readonly<Record<string, Forwarding>> = {
  Masq: 'masquerade',
  Local: 'local',
  Tunnel: 'tunnel',
  Route: 'direct-route',
  FullNat: 'fullnat',
}

/** The word for a mask that separates every client, which ipvsadm does not print. */
const EVERY = 'none'

const SERVICE = /^(TCP|UDP|SCTP|FWM) +(\S+(?: IPv6)?) *(.*)$/
const DESTINATION = /^ {2}-> (\S+) +(.*)$/

interface Line {
  readonly name: string
  readonly rest: string
  readonly destinations: Map<string, string[]>
}

function parseList(text: string): Line[] {
  const lines: Line[] = []
  // The captions are what comes before the first service.
  for (const line of text.split('\n')) {
    const service = SERVICE.exec(line)
    if (service)
      lines.push({ name: `${service[1]} ${service[2]}`, rest: service[3], destinations: new Map() })
    const destination = lines.length > 0 ? DESTINATION.exec(line) : null
    if (destination) lines.at(-1)?.destinations.set(destination[1], destination[2].trim().split(/ +/))
  }
  return lines
}

/** Alibaba's v3 prints the established timeout, or these words where there is none. */
const ESTABLISHED = /^(\S+) +(?:(\d+)|UnK\. or DFLT\. 0)(?: +|$)(.*)$/

function parseService(rest: string, hasEstablished: boolean) {
  const [, scheduler, established, flags] = hasEstablished
    ? (ESTABLISHED.exec(rest) ?? [])
    : [undefined, rest.split(' ')[0], undefined, rest]
  if (scheduler === undefined || flags === undefined) throw new Error(`no service: ${rest}`)
  const persistence = /\bpersistent (\d+)(?: mask (\S+))?/.exec(flags)
  return {
    scheduler,
    schedulerFlags: /\(([^)]+)\)/.exec(flags)?.[1].split(',') ?? [],
    persistence: persistence
      ? { timeout: Number(persistence[1]), netmask: persistence[2] ?? EVERY }
      : undefined,
    synproxy: /\bsynproxy\b/.test(flags),
    establishedTimeout: established === undefined ? undefined : Number(established),
  }
}

/** Alibaba's lists `ops` for persistent services only, and saves it for all. */
function onePacketServices(saved: string): Set<string> {
  const names = new Set<string>()
  for (const [, kind, target, six] of saved.matchAll(/^-A -([tuf]) (\S+)( -6)?.* (?:ops|-o)(?: |$)/gm)) {
    names.add(`${{ t: 'TCP', u: 'UDP', f: 'FWM' }[kind]} ${target}${six ? ' IPv6' : ''}`)
  }
  return names
}

/** Marks are printed as signed numbers. */
const unsigned = (name: string) =>
  name.replace(/^FWM (-\d+)/, (_, mark: string) => `FWM ${Number(mark) >>> 0}`)

const counters = (columns: readonly string[]) => columns.map(BigInt)

function parseLocalAddresses(text: string): string[] {
  const list: string[] = []
  let service = ''
  for (const line of text.split('\n').slice(1)) {
    const [, name, address, conflicts, connections] =
      /^(?:(\S+) +\d+| +(\S+) +(\d+) +(\d+)) *$/.exec(line) ?? []
    if (name) {
      service = name
      list.push(name)
    } else if (address) {
      list.push(`${service} ${address} ${conflicts} ${connections}`)
    }
  }
  return list.sort()
}

/** The table as ipvsadm lists it; `localAddresses` only where it knows of them. */
export async function listed(withLocalAddresses: boolean): Promise<View> {
  const list = await ipvsadm('-L', '-n')
  const hasEstablished = list.includes('Established(Sec.)')
  const services = parseList(list)
  const others = async (...options: string[]) =>
    new Map(parseList(await ipvsadm('-L', '-n', ...options)).map((line) => [line.name, line]))
  const thresholds = await others('--thresholds')
  const persistent = await others('--persistent-conn')
  const stats = await others('--stats', '--exact')

  const onePacket = onePacketServices(await ipvsadm('-S', '-n'))
  const view: Record<string, ServiceView> = {}
  for (const { name, rest, destinations } of services) {
    const column = (table: Map<string, Line>, key: string) => table.get(name)?.destinations.get(key) ?? []
    const entries = [...destinations].map(([key, [method, weight, active, inactive]]) => {
      const [upper, lower] = column(thresholds, key)
      const destination: DestinationView = {
        forwarding: METHODS[method] ?? method,
        weight: Number(weight),
        upperThreshold: Number(upper),
        lowerThreshold: Number(lower),
        connections: [Number(active), Number(inactive), Number(column(persistent, key)[1])],
        counters: counters(column(stats, key)),
      }
      return [key, destination] as const
    })
    view[unsigned(name)] = {
      ...parseService(rest, hasEstablished),
      onePacket: onePacket.has(name),
      counters: counters(stats.get(name)?.rest.split(/ +/) ?? []),
      destinations: Object.fromEntries(entries),
    }
  }
  return {
    services: view,
    localAddresses: withLocalAddresses ? parseLocalAddresses(await ipvsadm('-G')) : [],
  }
}

const endpoint = (address: string, port: number) =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

export function nameOf(service: ServiceInfo): string {
  if (service.fwmark === undefined) {
    return `${String(service.protocol).toUpperCase()} ${endpoint(service.address, service.port)}`
  }
  return `FWM ${service.fwmark}${service.family === 'ipv6' ? ' IPv6' : ''}`
}

/** Alibaba's ipvsadm prints the first four bytes of an IPv6 local address as an IPv4 one. */
function asPrinted(address: string): string {
  if (!address.includes(':')) return address
  const [first, second] = address.split(':').map((group) => Number.parseInt(group || '0', 16))
  return [first >> 8, first & 255, second >> 8, second & 255].join('.')
}

function localAddressLines({ service, localAddresses }: SnapshotService): string[] {
  const any = service.family === 'ipv6' ? '[::]:0' : '0.0.0.0:0'
  const name = service.fwmark === undefined ? endpoint(service.address, service.port) : any
  const lines = localAddresses.map(
    ({ address, portConflicts, connections }) =>
      `${name} ${asPrinted(address)} ${portConflicts} ${connections}`,
  )
  return [name, ...lines]
}

const countersOf = ({ stats }: Pick<ServiceInfo, 'stats'>) => [
  stats.connections,
  stats.inPackets,
  stats.outPackets,
  stats.inBytes,
  stats.outBytes,
]

/** ipvsadm has other words for the flags of these schedulers. */
function flagName(scheduler: string, flag: string): string {
  if (!['sh', 'mh'].includes(scheduler)) return flag
  return { 'flag-1': `${scheduler}-fallback`, 'flag-2': `${scheduler}-port` }[flag] ?? flag
}

/** The same of a snapshot of the library. */
export function viewOf(services: readonly SnapshotService[], withLocalAddresses: boolean): View {
  const view: Record<string, ServiceView> = {}
  for (const { service, destinations } of services) {
    const { scheduler, persistence, onePacket, synproxy, establishedTimeout } = service
    const netmask = String(persistence?.netmask)
    view[nameOf(service)] = {
      scheduler,
      schedulerFlags: service.schedulerFlags.map((flag) => flagName(scheduler, flag)),
      persistence: persistence && {
        timeout: persistence.timeout,
        netmask: ['255.255.255.255', '128'].includes(netmask) ? EVERY : netmask,
      },
      onePacket,
      synproxy,
      establishedTimeout,
      counters: countersOf(service),
      destinations: Object.fromEntries(
        destinations.map((one) => {
          const destination: DestinationView = {
            forwarding: String(one.forwarding),
            weight: one.weight,
            upperThreshold: one.upperThreshold,
            lowerThreshold: one.lowerThreshold,
            connections: [one.activeConnections, one.inactiveConnections, one.persistentConnections],
            counters: countersOf(one),
          }
          return [endpoint(one.address, one.port), destination]
        }),
      ),
    }
  }
  const lines = withLocalAddresses ? services.flatMap(localAddressLines).sort() : []
  return { services: view, localAddresses: lines }
}

// ---- /proc/net/ip_vs, the third view

/** `C0000201` or `fd00:0000:…:0001` as the others print it. */
function unhex(address: string): string {
  if (!address.includes(':'))
    return (address.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)).join('.')
  // The URL parser is the shortest canonical form that Node has.
  return new URL(`http://${address}`).hostname.slice(1, -1)
}

function unhexEndpoint(text: string): string {
  const at = text.lastIndexOf(':')
  return endpoint(unhex(text.slice(0, at)), Number.parseInt(text.slice(at + 1), 16))
}

export interface ProcService {
  readonly scheduler: string
  readonly persistent: boolean
  readonly destinations: Readonly<Record<string, readonly [forwarding: string, weight: number]>>
}

/** Names are those of `View` without the family of a firewall mark, which this file does not tell. */
export function readProc(): Record<string, ProcService> {
  const services: Record<string, ProcService & { destinations: Record<string, readonly [string, number]> }> =
    {}
  let current: Record<string, readonly [string, number]> = {}
  for (const line of readFileSync('/proc/net/ip_vs', 'utf8').split('\n').slice(3)) {
    const service = /^(TCP|UDP|FWM) +(\S+) (\S+)(.*)$/.exec(line)
    if (service) {
      const [, kind, target, scheduler, rest] = service
      const name = kind === 'FWM' ? `FWM ${Number.parseInt(target, 16)}` : `${kind} ${unhexEndpoint(target)}`
      current = {}
      services[name] = { scheduler, persistent: rest.includes('persistent'), destinations: current }
    }
    const destination = /^ {2}-> (\S+) +(\S+) +(-?\d+) /.exec(line)
    if (destination) {
      current[unhexEndpoint(destination[1])] = [
        METHODS[destination[2]] ?? destination[2],
        Number(destination[3]),
      ]
    }
  }
  return services
}

/** What that file would say of a view. */
export function asProc({ services }: View): Record<string, ProcService> {
  return Object.fromEntries(
    Object.entries(services).map(([name, { scheduler, persistence, destinations }]) => [
      name.replace(/^(FWM \d+) IPv6$/, '$1'),
      {
        scheduler,
        persistent: persistence !== undefined,
        destinations: Object.fromEntries(
          Object.entries(destinations).map(([key, { forwarding, weight }]) => [key, [forwarding, weight]]),
        ),
      },
    ]),
  )
}
