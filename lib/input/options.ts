/** Options of a call, and of opening a client. */

import type { Transport } from '../border/transport'
import { invalidType, invalidValue } from '../errors/argument-errors'
import type { TransportKind } from '../model/types'
import { checkProperties, PropertyNames } from './properties'
import { checkBoolean, checkInteger, checkName, checkObject, INT_MAX } from './values'

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

const CALL_OPTIONS = new PropertyNames(['signal', 'timeout'])

export function checkCallOptions(value: unknown, field = 'options'): NormalizedCallOptions {
  if (value === undefined) return { signal: undefined, timeout: undefined }
  const { signal, timeout } = checkProperties(value, field, CALL_OPTIONS)
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
const OPEN_OPTIONS = new PropertyNames(['transport', 'netns', 'timeout', 'signal', 'loadModule', 'force'])
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
