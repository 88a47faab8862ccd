/** Virtual services: their keys and their configuration. */

import { invalidType, invalidValue } from '../errors/argument-errors'
import type { AddressFamily } from '../model/address'
import { AF_INET, addressKind, canonicalText, parseIpv4Mask, parseQuad } from '../model/address'
import type {
  NormalizedAddressService,
  NormalizedServiceChange,
  NormalizedServiceConfig,
  NormalizedServiceKey,
} from '../model/normalized'
import {
  FAMILIES,
  familyName,
  PROTOCOL_NAMES,
  PROTOCOLS,
  SCHEDULER_FLAGS,
  SCHEDULER_FLAGS_MASK,
  SERVICE_FLAGS,
} from '../model/numbers'
import type { ServiceConfig } from '../model/types'
import { checkProperties, isListed, PropertyNames, refuseFixed } from './properties'
import type { Mutable, Properties } from './values'
import {
  checkAddress,
  checkBoolean,
  checkFamilyAgrees,
  checkHeldName,
  checkInteger,
  checkModuleName,
  checkName,
  checkObject,
  refuseMapped,
  SECONDS_MAX,
  U32_MAX,
} from './values'

const SERVICE_KEY = ['protocol', 'address', 'port', 'fwmark', 'family'] as const
const PERSISTENCE = new PropertyNames(['timeout', 'netmask', 'engine'])

/** A number is one that `list` gave: netlink lets any in (ip_vs_ctl.c:ip_vs_genl_parse_service). */
function checkProtocol(value: unknown, field: string): number {
  return typeof value === 'number' ? checkInteger(value, field, 0, 65535) : checkName(value, field, PROTOCOLS)
}

/**
 * The key that was checked last: whoever fills a service with destinations names it once for each of them. Errors hand its
 * `key` out, so that is frozen.
 */
let last: NormalizedAddressService | undefined

/**
 * Other properties are allowed: people pass the whole configuration of a service where its key is asked for.
 */
export function checkServiceKey(value: unknown, field = 'service'): NormalizedServiceKey {
  const { protocol, address, port, fwmark, family } = checkObject(value, field)
  if (
    last !== undefined &&
    last.key.address === address &&
    last.key.port === port &&
    last.key.protocol === protocol &&
    fwmark === undefined &&
    family === undefined
  ) {
    return last
  }
  if (fwmark !== undefined) {
    if (protocol !== undefined || address !== undefined || port !== undefined) {
      throw invalidValue(field, 'must have either fwmark or protocol, address and port, not both', value)
    }
    // 0 is "no mark": netlink would then take TCP 0.0.0.0:0 (ip_vs_ctl.c:ip_vs_genl_parse_service).
    const mark = checkInteger(fwmark, `${field}.fwmark`, 1, U32_MAX)
    const number = family === undefined ? AF_INET : checkName(family, `${field}.family`, FAMILIES)
    const key = Object.freeze({ fwmark: mark, family: familyName(number) })
    return { kind: 'fwmark', fwmark: mark, family: number, key }
  }
  if (protocol === undefined && address === undefined && port === undefined) {
    throw invalidValue(field, 'must have protocol, address and port, or fwmark', value)
  }
  const protocolNumber = checkProtocol(protocol, `${field}.protocol`)
  const packed = checkAddress(address, `${field}.address`)
  const portNumber = checkInteger(port, `${field}.port`, 0, 65535)
  checkFamilyAgrees(family, packed.family, field)
  last = {
    kind: 'address',
    protocol: protocolNumber,
    address: packed,
    port: portNumber,
    family: packed.family,
    key: Object.freeze({
      protocol: PROTOCOL_NAMES[protocolNumber] ?? protocolNumber,
      address: canonicalText(packed, address as string),
      port: portNumber,
    }),
  }
  return last
}

/** `listed`: also a mask with holes, or a prefix length that no kernel would take. */
function checkNetmask(value: unknown, family: AddressFamily, field: string, listed: boolean): number {
  if (family === AF_INET) {
    if (value === undefined) return U32_MAX
    if (typeof value !== 'string')
      throw invalidType(field, "string (an IPv4 mask such as '255.255.255.0')", value)
    const mask = listed ? parseQuad(value) : parseIpv4Mask(value)
    if (mask === undefined) throw invalidValue(field, "must be an IPv4 mask such as '255.255.255.0'", value)
    return mask
  }
  // 0 is refused by the kernel even when not persistent (ip_vs_ctl.c:ip_vs_add_service).
  if (value === undefined) return 128
  if (typeof value !== 'number') throw invalidType(field, 'number (an IPv6 prefix length)', value)
  return listed ? checkInteger(value, field, 0, U32_MAX) : checkInteger(value, field, 1, 128)
}

function checkSchedulerFlags(value: unknown, field: string): number {
  if (!Array.isArray(value)) throw invalidType(field, 'Array', value)
  return value.reduce<number>((bits, flag, i) => bits | checkName(flag, `${field}[${i}]`, SCHEDULER_FLAGS), 0)
}

/** Refused unless the service has one of the protocols; a fwmark service can have any. */
function checkProtocolOf(
  service: NormalizedServiceKey,
  protocol: number,
  field: string,
  value: unknown,
): void {
  if (service.kind === 'fwmark' || service.protocol === protocol) return
  const name = protocol === PROTOCOLS.udp ? 'UDP' : 'TCP'
  throw invalidValue(field, `is for ${name} and fwmark services only`, value)
}

/** What is filled in while the properties of a caller are checked. */
interface Building {
  /** They are those of a listed service: every value that a kernel can hold. */
  readonly listed: boolean
  values: Mutable<NormalizedServiceConfig>
  flagsMask: number
  flags: number
}

function nameFlags(to: Building, mask: number, bits: number): void {
  to.flagsMask |= mask
  to.flags = (to.flags & ~mask) | bits
}

/** A flag of services with one protocol. */
function nameFlag(
  to: Building,
  bit: number,
  value: unknown,
  field: string,
  service: NormalizedServiceKey,
  protocol: number,
): void {
  if (checkBoolean(value, field) && !to.listed) checkProtocolOf(service, protocol, field, value)
  nameFlags(to, bit, value ? bit : 0)
}

function namePersistence(to: Building, value: unknown, field: string, service: NormalizedServiceKey): void {
  const { listed, values } = to
  if (value === null) {
    nameFlags(to, SERVICE_FLAGS.persistent, 0)
    const { persistenceTimeout, netmask, engine } = defaultsOf(service)
    Object.assign(values, { persistenceTimeout, netmask, engine })
    return
  }
  const { timeout, netmask, engine } = checkProperties(value, field, PERSISTENCE)
  nameFlags(to, SERVICE_FLAGS.persistent, SERVICE_FLAGS.persistent)
  const [least, most] = listed ? [0, U32_MAX] : [1, SECONDS_MAX]
  values.persistenceTimeout = checkInteger(timeout, `${field}.timeout`, least, most)
  values.netmask = checkNetmask(netmask, service.family, `${field}.netmask`, listed)
  values.engine = engine === undefined ? undefined : nameOf(to, engine, `${field}.engine`)
}

const nameOf = ({ listed }: Building, value: unknown, field: string): string =>
  listed ? checkHeldName(value, field) : checkModuleName(value, field)

type Property = (to: Building, value: unknown, field: string, service: NormalizedServiceKey) => void

/** What each property of a caller becomes; `undefined` never comes here. */
const PROPERTIES: { readonly [name in keyof Required<ServiceConfig>]: Property } = {
  scheduler: (to, value, field) => {
    to.values.scheduler = nameOf(to, value, field)
  },
  schedulerFlags: (to, value, field) =>
    nameFlags(to, SCHEDULER_FLAGS_MASK, checkSchedulerFlags(value, field)),
  persistence: namePersistence,
  onePacket: (to, value, field, service) =>
    nameFlag(to, SERVICE_FLAGS.onePacket, value, field, service, PROTOCOLS.udp),
  synproxy: (to, value, field, service) =>
    nameFlag(to, SERVICE_FLAGS.synproxy, value, field, service, PROTOCOLS.tcp),
  establishedTimeout: (to, value, field, service) => {
    to.values.establishedTimeout = checkInteger(value, field, 1, to.listed ? U32_MAX : SECONDS_MAX)
    if (!to.listed) checkProtocolOf(service, PROTOCOLS.tcp, field, value)
  },
}

const CONFIG_NAMES = Object.keys(PROPERTIES) as (keyof ServiceConfig)[]
const READ_ONLY = ['flags', 'stats'] as const
/** Those of a service to add or to set, and of what has `more`. */
export const serviceNames = (...more: readonly string[]): PropertyNames =>
  new PropertyNames([...SERVICE_KEY, ...CONFIG_NAMES, ...more], READ_ONLY)
const SERVICE_INPUT = serviceNames()
const SERVICE_CHANGE = new PropertyNames(CONFIG_NAMES, [...SERVICE_KEY, ...READ_ONLY])

function nameProperties(
  properties: Properties,
  service: NormalizedServiceKey,
  field: string,
  listed: boolean,
): NormalizedServiceChange {
  const to: Building = { listed, values: {}, flagsMask: 0, flags: 0 }
  for (const name of CONFIG_NAMES) {
    const value = properties[name]
    if (value !== undefined) PROPERTIES[name](to, value, `${field}.${name}`, service)
  }
  const { values, flags, flagsMask } = to
  return { values, flags, flagsMask }
}

/** What a service is without a word of the caller. */
function defaultsOf({ family }: NormalizedServiceKey): NormalizedServiceConfig {
  return {
    scheduler: 'wlc',
    flags: 0,
    persistenceTimeout: 0,
    // 0 is refused by the kernel even when not persistent (ip_vs_ctl.c:ip_vs_add_service).
    netmask: checkNetmask(undefined, family, '', false),
    engine: undefined,
    establishedTimeout: undefined,
  }
}

/** The configuration after a change. */
export function mergeService(
  current: NormalizedServiceConfig,
  { values, flags, flagsMask }: NormalizedServiceChange,
): NormalizedServiceConfig {
  return { ...current, ...values, flags: (current.flags & ~flagsMask) | flags }
}

/** The property that sets each bit of the flags word. */
const FLAG_PROPERTIES: readonly (readonly [bits: number, name: keyof ServiceConfig])[] = [
  [SERVICE_FLAGS.persistent, 'persistence'],
  [SERVICE_FLAGS.onePacket, 'onePacket'],
  [SERVICE_FLAGS.synproxy, 'synproxy'],
  [SCHEDULER_FLAGS_MASK, 'schedulerFlags'],
]

/** A flags word that came along with what was listed: it is not sent, so it must not say what the properties do not. */
function checkFlagsAgree(value: unknown, named: number, field: string): void {
  if (value === undefined) return
  const word = checkInteger(value, field, 0, U32_MAX)
  const wrong = FLAG_PROPERTIES.find(([bits]) => ((word ^ named) & bits) !== 0)
  if (!wrong) return
  const [bits, name] = wrong
  const says = (word & bits) === 0 ? 'does not have' : 'has'
  throw invalidValue(
    field,
    `${says} the flags of ${name}, which the property does not agree with (leave flags out to change ${name})`,
    value,
  )
}

/** What the kernel would take and no packet would ever find; what was listed is what somebody wanted all the same. */
function checkReachable(
  service: NormalizedServiceKey,
  { protocol, address }: Properties,
  field: string,
): void {
  if (service.kind !== 'address') return
  checkName(protocol, `${field}.protocol`, PROTOCOLS)
  refuseMapped(service.address, address, `${field}.address`)
  if (addressKind(service.address) === 'unspecified') {
    throw invalidValue(`${field}.address`, 'must be a real address: no packet is ever sent to it', address)
  }
}

/** A service to add or to set; what is left out has its default, `establishedTimeout` stays undefined. */
export function checkServiceInput(
  value: unknown,
  field = 'service',
  names = SERVICE_INPUT,
): {
  readonly service: NormalizedServiceKey
  readonly config: NormalizedServiceConfig
  readonly change: NormalizedServiceChange
  /** It was listed, by this kernel or another one. */
  readonly listed: boolean
} {
  const properties = checkProperties(value, field, names)
  const service = checkServiceKey(properties, field)
  const listed = isListed(properties)
  if (!listed) checkReachable(service, properties, field)
  const change = nameProperties(properties, service, field, listed)
  checkFlagsAgree(properties.flags, change.flags, `${field}.flags`)
  return { service, change, config: mergeService(defaultsOf(service), change), listed }
}

/** The named properties of an update; `undefined` counts as not named. `persistence` is replaced as a whole. */
export function checkServiceChange(
  value: unknown,
  service: NormalizedServiceKey,
  field = 'change',
): NormalizedServiceChange {
  const properties = checkProperties(value, field, SERVICE_CHANGE)
  refuseFixed(properties, SERVICE_KEY, READ_ONLY, field)
  return nameProperties(properties, service, field, false)
}
