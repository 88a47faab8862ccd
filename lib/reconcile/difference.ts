/** Whether an object is as it is wanted, as far as a kernel can tell, and what differs. No object is made where nothing does. */

import type { Capabilities } from '../kernel/capabilities'
import { sameForwarding } from '../kernel/rules'
import { FORWARDING_METHODS } from '../model/numbers'
import type {
  DestinationConfig,
  DestinationInfo,
  Persistence,
  ServiceConfig,
  ServiceInfo,
  Tunnel,
  TunnelInfo,
} from '../model/types'

/** A property with what it is and what it should be, in words. */
export interface Difference {
  readonly name: string
  readonly from: string
  readonly to: string
}

const words = (value: unknown): string => {
  if (value === undefined || value === null) return 'none'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(',')
  if (typeof value !== 'object') return String(value)
  return Object.keys(value)
    .filter((name) => (value as Record<string, unknown>)[name] !== undefined)
    .map((name) => `${name} ${(value as Record<string, unknown>)[name]}`)
    .join(' ')
}

const sameTunnel = (wanted: Tunnel | null | undefined, current: TunnelInfo | undefined): boolean => {
  const [a, b] = [wanted ?? PLAIN, current ?? PLAIN]
  return (
    a.type === b.type && (a.port ?? 0) === (b.port ?? 0) && (a.checksum ?? 'none') === (b.checksum ?? 'none')
  )
}
/** Nothing named is IP-in-IP, which mainline reports as type 0. */
const PLAIN: Tunnel = { type: 'ipip' }

/** `weight` is what is wanted now: 0 where it drains. `held`: `config` is what a kernel reported. */
export function sameDestination(
  { dialect }: Capabilities,
  config: DestinationConfig,
  weight: number,
  current: DestinationInfo,
  held = false,
): boolean {
  return (
    current.weight === weight &&
    sameMethod(dialect, config, current, held) &&
    current.upperThreshold === (config.upperThreshold ?? 0) &&
    current.lowerThreshold === (config.lowerThreshold ?? 0) &&
    (current.forwarding !== 'tunnel' || sameTunnel(config.tunnel, current.tunnel))
  )
}

function sameMethod(
  dialect: Capabilities['dialect'],
  { forwarding }: DestinationConfig,
  current: DestinationInfo,
  held: boolean,
): boolean {
  if (forwarding === current.forwarding) return true
  // What was reported had become 'local' already, if it does; for IPv6 sending it again can leak a route (abi.md §11-11).
  if (held && current.family === 'ipv4') return false
  return (
    typeof current.forwarding === 'string' &&
    sameForwarding(dialect, FORWARDING_METHODS[forwarding], FORWARDING_METHODS[current.forwarding])
  )
}

export function destinationDifferences(
  { dialect }: Capabilities,
  config: DestinationConfig,
  weight: number,
  current: DestinationInfo,
  held = false,
): Difference[] {
  const found: Difference[] = []
  const compare = (name: string, same: boolean, from: unknown, to: unknown) => {
    if (!same) found.push({ name, from: words(from), to: words(to) })
  }
  compare('forwarding', sameMethod(dialect, config, current, held), current.forwarding, config.forwarding)
  compare('weight', current.weight === weight, current.weight, weight)
  for (const name of ['upperThreshold', 'lowerThreshold'] as const) {
    compare(name, current[name] === (config[name] ?? 0), current[name], config[name] ?? 0)
  }
  const tunnelled = current.forwarding === 'tunnel' && config.forwarding === 'tunnel'
  compare(
    'tunnel',
    !tunnelled || sameTunnel(config.tunnel, current.tunnel),
    current.tunnel,
    config.tunnel ?? PLAIN,
  )
  return found
}

function samePersistence(
  wanted: Persistence | null | undefined,
  current: Persistence | undefined,
  family: ServiceInfo['family'],
): boolean {
  if (!wanted || !current) return !wanted && !current
  const whole = family === 'ipv6' ? 128 : '255.255.255.255'
  return (
    wanted.timeout === current.timeout &&
    (wanted.netmask ?? whole) === (current.netmask ?? whole) &&
    wanted.engine === current.engine
  )
}

/** One that is named twice is one bit. */
const sameNames = (one: readonly string[] = [], other: readonly string[] = []): boolean =>
  one.every((name) => other.includes(name)) && other.every((name) => one.includes(name))

/** What of a service this kernel keeps: the rest is refused before, or nothing to compare. */
export function serviceDifferences(
  capabilities: Capabilities,
  config: ServiceConfig,
  current: ServiceInfo,
): Difference[] {
  const found: Difference[] = []
  const compare = (name: string, same: boolean, from: unknown, to: unknown) => {
    if (!same) found.push({ name, from: words(from), to: words(to) })
  }
  const scheduler = config.scheduler ?? 'wlc'
  compare('scheduler', scheduler === current.scheduler, current.scheduler, scheduler)
  const kept = samePersistence(config.persistence, current.persistence, current.family)
  compare('persistence', kept, current.persistence, config.persistence)
  compare(
    'onePacket',
    (config.onePacket ?? false) === current.onePacket,
    current.onePacket,
    config.onePacket ?? false,
  )
  if (capabilities.synproxy) {
    compare(
      'synproxy',
      (config.synproxy ?? false) === current.synproxy,
      current.synproxy,
      config.synproxy ?? false,
    )
  }
  if (capabilities.schedulerFlags) {
    const same = sameNames(config.schedulerFlags, current.schedulerFlags)
    compare('schedulerFlags', same, current.schedulerFlags, config.schedulerFlags ?? [])
  }
  const seconds = config.establishedTimeout
  compare(
    'establishedTimeout',
    seconds === undefined || seconds === current.establishedTimeout,
    current.establishedTimeout,
    seconds,
  )
  return found
}

/** The configuration alone, of what is listed or wanted. */
export const destinationConfigOf = ({
  forwarding,
  weight,
  upperThreshold,
  lowerThreshold,
  tunnel,
}: Pick<DestinationInfo, keyof DestinationConfig>) =>
  ({ forwarding, weight, upperThreshold, lowerThreshold, tunnel }) as DestinationConfig

export function serviceConfigOf(info: ServiceInfo): ServiceConfig {
  const { scheduler, schedulerFlags, persistence, onePacket, synproxy, establishedTimeout } = info
  return {
    scheduler,
    schedulerFlags,
    persistence: persistence ?? null,
    onePacket,
    synproxy,
    establishedTimeout,
  }
}
