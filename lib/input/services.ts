/** Virtual services: their keys and their configuration. */

import { invalidType, invalidValue } from '../errors/argument-errors'
import type { AddressFamily } from '../model/address'
import { AF_INET, addressKind, canonicalText, parseIpv4Mask } from '../model/address'
import type {
  NormalizedAddressService,
  NormalizedServiceConfig,
  NormalizedServiceKey,
} from '../model/normalized'
import { FAMILIES, familyName, PROTOCOLS, SCHEDULER_FLAGS } from '../model/numbers'
import type { AddressServiceKey } from '../model/types'
import { checkProperties, PropertyNames, refuseIdentity } from './properties'
import type { Mutable } from './values'
import {
  checkAddress,
  checkBoolean,
  checkFamilyAgrees,
  checkInteger,
  checkModuleName,
  checkName,
  checkObject,
  SECONDS_MAX,
  U32_MAX,
} from './values'

const SERVICE_KEY = ['protocol', 'address', 'port', 'fwmark', 'family'] as const
const SERVICE_CONFIG = [
  'scheduler',
  'schedulerFlags',
  'persistence',
  'onePacket',
  'synproxy',
  'establishedTimeout',
] as const
const SERVICE_READ_ONLY = ['flags', 'stats'] as const
const SERVICE_INPUT = new PropertyNames([...SERVICE_KEY, ...SERVICE_CONFIG], SERVICE_READ_ONLY)
const SERVICE_CHANGE = new PropertyNames(SERVICE_CONFIG, [...SERVICE_KEY, ...SERVICE_READ_ONLY])
const PERSISTENCE = new PropertyNames(['timeout', 'netmask', 'engine'])

/** The key that was checked last: whoever fills a service with destinations names it once for each of them. */
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
    return { kind: 'fwmark', fwmark: mark, family: number, key: { fwmark: mark, family: familyName(number) } }
  }
  if (protocol === undefined && address === undefined && port === undefined) {
    throw invalidValue(field, 'must have protocol, address and port, or fwmark', value)
  }
  const protocolNumber = checkName(protocol, `${field}.protocol`, PROTOCOLS)
  const packed = checkAddress(address, `${field}.address`)
  const portNumber = checkInteger(port, `${field}.port`, 0, 65535)
  checkFamilyAgrees(family, packed.family, field)
  last = {
    kind: 'address',
    protocol: protocolNumber,
    address: packed,
    port: portNumber,
    family: packed.family,
    key: {
      protocol: protocol as AddressServiceKey['protocol'],
      address: canonicalText(packed, address as string),
      port: portNumber,
    },
  }
  return last
}

type Persistent = Pick<NormalizedServiceConfig, 'persistent' | 'persistenceTimeout' | 'netmask' | 'engine'>

function checkNetmask(value: unknown, family: AddressFamily, field: string): number {
  if (family === AF_INET) {
    if (value === undefined) return U32_MAX
    if (typeof value !== 'string')
      throw invalidType(field, "string (an IPv4 mask such as '255.255.255.0')", value)
    const mask = parseIpv4Mask(value)
    if (mask === undefined) throw invalidValue(field, "must be an IPv4 mask such as '255.255.255.0'", value)
    return mask
  }
  // 0 is refused by the kernel even when not persistent (ip_vs_ctl.c:ip_vs_add_service).
  if (value === undefined) return 128
  if (typeof value !== 'number') throw invalidType(field, 'number (an IPv6 prefix length)', value)
  return checkInteger(value, field, 1, 128)
}

function checkPersistence(value: unknown, family: AddressFamily, field: string): Persistent {
  if (value === undefined) {
    const netmask = checkNetmask(undefined, family, field)
    return { persistent: false, persistenceTimeout: 0, netmask, engine: undefined }
  }
  const { timeout, netmask, engine } = checkProperties(value, field, PERSISTENCE)
  return {
    persistent: true,
    persistenceTimeout: checkInteger(timeout, `${field}.timeout`, 1, SECONDS_MAX),
    netmask: checkNetmask(netmask, family, `${field}.netmask`),
    engine: engine === undefined ? undefined : checkModuleName(engine, `${field}.engine`),
  }
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

const checkOnePacket = (value: unknown, service: NormalizedServiceKey, field: string): boolean => {
  if (checkBoolean(value, `${field}.onePacket`)) {
    checkProtocolOf(service, PROTOCOLS.udp, `${field}.onePacket`, value)
  }
  return value as boolean
}

const checkSynproxy = (value: unknown, service: NormalizedServiceKey, field: string): boolean => {
  if (checkBoolean(value, `${field}.synproxy`)) {
    checkProtocolOf(service, PROTOCOLS.tcp, `${field}.synproxy`, value)
  }
  return value as boolean
}

const checkEstablishedTimeout = (value: unknown, service: NormalizedServiceKey, field: string): number => {
  const name = `${field}.establishedTimeout`
  const seconds = checkInteger(value, name, 1, SECONDS_MAX)
  checkProtocolOf(service, PROTOCOLS.tcp, name, value)
  return seconds
}

/** A service to add or to set; what is left out has its default, `establishedTimeout` stays undefined. */
export function checkServiceInput(
  value: unknown,
  field = 'service',
): { readonly service: NormalizedServiceKey; readonly config: NormalizedServiceConfig } {
  const properties = checkProperties(value, field, SERVICE_INPUT)
  const service = checkServiceKey(properties, field)
  if (service.kind === 'address' && addressKind(service.address) === 'unspecified') {
    throw invalidValue(
      `${field}.address`,
      'must be a real address: no packet is ever sent to it',
      properties.address,
    )
  }
  const { scheduler, schedulerFlags, onePacket, synproxy, establishedTimeout } = properties
  const persistence = checkPersistence(properties.persistence, service.family, `${field}.persistence`)
  const config: NormalizedServiceConfig = {
    scheduler: scheduler === undefined ? 'wlc' : checkModuleName(scheduler, `${field}.scheduler`),
    persistent: persistence.persistent,
    persistenceTimeout: persistence.persistenceTimeout,
    netmask: persistence.netmask,
    engine: persistence.engine,
    onePacket: onePacket === undefined ? false : checkOnePacket(onePacket, service, field),
    synproxy: synproxy === undefined ? false : checkSynproxy(synproxy, service, field),
    schedulerFlags:
      schedulerFlags === undefined ? 0 : checkSchedulerFlags(schedulerFlags, `${field}.schedulerFlags`),
    establishedTimeout:
      establishedTimeout === undefined
        ? undefined
        : checkEstablishedTimeout(establishedTimeout, service, field),
  }
  return { service, config }
}

/**
 * The named properties of an update, to be spread over the present configuration. `persistence` is replaced
 * as a whole; `persistence: undefined` ends it. Every other property that is undefined counts as not named.
 */
export function checkServiceChange(
  value: unknown,
  service: NormalizedServiceKey,
  field = 'change',
): Partial<NormalizedServiceConfig> {
  const properties = checkProperties(value, field, SERVICE_CHANGE)
  refuseIdentity(properties, ['protocol', 'address', 'port', 'fwmark'], field)
  checkFamilyAgrees(properties.family, service.family, field)
  const { scheduler, schedulerFlags, onePacket, synproxy, establishedTimeout } = properties
  const config: Mutable<NormalizedServiceConfig> = {}
  if (scheduler !== undefined) config.scheduler = checkModuleName(scheduler, `${field}.scheduler`)
  if (schedulerFlags !== undefined) {
    config.schedulerFlags = checkSchedulerFlags(schedulerFlags, `${field}.schedulerFlags`)
  }
  if ('persistence' in properties) {
    Object.assign(config, checkPersistence(properties.persistence, service.family, `${field}.persistence`))
  }
  if (onePacket !== undefined) config.onePacket = checkOnePacket(onePacket, service, field)
  if (synproxy !== undefined) config.synproxy = checkSynproxy(synproxy, service, field)
  if (establishedTimeout !== undefined) {
    config.establishedTimeout = checkEstablishedTimeout(establishedTimeout, service, field)
  }
  return config
}
