/** What callers pass in, checked before anything is sent and turned into plain numbers. */

import type { AddressFamily, PackedAddress } from './address'
import { AF_INET, AF_INET6, addressKind, formatPacked, parseAddress, parseIpv4Mask } from './address'
import {
  DAEMON_STATES,
  FORWARDING_METHODS,
  PROTOCOLS,
  SCHEDULER_FLAGS,
  TUNNEL_FLAGS,
  TUNNEL_TYPES,
} from './dialect'
import { invalidType, invalidValue, outOfRange } from './errors'
import type { Transport } from './transport'
import type { AddressServiceKey, DestinationKey, FwmarkServiceKey, TransportKind } from './types'

const FAMILIES = { ipv4: AF_INET, ipv6: AF_INET6 } as const

const INT_MAX = 2147483647
const U32_MAX = 4294967295
/** The kernel multiplies by HZ (1000) in a signed int without a check (ip_vs_ctl.c:ip_vs_set_timeout). */
const SECONDS_MAX = 2147483
/** Scheduler and engine names become part of a module's name, `ip_vs_<name>`. */
const MODULE_NAME = /^[a-z0-9_-]{1,15}$/i

export interface NormalizedAddressService {
  readonly kind: 'address'
  readonly protocol: 6 | 17 | 132
  readonly address: PackedAddress
  readonly port: number
  readonly family: AddressFamily
  /** Canonical. */
  readonly key: AddressServiceKey
}

export interface NormalizedFwmarkService {
  readonly kind: 'fwmark'
  readonly fwmark: number
  readonly family: AddressFamily
  /** Canonical, with the family. */
  readonly key: FwmarkServiceKey
}

export type NormalizedServiceKey = NormalizedAddressService | NormalizedFwmarkService

export interface NormalizedServiceConfig {
  readonly scheduler: string
  readonly persistent: boolean
  /** Seconds, 0 when not persistent. */
  readonly persistenceTimeout: number
  /** IPv4: the mask as a number (0xffffff00); IPv6: the prefix length. */
  readonly netmask: number
  readonly engine: string | undefined
  readonly onePacket: boolean
  readonly synproxy: boolean
  /** Bits 0x8, 0x10, 0x20. */
  readonly schedulerFlags: number
  /** Seconds; undefined where the caller named none. */
  readonly establishedTimeout: number | undefined
}

export interface NormalizedDestinationKey {
  readonly address: PackedAddress
  readonly port: number
  readonly family: AddressFamily
  /** Canonical. */
  readonly key: DestinationKey
}

export interface NormalizedTunnel {
  readonly type: 0 | 1 | 2
  /** 0 but for GUE. */
  readonly port: number
  readonly flags: number
}

export interface NormalizedDestinationConfig {
  /** 0–5. */
  readonly forwarding: number
  readonly weight: number
  readonly upperThreshold: number
  readonly lowerThreshold: number
  readonly tunnel: NormalizedTunnel | undefined
}

export interface NormalizedLocalAddress {
  readonly address: PackedAddress
  /** Canonical. */
  readonly text: string
}

type Properties = Readonly<Record<string, unknown>>

// ---- single values

export function checkObject(value: unknown, field: string): Properties {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidType(field, 'object', value)
  }
  return value as Properties
}

function checkString(value: unknown, field: string): string {
  if (typeof value !== 'string') throw invalidType(field, 'string', value)
  return value
}

export function checkBoolean(value: unknown, field: string): boolean {
  if (typeof value !== 'boolean') throw invalidType(field, 'boolean', value)
  return value
}

export function checkInteger(value: unknown, field: string, min: number, max: number): number {
  if (typeof value !== 'number') throw invalidType(field, 'number', value)
  if (!Number.isInteger(value)) throw outOfRange(field, 'an integer', value)
  if (value < min || value > max) throw outOfRange(field, `>= ${min} && <= ${max}`, value)
  return value === 0 ? 0 : value
}

function checkAddress(value: unknown, field: string): PackedAddress {
  const address = parseAddress(checkString(value, field))
  if (!address) throw invalidValue(field, 'must be an IPv4 or IPv6 address', value)
  return address
}

function checkModuleName(value: unknown, field: string): string {
  const name = checkString(value, field)
  // 16 bytes with the NUL; 2.6.32 reads past an unterminated name (ip_vs_ctl.c:do_ip_vs_set_ctl).
  if (!MODULE_NAME.test(name)) throw invalidValue(field, 'must be 1 to 15 letters, digits, "-" or "_"', value)
  return name
}

export function checkName<T>(value: unknown, field: string, names: Readonly<Record<string, T>>): T {
  const name = checkString(value, field)
  if (!Object.prototype.hasOwnProperty.call(names, name)) {
    throw invalidValue(
      field,
      `must be one of: ${Object.keys(names)
        .map((known) => `'${known}'`)
        .join(', ')}`,
      value,
    )
  }
  return names[name] as T
}

function familyName(family: AddressFamily): 'ipv4' | 'ipv6' {
  return family === AF_INET6 ? 'ipv6' : 'ipv4'
}

// ---- property names

/** Names under which other tools know our properties. */
const ALIASES: Readonly<Record<string, string>> = {
  proto: 'protocol',
  vip: 'address',
  ip: 'address',
  host: 'address',
  mark: 'fwmark',
  sched: 'scheduler',
  schedname: 'scheduler',
  ops: 'onePacket',
  esttimeout: 'establishedTimeout',
  synproxyenabled: 'synproxy',
  persistent: 'persistence',
  pe: 'engine',
  mask: 'netmask',
  method: 'forwarding',
  forwardingmethod: 'forwarding',
  fwd: 'forwarding',
  fwdmethod: 'forwarding',
  uthreshold: 'upperThreshold',
  lthreshold: 'lowerThreshold',
  finwait: 'tcpFin',
  mcastifn: 'interface',
  mcastgroup: 'multicastGroup',
}

/** Levenshtein distance. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const replaced = (row[j - 1] as number) + (one[i - 1] === other[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[other.length] as number
}

function closest(name: string, known: readonly string[]): string | undefined {
  const plain = name.toLowerCase().replace(/[_-]/g, '')
  const alias = ALIASES[plain]
  if (alias !== undefined && known.includes(alias)) return alias
  const ranked = known
    .map((candidate) => ({ candidate, away: distance(plain, candidate.toLowerCase()) }))
    .sort((one, other) => one.away - other.away)
  const best = ranked[0]
  return best && best.away <= Math.min(2, plain.length / 2) ? best.candidate : undefined
}

/**
 * Refuses names that mean nothing here; those of `ignored` are read-only and may come from what was listed.
 */
function checkProperties(
  value: unknown,
  field: string,
  known: readonly string[],
  ignored: readonly string[] = [],
): Properties {
  const properties = checkObject(value, field)
  for (const name of Object.keys(properties)) {
    if (known.includes(name) || ignored.includes(name)) continue
    const meant = closest(name, known)
    throw invalidValue(
      `${field}.${name}`,
      meant ? `is not known (did you mean '${meant}'?)` : `is not known (there are: ${known.join(', ')})`,
      properties[name],
    )
  }
  return properties
}

// ---- services

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
const SERVICE_INPUT = [...SERVICE_KEY, ...SERVICE_CONFIG]
const SERVICE_NOT_CHANGED = [...SERVICE_KEY, ...SERVICE_READ_ONLY]

/**
 * Other properties are allowed: people pass the whole configuration of a service where its key is asked for.
 */
export function checkServiceKey(value: unknown, field = 'service'): NormalizedServiceKey {
  const { protocol, address, port, fwmark, family } = checkObject(value, field)
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
  return {
    kind: 'address',
    protocol: protocolNumber,
    address: packed,
    port: portNumber,
    family: packed.family,
    key: {
      protocol: protocol as AddressServiceKey['protocol'],
      address: formatPacked(packed),
      port: portNumber,
    },
  }
}

/** Where `family` only repeats what is known (what was listed has it), it must not say something else. */
function checkFamilyAgrees(family: unknown, actual: AddressFamily, field: string): void {
  if (family === undefined || family === familyName(actual)) return
  throw invalidValue(`${field}.family`, `must be '${familyName(actual)}' here`, family)
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
  const { timeout, netmask, engine } = checkProperties(value, field, ['timeout', 'netmask', 'engine'])
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

type Mutable<T> = { -readonly [K in keyof T]?: T[K] }

/** The named configuration properties; `persistence: undefined` counts as named. */
function readServiceConfig(
  properties: Properties,
  service: NormalizedServiceKey,
  field: string,
): Partial<NormalizedServiceConfig> {
  const { scheduler, schedulerFlags, onePacket, synproxy, establishedTimeout } = properties
  const config: Mutable<NormalizedServiceConfig> = {}
  if (scheduler !== undefined) config.scheduler = checkModuleName(scheduler, `${field}.scheduler`)
  if (schedulerFlags !== undefined) {
    config.schedulerFlags = checkSchedulerFlags(schedulerFlags, `${field}.schedulerFlags`)
  }
  if ('persistence' in properties) {
    Object.assign(config, checkPersistence(properties.persistence, service.family, `${field}.persistence`))
  }
  if (onePacket !== undefined) {
    config.onePacket = checkBoolean(onePacket, `${field}.onePacket`)
    if (onePacket) checkProtocolOf(service, PROTOCOLS.udp, `${field}.onePacket`, onePacket)
  }
  if (synproxy !== undefined) {
    config.synproxy = checkBoolean(synproxy, `${field}.synproxy`)
    if (synproxy) checkProtocolOf(service, PROTOCOLS.tcp, `${field}.synproxy`, synproxy)
  }
  if (establishedTimeout !== undefined) {
    const name = `${field}.establishedTimeout`
    config.establishedTimeout = checkInteger(establishedTimeout, name, 1, SECONDS_MAX)
    checkProtocolOf(service, PROTOCOLS.tcp, name, establishedTimeout)
  }
  return config
}

/** A service to add or to set; what is left out has its default, `establishedTimeout` stays undefined. */
export function checkServiceInput(
  value: unknown,
  field = 'service',
): { readonly service: NormalizedServiceKey; readonly config: NormalizedServiceConfig } {
  const properties = checkProperties(value, field, SERVICE_INPUT, SERVICE_READ_ONLY)
  const service = checkServiceKey(properties, field)
  if (service.kind === 'address' && addressKind(service.address) === 'unspecified') {
    throw invalidValue(
      `${field}.address`,
      'must be a real address: no packet is ever sent to it',
      properties.address,
    )
  }
  const config: NormalizedServiceConfig = {
    scheduler: 'wlc',
    ...checkPersistence(undefined, service.family, field),
    onePacket: false,
    synproxy: false,
    schedulerFlags: 0,
    establishedTimeout: undefined,
    ...readServiceConfig(properties, service, field),
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
  const properties = checkProperties(value, field, SERVICE_CONFIG, SERVICE_NOT_CHANGED)
  refuseIdentity(properties, ['protocol', 'address', 'port', 'fwmark'], field)
  checkFamilyAgrees(properties.family, service.family, field)
  return readServiceConfig(properties, service, field)
}

function refuseIdentity(properties: Properties, names: readonly string[], field: string): void {
  for (const name of names) {
    if (properties[name] === undefined) continue
    throw invalidValue(`${field}.${name}`, 'is part of the identity and cannot be changed', properties[name])
  }
}

// ---- destinations

const DESTINATION_CONFIG = ['forwarding', 'weight', 'upperThreshold', 'lowerThreshold', 'tunnel'] as const
const DESTINATION_READ_ONLY = [
  'family',
  'activeConnections',
  'inactiveConnections',
  'persistentConnections',
  'stats',
] as const
const DESTINATION_INPUT = ['address', 'port', ...DESTINATION_CONFIG]
const DESTINATION_NOT_CHANGED = ['address', 'port', ...DESTINATION_READ_ONLY]

/** Other properties are allowed, as for services. */
export function checkDestinationKey(value: unknown, field = 'destination'): NormalizedDestinationKey {
  const properties = checkObject(value, field)
  const address = checkAddress(properties.address, `${field}.address`)
  const port = checkInteger(properties.port, `${field}.port`, 0, 65535)
  checkFamilyAgrees(properties.family, address.family, field)
  return { address, port, family: address.family, key: { address: formatPacked(address), port } }
}

function checkTunnel(value: unknown, field: string): NormalizedTunnel | undefined {
  if (value === undefined) return undefined
  const { type, port, checksum } = checkProperties(value, field, ['type', 'port', 'checksum'])
  const number = checkName(type, `${field}.type`, TUNNEL_TYPES)
  const flags = checksum === undefined ? 0 : checkName(checksum, `${field}.checksum`, TUNNEL_FLAGS)
  if (flags === TUNNEL_FLAGS.remote && number !== TUNNEL_TYPES.gue) {
    throw invalidValue(`${field}.checksum`, "can be 'remote' with type 'gue' only", checksum)
  }
  if (flags !== 0 && number === TUNNEL_TYPES.ipip) {
    throw invalidValue(
      `${field}.checksum`,
      "must be 'none' with type 'ipip', which has no checksum",
      checksum,
    )
  }
  if (number === TUNNEL_TYPES.gue)
    return { type: number, port: checkInteger(port, `${field}.port`, 1, 65535), flags }
  if (port !== undefined) throw invalidValue(`${field}.port`, "is for type 'gue' only", port)
  return { type: number, port: 0, flags }
}

/** The named configuration properties; `tunnel: undefined` counts as named. */
function readDestinationConfig(properties: Properties, field: string): Partial<NormalizedDestinationConfig> {
  const config: Mutable<NormalizedDestinationConfig> = {}
  if (properties.forwarding !== undefined) {
    config.forwarding = checkName(properties.forwarding, `${field}.forwarding`, FORWARDING_METHODS)
  }
  for (const name of ['weight', 'upperThreshold', 'lowerThreshold'] as const) {
    if (properties[name] !== undefined)
      config[name] = checkInteger(properties[name], `${field}.${name}`, 0, INT_MAX)
  }
  if ('tunnel' in properties) config.tunnel = checkTunnel(properties.tunnel, `${field}.tunnel`)
  return config
}

/** What only holds or fails when all properties are known. */
function checkDestinationConfig(
  config: NormalizedDestinationConfig,
  destination: NormalizedDestinationKey,
  service: NormalizedServiceKey,
  field: string,
): NormalizedDestinationConfig {
  const { forwarding, upperThreshold, lowerThreshold, tunnel } = config
  // The kernel says ERANGE, also for a lower threshold without an upper one (ip_vs_ctl.c:ip_vs_add_dest).
  if (lowerThreshold > upperThreshold) {
    throw outOfRange(`${field}.lowerThreshold`, `<= upperThreshold (${upperThreshold})`, lowerThreshold)
  }
  if (tunnel && forwarding !== FORWARDING_METHODS.tunnel) {
    throw invalidValue(`${field}.tunnel`, "is for forwarding 'tunnel' only", tunnel)
  }
  // ip_vs_ctl.c:ip_vs_genl_set_cmd of mainline; older kernels take the family of the service for granted.
  if (destination.family !== service.family && forwarding !== FORWARDING_METHODS.tunnel) {
    throw invalidValue(
      `${field}.address`,
      `must be of the service's family, ${familyName(service.family)} (or forwarding 'tunnel')`,
      destination.key.address,
    )
  }
  return config
}

/** A destination to add or to set; what is left out has its default, `forwarding` has none. */
export function checkDestinationInput(
  value: unknown,
  service: NormalizedServiceKey,
  field = 'destination',
): { readonly destination: NormalizedDestinationKey; readonly config: NormalizedDestinationConfig } {
  const properties = checkProperties(value, field, DESTINATION_INPUT, DESTINATION_READ_ONLY)
  const destination = checkDestinationKey(properties, field)
  const named = readDestinationConfig(properties, field)
  if (named.forwarding === undefined) {
    throw invalidValue(`${field}.forwarding`, 'must be named: it has no default', properties.forwarding)
  }
  const config: NormalizedDestinationConfig = {
    forwarding: named.forwarding,
    weight: named.weight ?? 1,
    upperThreshold: named.upperThreshold ?? 0,
    lowerThreshold: named.lowerThreshold ?? 0,
    tunnel: named.tunnel,
  }
  return { destination, config: checkDestinationConfig(config, destination, service, field) }
}

/**
 * The named properties of an update; `tunnel: undefined` goes back to plain IP-in-IP. See `mergeDestination`.
 */
export function checkDestinationChange(
  value: unknown,
  field = 'change',
): Partial<NormalizedDestinationConfig> {
  const properties = checkProperties(value, field, DESTINATION_CONFIG, DESTINATION_NOT_CHANGED)
  refuseIdentity(properties, ['address', 'port'], field)
  return readDestinationConfig(properties, field)
}

/** The configuration after an update. A tunnel goes when the forwarding method that it belonged to goes. */
export function mergeDestination(
  current: NormalizedDestinationConfig,
  change: Partial<NormalizedDestinationConfig>,
  destination: NormalizedDestinationKey,
  service: NormalizedServiceKey,
  field = 'change',
): NormalizedDestinationConfig {
  const merged = { ...current, ...change }
  const dropped = !('tunnel' in change) && merged.forwarding !== FORWARDING_METHODS.tunnel
  return checkDestinationConfig(
    dropped ? { ...merged, tunnel: undefined } : merged,
    destination,
    service,
    field,
  )
}

// ---- local addresses

/**
 * A local address for the service. The kernel checks nothing (ip_vs_ctl.c:ip_vs_new_laddr): with 0.0.0.0,
 * multicast or broadcast every connection would be lost.
 */
export function checkLocalAddress(
  value: unknown,
  service: NormalizedServiceKey,
  field = 'localAddress',
): NormalizedLocalAddress {
  const address = checkAddress(value, field)
  if (address.family !== service.family) {
    throw invalidValue(field, `must be of the service's family, ${familyName(service.family)}`, value)
  }
  const kind = addressKind(address)
  if (kind !== 'unicast') throw invalidValue(field, `must be an address of this machine, not ${kind}`, value)
  return { address, text: formatPacked(address) }
}

export function checkLocalAddresses(
  value: unknown,
  service: NormalizedServiceKey,
  field = 'localAddresses',
): NormalizedLocalAddress[] {
  if (!Array.isArray(value)) throw invalidType(field, 'Array', value)
  const seen = new Set<string>()
  return Array.from(value as unknown[], (item, i) => {
    const local = checkLocalAddress(item, service, `${field}[${i}]`)
    if (seen.has(local.text)) throw invalidValue(`${field}[${i}]`, 'must not be named twice', item)
    seen.add(local.text)
    return local
  })
}

// ---- daemons and timeouts

export interface NormalizedDaemon {
  readonly state: 1 | 2
  readonly interface: string
  readonly syncId: number
  readonly syncMaxLength: number | undefined
  readonly multicastGroup: PackedAddress | undefined
  readonly multicastPort: number | undefined
  readonly multicastTtl: number | undefined
}

export function checkDaemonState(value: unknown, field = 'state'): 1 | 2 {
  return checkName(value, field, DAEMON_STATES)
}

export function checkDaemonInput(value: unknown, field = 'daemon'): NormalizedDaemon {
  const known = [
    'state',
    'interface',
    'syncId',
    'syncMaxLength',
    'multicastGroup',
    'multicastPort',
    'multicastTtl',
  ]
  const properties = checkProperties(value, field, known)
  const name = checkString(properties.interface, `${field}.interface`)
  // net/core/dev.c:dev_valid_name; 2.6.32 reads past an unterminated name.
  if (!/^[^\s/:\0]+$/.test(name) || name === '.' || name === '..' || Buffer.byteLength(name) > 15) {
    throw invalidValue(`${field}.interface`, 'must be the name of a network interface, 1 to 15 bytes', name)
  }
  const optional = (property: string, max: number) =>
    properties[property] === undefined
      ? undefined
      : checkInteger(properties[property], `${field}.${property}`, 1, max)
  const group = properties.multicastGroup
  const multicastGroup = group === undefined ? undefined : checkAddress(group, `${field}.multicastGroup`)
  if (multicastGroup && addressKind(multicastGroup) !== 'multicast') {
    throw invalidValue(`${field}.multicastGroup`, 'must be a multicast address', group)
  }
  return {
    state: checkDaemonState(properties.state, `${field}.state`),
    interface: name,
    syncId: properties.syncId === undefined ? 0 : checkInteger(properties.syncId, `${field}.syncId`, 0, 255),
    syncMaxLength: optional('syncMaxLength', 65535),
    multicastGroup,
    multicastPort: optional('multicastPort', 65535),
    multicastTtl: optional('multicastTtl', 255),
  }
}

/**
 * Any of the three. 0 is refused: the kernel reads it as "leave as it is" (ip_vs_ctl.c:ip_vs_set_timeout).
 */
export function checkTimeouts(
  value: unknown,
  field = 'timeouts',
): { readonly tcp?: number; readonly tcpFin?: number; readonly udp?: number } {
  const names = ['tcp', 'tcpFin', 'udp'] as const
  const properties = checkProperties(value, field, names)
  const timeouts: { tcp?: number; tcpFin?: number; udp?: number } = {}
  for (const name of names) {
    const seconds = properties[name]
    if (seconds === undefined) continue
    if (seconds === 0) {
      const range = `>= 1 && <= ${SECONDS_MAX} (leave it out to keep it: the kernel takes 0 for that)`
      throw outOfRange(`${field}.${name}`, range, seconds)
    }
    timeouts[name] = checkInteger(seconds, `${field}.${name}`, 1, SECONDS_MAX)
  }
  return timeouts
}

// ---- options

export interface NormalizedCallOptions {
  readonly signal: AbortSignal | undefined
  /** Milliseconds. */
  readonly timeout: number | undefined
}

/** By its shape: Node 10 has no AbortSignal, and people bring their own. */
function checkSignal(value: unknown, field: string): AbortSignal | undefined {
  if (value === undefined) return undefined
  const signal = value as { aborted?: unknown; addEventListener?: unknown } | null
  const shaped = typeof signal === 'object' && signal !== null && typeof signal.aborted === 'boolean'
  if (!shaped || typeof signal.addEventListener !== 'function') throw invalidType(field, 'AbortSignal', value)
  return value as AbortSignal
}

export function checkCallOptions(value: unknown, field = 'options'): NormalizedCallOptions {
  if (value === undefined) return { signal: undefined, timeout: undefined }
  const { signal, timeout } = checkProperties(value, field, ['signal', 'timeout'])
  return {
    signal: checkSignal(signal, `${field}.signal`),
    timeout: timeout === undefined ? undefined : checkInteger(timeout, `${field}.timeout`, 1, INT_MAX),
  }
}

export interface NormalizedOpenOptions {
  readonly transport: 'auto' | TransportKind | Transport
  /** A path; undefined for the caller's own namespace. */
  readonly netns: string | undefined
  /** Milliseconds. */
  readonly timeout: number
  readonly signal: AbortSignal | undefined
  readonly loadModule: boolean
  readonly force: boolean
}

const DEFAULT_TIMEOUT = 5000
const OPEN_OPTIONS = ['transport', 'netns', 'timeout', 'signal', 'loadModule', 'force']
const TRANSPORTS = { auto: 'auto', netlink: 'netlink', sockopt: 'sockopt' } as const

function checkTransport(value: unknown, field: string): NormalizedOpenOptions['transport'] {
  if (value === undefined) return 'auto'
  if (typeof value === 'string') return checkName(value, field, TRANSPORTS)
  const transport = checkObject(value, field)
  if (typeof transport.run !== 'function') throw invalidType(`${field}.run`, 'function', transport.run)
  return value as Transport
}

/** A name as `ip netns` makes it, a path, or the number of a process that is in the namespace. */
function checkNetns(value: unknown, field: string): string | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number') return `/proc/${checkInteger(value, field, 1, INT_MAX)}/ns/net`
  if (typeof value !== 'string') throw invalidType(field, 'string or number', value)
  if (value === '' || value === '.' || value === '..' || value.includes('\0')) {
    throw invalidValue(field, 'must be a name under /run/netns, a path or a process id', value)
  }
  return value.includes('/') ? value : `/run/netns/${value}`
}

export function checkOpenOptions(value: unknown, field = 'options'): NormalizedOpenOptions {
  const properties = value === undefined ? {} : checkProperties(value, field, OPEN_OPTIONS)
  const { transport, netns, timeout, signal, loadModule, force } = properties
  return {
    transport: checkTransport(transport, `${field}.transport`),
    netns: checkNetns(netns, `${field}.netns`),
    timeout: timeout === undefined ? DEFAULT_TIMEOUT : checkInteger(timeout, `${field}.timeout`, 1, INT_MAX),
    signal: checkSignal(signal, `${field}.signal`),
    loadModule: loadModule === undefined ? false : checkBoolean(loadModule, `${field}.loadModule`),
    force: force === undefined ? false : checkBoolean(force, `${field}.force`),
  }
}
