/** Services with their destinations → what -L -n prints, in the layout of each dialect. */

import { checkDestinationKey, checkServiceKey } from '../../../input'
import type {
  DestinationInfo,
  Forwarding,
  Info,
  ServiceInfo,
  SnapshotService,
  Stats,
  TunnelInfo,
} from '../../../model/types'
import type { RulesDialect } from '../dialects'
import { compareDestinationKeys, compareServiceKeys } from '../order'
import { FLAG_NAMES } from '../service-config'
import { endpointText } from '../service-line'
import type { ServiceColumns } from './service-rows'

export interface FormatListingOptions {
  /** Whose layout: alibaba-v3 has a column more. */
  readonly dialect: RulesDialect
  /** Default `'usual'`. */
  readonly columns?: ServiceColumns | undefined
  /** Numbers as they are, not shortened. Default false. */
  readonly exact?: boolean | undefined
  /** In ipvsadm's order, not the kernel's. Default true. */
  readonly sorted?: boolean | undefined
  /** For the first line; without it there is none, as with -t, -u and -f. */
  readonly info?: Pick<Info, 'version' | 'connectionTableSize'> | undefined
}

const left = (value: string | number, width: number): string => String(value).padEnd(width)
const right = (value: string | number | bigint, width: number): string => String(value).padStart(width)

/** Numbers of so many digits at most lose this many of them, for a letter (ipvsadm.c:print_largenum). */
const SHORTENED = [
  [8, 0, ''],
  [9, 3, 'K'],
  [11, 6, 'M'],
  [14, 9, 'G'],
  [Number.POSITIVE_INFINITY, 12, 'T'],
] as const

function largeNumber(value: bigint | number, exact: boolean): string {
  const digits = String(value)
  const [, lost, unit] = SHORTENED.find(([most]) => exact || digits.length <= most) ?? SHORTENED[0]
  const kept = exact ? digits : digits.slice(0, digits.length - lost)
  return exact || lost === 0 ? ` ${right(kept, 8)}` : `${right(kept, 8)}${unit}`
}

const COUNTERS = ['connections', 'inPackets', 'outPackets', 'inBytes', 'outBytes'] as const
const BYTES_FROM = 3

/** Where there are no rates, their place has zeros, as ipvsadm prints them on FULLNAT kernels. */
function counterCells(stats: Stats, columns: 'stats' | 'rate', exact: boolean, destination: boolean): string {
  const counters = columns === 'stats' ? stats : stats.rates
  const cells = COUNTERS.map((name, i) => {
    const value = counters?.[name] ?? 0
    // ipvsadm.c:print_service_entry never shortens these.
    const plain = columns === 'rate' && destination && i < BYTES_FROM
    return plain ? ` ${right(value, 8)}` : largeNumber(value, exact)
  })
  return cells.join('')
}

const FIRST_TITLE = left('Prot LocalAddress:Port', 33)
const SECOND_TITLE = '  -> RemoteAddress:Port'

function titles(columns: ServiceColumns, dialect: RulesDialect): string {
  const counters = (...names: readonly string[]) =>
    `${FIRST_TITLE}${names.map((name) => ` ${right(name, 8)}`).join('')}\n${SECOND_TITLE}\n`
  const connections = `${left('ActiveConn', 10)} ${left('InActConn', 10)}`
  switch (columns) {
    case 'stats':
      return counters('Conns', 'InPkts', 'OutPkts', 'InBytes', 'OutBytes')
    case 'rate':
      return counters('CPS', 'InPPS', 'OutPPS', 'InBPS', 'OutBPS')
    case 'thresholds':
      return `${FIRST_TITLE} Uthreshold Lthreshold ${connections}\n${SECOND_TITLE}\n`
    case 'persistent':
      return `${FIRST_TITLE} ${left('Weight', 9)} PersistConn ${connections}\n${SECOND_TITLE}\n`
    default: {
      const established = dialect === 'alibaba-v3' ? ' Established(Sec.)' : ''
      const tunnel = columns === 'tunnels' ? ' TunnelInfo   ' : ''
      return (
        `Prot LocalAddress:Port Scheduler${established} Flags\n` +
        `${left(SECOND_TITLE, 33)} Forward${tunnel} Weight ActiveConn InActConn\n`
      )
    }
  }
}

function serviceName(service: ServiceInfo): string {
  if (service.fwmark !== undefined) {
    return `FWM  ${service.fwmark}${service.family === 'ipv6' ? ' IPv6' : ''}`
  }
  return `${left(String(service.protocol).toUpperCase(), 4)} ${endpointText(service.address, service.port)}`
}

function flagWords({ scheduler, schedulerFlags, persistence, onePacket, synproxy }: ServiceInfo): string[] {
  const words: string[] = []
  if (schedulerFlags.length > 0) {
    const own = Object.entries(FLAG_NAMES).filter(([, [only]]) => only === scheduler)
    const names = schedulerFlags.map((flag) => own.find(([, [, known]]) => known === flag)?.[0] ?? flag)
    words.push(`(${names.join(',')})`)
  }
  if (persistence) {
    const { timeout, netmask, engine } = persistence
    words.push(`persistent ${timeout}`)
    const whole = netmask === undefined || netmask === '255.255.255.255' || netmask === 128
    if (!whole) words.push(`mask ${netmask}`)
    if (engine !== undefined) words.push(`pe ${engine}`)
  }
  if (onePacket) words.push('ops')
  if (synproxy) words.push('synproxy')
  return words
}

function serviceRow(service: ServiceInfo, columns: ServiceColumns, options: FormatListingOptions): string {
  const name = serviceName(service)
  if (columns === 'stats' || columns === 'rate') {
    return `${left(name, 33)}${counterCells(service.stats, columns, options.exact ?? false, false)}`
  }
  const words = flagWords(service)
  if (options.dialect !== 'alibaba-v3') return [name, service.scheduler, ...words].join(' ')
  const established = service.establishedTimeout || 'UnK. or DFLT. 0'
  return [left(name, 22), left(service.scheduler, 9), left(established, 17), ...words].join(' ')
}

const METHODS: Readonly<Partial<Record<Forwarding, string>>> = {
  masquerade: 'Masq',
  local: 'Local',
  tunnel: 'Tunnel',
  'direct-route': 'Route',
  fullnat: 'FullNat',
}

const CHECKSUMS = { none: '-c', full: '+c', remote: 'r+c' } as const

/** ipvsadm.c:fwd_tun_info */
function tunnelCell({ forwarding, tunnel }: DestinationInfo): string {
  if (forwarding !== 'tunnel') return 'n/a'
  const { type, port, checksum = 'none' }: TunnelInfo = tunnel ?? { type: 'ipip' }
  if (type === 'ipip') return 'ipip'
  const word = typeof checksum === 'number' ? checksum : CHECKSUMS[checksum]
  return [type, ...(type === 'gue' ? [port ?? 0] : []), word].join(':')
}

function destinationRow(one: DestinationInfo, columns: ServiceColumns, exact: boolean): string {
  const name = `  -> ${left(endpointText(one.address, one.port), 28)}`
  const { stats, weight, activeConnections: active, inactiveConnections: inactive } = one
  if (columns === 'stats' || columns === 'rate') return `${name}${counterCells(stats, columns, exact, true)}`
  const connections = `${left(active, 10)} ${left(inactive, 10)}`
  if (columns === 'thresholds') {
    return `${name} ${left(one.upperThreshold, 10)} ${left(one.lowerThreshold, 10)} ${connections}`
  }
  if (columns === 'persistent') {
    return `${name} ${left(weight, 9)} ${left(one.persistentConnections, 11)} ${connections}`
  }
  // What ipvsadm has no word for, and prints as (null), by its name.
  const method = METHODS[one.forwarding as Forwarding] ?? one.forwarding
  const tunnel = columns === 'tunnels' ? `${left(tunnelCell(one), 13)} ` : ''
  return `${name} ${left(method, 7)} ${tunnel}${left(weight, 6)} ${connections}`
}

/** A copy in ipvsadm's order. */
export function inListingOrder(services: readonly SnapshotService[]): SnapshotService[] {
  return services
    .map((one) => ({ one, key: checkServiceKey(one.service) }))
    .sort((x, y) => compareServiceKeys(x.key, y.key))
    .map(({ one }) => ({
      ...one,
      destinations: one.destinations
        .map((destination) => ({ destination, key: checkDestinationKey(destination) }))
        .sort((x, y) => compareDestinationKeys(x.key, y.key))
        .map(({ destination }) => destination),
    }))
}

/**
 * The text of -L -n, byte for byte but for what ipvsadm prints wrongly: marks above 2^31 as negative numbers, protocols and methods
 * that it has no word for, and, Alibaba's, one-packet scheduling of services that are not persistent.
 */
export function formatListing(services: readonly SnapshotService[], options: FormatListingOptions): string {
  const { columns = 'usual', exact = false, sorted = true, dialect, info } = options
  const lines: string[] = []
  for (const { service, destinations } of sorted ? inListingOrder(services) : services) {
    lines.push(serviceRow(service, columns, options))
    for (const one of destinations) lines.push(destinationRow(one, columns, exact))
  }
  const head = info ? `IP Virtual Server version ${info.version} (size=${info.connectionTableSize})\n` : ''
  return `${head}${titles(columns, dialect)}${lines.map((line) => `${line}\n`).join('')}`
}
