/** How a client is opened. */

import type { Transport } from '../border/transport'
import { invalidType, invalidValue } from '../errors/argument-errors'
import { checkSignal } from '../input/call-options'
import { checkProperties, PropertyNames } from '../input/properties'
import { checkBoolean, checkInteger, checkName, checkObject, INT_MAX } from '../input/values'
import type { TransportKind } from '../model/call-types'

/** Options of `Ipvs.open`, each with its default. */
export interface OpenOptions {
  /**
   * `'auto'` (default) takes generic netlink, and sockopt only where there is no netlink family to take; a family that cannot
   * be looked up for another reason, such as a lack of file descriptors, makes opening fail. An object is a transport of
   * your own, such as that of a fake kernel: netlink or sockopt is chosen in the same way, by what its probe finds.
   */
  readonly transport?: 'auto' | TransportKind | Transport | undefined
  /** Network namespace (mainline): a name under /run/netns, a path, or the id of a process in it. */
  readonly netns?: string | number | undefined
  /**
   * For each call that names none: milliseconds that the kernel may be silent (see `CallOptions`), 0 for no limit. Opening
   * itself may take so long for each of its steps. Default 5000.
   */
  readonly timeout?: number | undefined
  /** Ends opening with `ABORT_ERR`; an open client does not heed it. Default none. */
  readonly signal?: AbortSignal | undefined
  /** Run `modprobe ip_vs` where it is not loaded. Default false: nothing is ever loaded. */
  readonly loadModule?: boolean | undefined
  /** Write to kernels that are not known, and start sync daemons on FULLNAT kernels. Default false. */
  readonly force?: boolean | undefined
  /**
   * Open without CAP_NET_ADMIN, too: `connections`, `stats()` and others that read files work as far as those are readable,
   * every call that asks the kernel itself rejects with `EPERM`. Default false: opening rejects with `EPERM`.
   */
  readonly unprivileged?: boolean | undefined
  /**
   * The addon itself, where it cannot be found beside the JavaScript, such as in a bundle: what
   * `require('ipvs-fullnat/linux-x64')` gives (or `linux-x64-musl`, `linux-arm64`, `linux-arm64-musl`), of the same version
   * of the package. Not with a transport of your own. Default: the one that the package has for this machine.
   */
  readonly addon?: object | undefined
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
  readonly unprivileged: boolean
  readonly addon: object | undefined
}

const DEFAULT_TIMEOUT = 5000
const OPEN_OPTIONS = new PropertyNames([
  'transport',
  'netns',
  'timeout',
  'signal',
  'loadModule',
  'force',
  'unprivileged',
  'addon',
])
const TRANSPORTS = { auto: 'auto', netlink: 'netlink', sockopt: 'sockopt' } as const

function checkTransport(value: unknown, field: string): NormalizedOpenOptions['transport'] {
  if (value === undefined) return 'auto'
  if (typeof value === 'string') return checkName(value, field, TRANSPORTS)
  const transport = checkObject(value, field)
  if (typeof transport.run !== 'function') throw invalidType(`${field}.run`, 'function', transport.run)
  return value as Transport
}

function checkAddon(value: unknown, field: string, transport: unknown): object | undefined {
  if (value === undefined) return undefined
  const addon = checkObject(value, field)
  if (typeof transport === 'object')
    throw invalidValue(field, 'does not go with a transport of your own', value)
  if (typeof addon.Connection !== 'function' || typeof addon.layoutHash !== 'number') {
    throw invalidValue(field, "must be what require('ipvs-fullnat/linux-x64') gives", value)
  }
  return addon
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
  const { transport, netns, timeout, signal, loadModule, force, unprivileged, addon } = properties
  return {
    transport: checkTransport(transport, `${field}.transport`),
    netns: checkNetns(netns, `${field}.netns`),
    timeout: timeout === undefined ? DEFAULT_TIMEOUT : checkInteger(timeout, `${field}.timeout`, 0, INT_MAX),
    signal: checkSignal(signal, `${field}.signal`),
    loadModule: loadModule === undefined ? false : checkBoolean(loadModule, `${field}.loadModule`),
    force: force === undefined ? false : checkBoolean(force, `${field}.force`),
    unprivileged: unprivileged === undefined ? false : checkBoolean(unprivileged, `${field}.unprivileged`),
    addon: checkAddon(addon, `${field}.addon`, transport),
  }
}
