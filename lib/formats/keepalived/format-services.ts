/** Services → `virtual_server`. */

import { invalidType } from '../../errors/argument-errors'
import { checkDesiredService, checkLocalAddressDrain } from '../../input'
import { AF_INET6 } from '../../model/address'
import type { DesiredService } from '../../model/desired-state'
import type { NormalizedServiceKey } from '../../model/normalized'
import { PROTOCOL_NAMES } from '../../model/numbers'
import type { KeepalivedDialect } from './dialects'
import type { WrittenDestinations } from './format-destinations'
import { formatDestinations } from './format-destinations'
import type { LocalGroups } from './format-pools'
import type { Losses } from './losses'
import { SCHEDULERS } from './service-config'
import { ALIBABA_TIMEOUT_DIGITS } from './virtual-server-keywords'

const MOST_ALIBABA_SECONDS = 10 ** ALIBABA_TIMEOUT_DIGITS - 1
const MOST_DPVS_SECONDS = 3600

/** `virtual_server` with its key, and the lines that belong to that; a string says why there is no such block. */
function headOf(
  service: NormalizedServiceKey,
  dialect: KeepalivedDialect,
): readonly [string, readonly string[]] | string {
  if (service.kind === 'fwmark') {
    if (dialect !== 'alibaba') {
      const family = service.family === AF_INET6 ? 'inet6' : 'inet'
      return [`virtual_server fwmark ${service.fwmark} {`, [`ip_family ${family}`]]
    }
    if (service.family === AF_INET6) return 'alibaba has IPv4 fwmark services only'
    return [`virtual_server fwmark ${service.fwmark} {`, []]
  }
  const name = PROTOCOL_NAMES[service.protocol] as string
  if (dialect === 'alibaba' && name === 'sctp') return 'alibaba takes UDP for SCTP'
  const { address, port } = service.key
  return [`virtual_server ${address} ${port} {`, [`protocol ${name.toUpperCase()}`]]
}

function limited(seconds: number, most: number, property: string, losses: Losses): number {
  if (seconds <= most) return seconds
  losses.property(property, seconds, `${most} at most, which is written`)
  return most
}

function persistenceLines(service: DesiredService, dialect: KeepalivedDialect, losses: Losses): string[] {
  const { persistence } = service
  if (!persistence) {
    if (service.fwmark === undefined && service.port === 0 && dialect !== 'alibaba') {
      losses.property('persistence', persistence, 'a service of every port is made persistent')
    }
    return []
  }
  const { timeout, netmask, engine } = persistence
  const most = dialect === 'alibaba' ? MOST_ALIBABA_SECONDS : Number.POSITIVE_INFINITY
  const lines = [`persistence_timeout ${limited(timeout, most, 'persistence.timeout', losses)}`]
  if (netmask !== undefined) lines.push(`persistence_granularity ${netmask}`)
  if (engine !== undefined) {
    if (dialect === 'alibaba')
      losses.property('persistence.engine', engine, 'alibaba has no persistence engines')
    else lines.push(`persistence_engine ${engine}`)
  }
  return lines
}

function establishedLines(seconds: number | undefined, dialect: KeepalivedDialect, losses: Losses): string[] {
  if (seconds === undefined) return []
  if (dialect === 'alibaba')
    return [`est_timeout ${limited(seconds, MOST_ALIBABA_SECONDS, 'establishedTimeout', losses)}`]
  if (dialect === 'dpvs')
    return [`establish_timeout ${limited(seconds, MOST_DPVS_SECONDS, 'establishedTimeout', losses)}`]
  losses.property('establishedTimeout', seconds, 'mainline has one for all services')
  return []
}

function configLines(service: DesiredService, dialect: KeepalivedDialect, losses: Losses): string[] {
  const { scheduler = 'wlc', schedulerFlags = [], onePacket, synproxy, establishedTimeout, name } = service
  const lines: string[] = []
  if (name !== undefined) losses.property('name', name, 'there are no words for it')
  const known = SCHEDULERS[dialect]
  if (!known || known.has(scheduler)) lines.push(`lb_algo ${scheduler}`)
  else losses.property('scheduler', scheduler, `not known to ${dialect}, which takes wlc`)
  if (dialect === 'alibaba') {
    if (schedulerFlags.length > 0) losses.property('schedulerFlags', schedulerFlags, 'alibaba has none')
    if (onePacket) losses.property('onePacket', onePacket, 'alibaba has no such services')
  } else {
    for (const flag of schedulerFlags) lines.push(flag)
    if (onePacket) lines.push('ops')
  }
  if (synproxy) {
    if (dialect === 'mainline') losses.property('synproxy', synproxy, 'mainline has none')
    else lines.push('syn_proxy')
  }
  lines.push(
    ...persistenceLines(service, dialect, losses),
    ...establishedLines(establishedTimeout, dialect, losses),
  )
  return lines
}

function localGroupLines(
  service: DesiredService,
  { fullnat }: WrittenDestinations,
  groups: LocalGroups,
  dialect: KeepalivedDialect,
  field: string,
  losses: Losses,
): string[] {
  const { localAddresses } = service
  if (localAddresses === undefined) return []
  if (!('pool' in localAddresses) && localAddresses.length === 0) {
    if (fullnat) losses.property('localAddresses', [], 'that there are none cannot be said: it is left open')
    return []
  }
  if (dialect !== 'mainline' && !fullnat) {
    losses.property('localAddresses', localAddresses, 'for services with FNAT only')
    return []
  }
  const name = groups.nameOf(localAddresses, `${field}.localAddresses`, losses)
  return name === undefined ? [] : [`laddr_group_name ${name}`]
}

/** The block of a service; undefined where the dialect has no words for it, which is a loss. */
export function formatService(
  service: DesiredService,
  field: string,
  groups: LocalGroups,
  dialect: KeepalivedDialect,
  all: Losses,
): readonly string[] | undefined {
  const { service: key } = checkDesiredService(service, field)
  const { destinations, localAddresses, drainLocalAddresses: drains = [] } = service
  const losses = all.of({ service: key.key })
  if (destinations !== undefined && !Array.isArray(destinations)) {
    throw invalidType(`${field}.destinations`, 'Array', destinations)
  }
  if (!Array.isArray(drains)) throw invalidType(`${field}.drainLocalAddresses`, 'Array', drains)
  for (const [i, one] of drains.entries()) {
    checkLocalAddressDrain(one, key, `${field}.drainLocalAddresses[${i}]`)
  }
  const head = headOf(key, dialect)
  if (typeof head === 'string') {
    losses.object(head)
    return undefined
  }
  const read = formatDestinations(destinations ?? [], key, dialect, `${field}.destinations`, losses)
  // Local addresses say what the destinations will be.
  const named = localAddresses !== undefined && ('pool' in localAddresses || localAddresses.length > 0)
  const empty = read.lines.length === 0
  const written: WrittenDestinations =
    empty && named && dialect === 'alibaba' ? { kind: 'FNAT', lines: [], fullnat: true } : read
  if (empty && dialect !== 'alibaba') {
    losses.object(`${dialect} leaves out a virtual server without real servers`)
    return undefined
  }
  if (destinations === undefined) {
    losses.property('destinations', undefined, 'that nothing is said of them cannot be said: there are none')
  }
  if (drains.length > 0) losses.property('drainLocalAddresses', drains, 'there are no words for it')
  const canonical = { ...service, ...key.key } as DesiredService
  const [first, lines] = head
  const body = [
    ...lines,
    ...configLines(canonical, dialect, losses),
    ...(written.kind === undefined ? [] : [`lb_kind ${written.kind}`]),
    ...localGroupLines(service, written, groups, dialect, field, losses),
  ]
  return [first, ...body.map((line) => `    ${line}`), ...written.lines, '}']
}
