/** The errors of the library, and what the kernel's error numbers mean for each operation. */

import { getSystemErrorName, inspect } from 'util'
import { formatDestinationKey, formatServiceKey } from './keys'
import type { DestinationKey, Dialect, ServiceKey } from './types'

/** Codes that are ours; an error of the kernel has the name of its errno (`'EEXIST'`). */
export const IpvsErrorCodes = {
  /** This kernel (or transport) cannot do it; nothing was sent, or the kernel said so. */
  UNSUPPORTED: 'ERR_IPVS_UNSUPPORTED',
  /** Sent, and the answer was lost: it may or may not have been done. */
  OUTCOME_UNKNOWN: 'ERR_IPVS_OUTCOME_UNKNOWN',
  /** No answer within `timeout`; `sent` says whether the kernel may have seen it. */
  TIMEOUT: 'ERR_IPVS_TIMEOUT',
  /** The client was closed. */
  CLOSED: 'ERR_IPVS_CLOSED',
  /** The kernel module ip_vs is not loaded. */
  NOT_LOADED: 'ERR_IPVS_NOT_LOADED',
  /** FULLNAT kernels have one IPVS, in the initial network namespace. */
  NAMESPACE: 'ERR_IPVS_NAMESPACE',
  /** The kernel is none of the known ones; writes need `force`. */
  UNKNOWN_DIALECT: 'ERR_IPVS_UNKNOWN_DIALECT',
  MALFORMED_REPLY: 'ERR_IPVS_MALFORMED_REPLY',
  /** The native addon cannot be loaded here. */
  ADDON: 'ERR_IPVS_ADDON',
  /** `reserve_core` leaves no CPU for local addresses (fullnat-v3). */
  RESERVE_CORE: 'ERR_IPVS_RESERVE_CORE',
  /** ip_vs was unloaded or loaded again since the client was opened. */
  MODULE_CHANGED: 'ERR_IPVS_MODULE_CHANGED',
  /** Cancelled through `signal`; the error's name is `'AbortError'`. */
  ABORT: 'ABORT_ERR',
} as const

export type IpvsErrorCode = (typeof IpvsErrorCodes)[keyof typeof IpvsErrorCodes]

/** What an operation was about. */
export interface ErrorSubject {
  readonly service?: ServiceKey | undefined
  readonly destination?: DestinationKey | undefined
  readonly localAddress?: string | undefined
}

export interface IpvsErrorDetails {
  readonly code: IpvsErrorCode | (string & {})
  /** Plain words, without the code and without the subject. */
  readonly description: string
  /** Negative, as in Node's own errors. */
  readonly errno?: number | undefined
  readonly syscall?: string | undefined
  /** `'services.add'`. */
  readonly operation?: string | undefined
  readonly subject?: ErrorSubject | undefined
  /** Default false. */
  readonly sent?: boolean | undefined
  readonly hint?: string | undefined
  readonly cause?: unknown
}

function describeSubject({ service, destination, localAddress }: ErrorSubject): string {
  let text = service ? ` ${formatServiceKey(service)}` : ''
  if (destination) text += ` -> ${formatDestinationKey(destination)}`
  if (localAddress !== undefined) text += ` via ${localAddress}`
  return text
}

/**
 * Every failure that is not a wrong argument: `EEXIST: service already exists, services.add tcp
 * 192.0.2.1:80`.
 */
export class IpvsError extends Error {
  readonly code: IpvsErrorCode | (string & {})
  /** The kernel's error number, negative; undefined for errors of our own. */
  readonly errno: number | undefined
  /** The system call that failed, `'sendmsg'` for instance. */
  readonly syscall: string | undefined
  /** The method that failed, `'services.add'`. */
  readonly operation: string | undefined
  readonly service: ServiceKey | undefined
  readonly destination: DestinationKey | undefined
  readonly localAddress: string | undefined
  /** True when the kernel may have seen the request, and so may have done it. */
  readonly sent: boolean
  /** One sentence on what to do. */
  readonly hint: string | undefined
  declare readonly cause?: unknown

  constructor(details: IpvsErrorDetails) {
    const subject = details.subject ?? {}
    const about = details.operation
      ? `, ${details.operation}${describeSubject(subject)}`
      : describeSubject(subject)
    super(`${details.code}: ${details.description}${about}`)
    // Not enumerable, like the name of every built-in error.
    const hidden = { configurable: true, writable: true, enumerable: false }
    const name = details.code === IpvsErrorCodes.ABORT ? 'AbortError' : 'IpvsError'
    Object.defineProperty(this, 'name', { ...hidden, value: name })
    // Error's own `cause` option came with Node 16.9.
    if (details.cause !== undefined) Object.defineProperty(this, 'cause', { ...hidden, value: details.cause })
    this.code = details.code
    this.errno = details.errno
    this.syscall = details.syscall
    this.operation = details.operation
    this.service = subject.service
    this.destination = subject.destination
    this.localAddress = subject.localAddress
    this.sent = details.sent ?? false
    this.hint = details.hint
  }

  toJSON(): Record<string, unknown> {
    const { name, message, code, errno, syscall, operation, service, destination, localAddress, sent, hint } =
      this
    const cause = this.cause instanceof Error ? this.cause.message : this.cause
    return {
      name,
      message,
      code,
      errno,
      syscall,
      operation,
      service,
      destination,
      localAddress,
      sent,
      hint,
      cause: cause === undefined ? undefined : String(cause),
    }
  }
}

type Explanation = readonly [description: string, hint?: string]

const OWN: Readonly<Record<IpvsErrorCode, Explanation>> = {
  ERR_IPVS_UNSUPPORTED: [
    'not supported by this kernel',
    'See ipvs.capabilities for what this kernel can do.',
  ],
  ERR_IPVS_OUTCOME_UNKNOWN: [
    'sent, but the answer was lost',
    'It may or may not have been done: read the state again before repeating it.',
  ],
  ERR_IPVS_TIMEOUT: [
    'no answer in time',
    'Raise timeout, or find what holds the kernel; if sent is true, read the state before repeating it.',
  ],
  ERR_IPVS_CLOSED: ['the client is closed', 'Open a new one with Ipvs.open().'],
  ERR_IPVS_NOT_LOADED: [
    'the kernel module ip_vs is not loaded',
    'Load it (modprobe ip_vs), or open with { loadModule: true }.',
  ],
  ERR_IPVS_NAMESPACE: [
    'this kernel has IPVS in the initial network namespace only',
    'Run this process in the initial network namespace; 2.6.32 has no setns() to get there.',
  ],
  ERR_IPVS_UNKNOWN_DIALECT: [
    'this kernel is none of the known ones, so nothing is written to it',
    'Report what ipvs.capabilities says; { force: true } at Ipvs.open() writes all the same.',
  ],
  ERR_IPVS_MALFORMED_REPLY: [
    'the answer of the kernel cannot be read',
    'Please report it with the kernel version.',
  ],
  ERR_IPVS_ADDON: [
    'the native addon cannot be loaded',
    'Build it with npm rebuild ipvs-fullnat on Linux x64 or arm64.',
  ],
  ERR_IPVS_RESERVE_CORE: [
    'reserve_core leaves no CPU for local addresses',
    'Set /proc/sys/net/ipv4/vs/reserve_core below the number of online CPUs.',
  ],
  ERR_IPVS_MODULE_CHANGED: [
    'ip_vs was unloaded or loaded again since the client was opened',
    'Open a new client: the rules in the kernel are gone, and it may be another kernel module.',
  ],
  ABORT_ERR: ['the operation was aborted'],
}

/** An error with one of our codes; description and hint default to those of the code. */
export function ownError(
  code: IpvsErrorCode,
  details: Partial<Omit<IpvsErrorDetails, 'code'>> = {},
): IpvsError {
  const [description, hint] = OWN[code]
  return new IpvsError({ description, hint, ...details, code })
}

/**
 * Linux errno that IPVS answers. Node's own table is that of the system it runs on, and a fake kernel runs
 * anywhere; it also calls 95 ENOTSUP.
 */
const ERRNO: Readonly<Record<number, string>> = {
  1: 'EPERM',
  2: 'ENOENT',
  3: 'ESRCH',
  4: 'EINTR',
  5: 'EIO',
  9: 'EBADF',
  11: 'EAGAIN',
  12: 'ENOMEM',
  13: 'EACCES',
  14: 'EFAULT',
  16: 'EBUSY',
  17: 'EEXIST',
  19: 'ENODEV',
  22: 'EINVAL',
  24: 'EMFILE',
  34: 'ERANGE',
  90: 'EMSGSIZE',
  92: 'ENOPROTOOPT',
  93: 'EPROTONOSUPPORT',
  95: 'EOPNOTSUPP',
  97: 'EAFNOSUPPORT',
  98: 'EADDRINUSE',
  99: 'EADDRNOTAVAIL',
  101: 'ENETUNREACH',
  105: 'ENOBUFS',
  110: 'ETIMEDOUT',
  111: 'ECONNREFUSED',
}

/** `'EEXIST'` for 17. Numbers without a name come out as `'ERRNO_4095'`. */
export function errnoName(errno: number): string {
  const known = ERRNO[errno]
  if (known) return known
  const name = errno > 0 && process.platform === 'linux' ? getSystemErrorName(-errno) : ''
  return /^E[A-Z0-9]+$/.test(name) ? name : `ERRNO_${errno}`
}

const NO_SERVICE: Explanation = [
  'no such service',
  'Add the service first, or check its protocol, address and port.',
]
const NO_SCHEDULER: Explanation = [
  'no such scheduler or persistence engine',
  'Check the name; the module ip_vs_<name> must be built for this kernel.',
]
const NO_COMMAND: Explanation = [
  'this kernel has no such command',
  'See ipvs.capabilities; over sockopt it can also mean that ip_vs is not loaded.',
]
const CHANGED_ADDRESS: Explanation = [
  'destination address is neither local nor unicast',
  'Use an address of a host; 0.0.0.0/8, multicast and broadcast are refused (ip_vs_ctl.c:ip_vs_new_dest).',
]

/**
 * What an errno means (ip_vs_ctl.c:ip_vs_genl_set_cmd, do_ip_vs_set_ctl): looked for under the operation,
 * then under the part of its name before the dot, then under ''.
 */
const MEANINGS: Readonly<Record<string, Readonly<Record<string, Explanation>>>> = {
  '': {
    EPERM: [
      'not permitted',
      'CAP_NET_ADMIN is needed in the user namespace that owns the network namespace, for reading too.',
    ],
    EACCES: ['access denied', 'A security module (SELinux, AppArmor, seccomp) may be in the way.'],
    EINTR: ['interrupted by a signal, nothing was done', 'Repeat the call.'],
    EAGAIN: ['the answer did not fit the receive buffer', 'Repeat the call.'],
    EBUSY: ['the kernel is busy with another dump on this socket', 'Repeat the call.'],
    ENOMEM: [
      'the kernel is out of memory',
      'fullnat-v3 keeps a copy of every service for every possible CPU.',
    ],
    ENOBUFS: ['answers of the kernel were lost', 'Read the state again before repeating the call.'],
    EMSGSIZE: ['the message is too large', 'Raise net.core.wmem_max, and please report it.'],
    EINVAL: [
      'the kernel refused the arguments',
      'Please report it: the library should have refused them first.',
    ],
    EFAULT: [
      'the kernel could not take the arguments',
      'Over sockopt only TCP and UDP services are accepted.',
    ],
    ERANGE: ['a number is out of range', 'Check the numbers against the documentation of the method.'],
    ENOENT: ['no such object', 'Read the state again: another program may have changed it.'],
    ESRCH: NO_SERVICE,
    EOPNOTSUPP: NO_COMMAND,
    ENOPROTOOPT: NO_COMMAND,
    EPROTONOSUPPORT: ['this kernel has no generic netlink', "Open with { transport: 'sockopt' }."],
    EAFNOSUPPORT: [
      'the kernel lacks this address family',
      'IPv6 services need CONFIG_IP_VS_IPV6 and IPv6 enabled.',
    ],
    ECONNREFUSED: ['nobody answers on this netlink socket', 'Check that the kernel has generic netlink.'],
    EMFILE: ['too many open files', 'Raise the limit of open files (ulimit -n), or close clients.'],
    ETIMEDOUT: ['no answer in time', 'Read the state again before repeating the call.'],
  },
  services: {
    EEXIST: ['service already exists', 'Use services.set() to replace it, or services.ensure().'],
    ENOENT: NO_SCHEDULER,
    EINVAL: [
      'the kernel refused the service',
      'Check scheduler, its flags and the netmask: the scheduler could not be set up with them.',
    ],
  },
  destinations: {
    EEXIST: ['destination already exists', 'Use destinations.set() to replace it, or destinations.ensure().'],
    ENOENT: ['no such destination', 'Use destinations.add() first, or destinations.ensure().'],
    ERANGE: [
      'weight or thresholds out of range',
      'Weight 0–2147483647, lowerThreshold at most upperThreshold.',
    ],
    EINVAL: ['the kernel refused the destination', 'Check forwarding, tunnel and thresholds.'],
  },
  'destinations.add': { EINVAL: CHANGED_ADDRESS },
  'destinations.ensure': { EINVAL: CHANGED_ADDRESS },
  localAddresses: {
    EEXIST: [
      'the service already has this local address',
      'Use localAddresses.ensure() or localAddresses.set().',
    ],
    ENOENT: ['the service has no such local address', 'List them with localAddresses.list().'],
  },
  daemons: {
    EEXIST: ['a daemon of this state already runs', 'Stop it first with daemons.stop().'],
    ESRCH: ['no daemon of this state runs', 'See daemons.list().'],
    ENODEV: ['no such network interface', 'Check the name of the interface in this network namespace.'],
    EINVAL: ['the kernel refused the daemon', 'Check its state, interface and multicast group.'],
    EADDRINUSE: ['the multicast address is in use', 'Choose another multicast port or group.'],
    EADDRNOTAVAIL: ['the interface has no address', 'Give the interface an address first.'],
  },
  timeouts: { EINVAL: ['the kernel refused a timeout', 'Each is 1–2147483 seconds.'] },
  open: {
    ENOENT: ['no such network namespace', 'Check the name or path of netns.'],
    EINVAL: ['not a network namespace', 'netns must name a network namespace, such as /run/netns/blue.'],
    EPERM: ['not permitted to enter the network namespace', 'CAP_SYS_ADMIN is needed for netns.'],
  },
}

export interface KernelFailure {
  /** Positive, as it comes over the border. */
  readonly errno: number
  readonly syscall?: string | undefined
  readonly operation: string
  readonly subject?: ErrorSubject | undefined
  readonly dialect: Dialect
  readonly sent: boolean
}

/** The error for an errno of the kernel, in the words of the operation. */
export function kernelError({ errno, dialect, operation, ...rest }: KernelFailure): IpvsError {
  const name = errnoName(errno)
  const details = { ...rest, errno: -errno, operation }
  // ZERO is a stub on fullnat-v3 (ip_vs_ctl.c:ip_vs_zero_all); a lack of privilege is EPERM, never EACCES.
  if (operation === 'zero' && name === 'EACCES' && dialect !== 'mainline') {
    return ownError(IpvsErrorCodes.UNSUPPORTED, {
      ...details,
      description: 'this kernel cannot zero its counters',
      hint: 'Keep the last values and subtract them.',
    })
  }
  const group = operation.slice(0, Math.max(0, operation.indexOf('.'))) || operation
  const [description, hint] = MEANINGS[operation]?.[name] ??
    MEANINGS[group]?.[name] ??
    MEANINGS['']?.[name] ?? [`the kernel answered errno ${errno}`]
  return new IpvsError({ ...details, code: name, description, hint })
}

export interface ArgumentError extends Error {
  readonly code: 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE' | 'ERR_OUT_OF_RANGE'
  /** Path of what was wrong, `'destination.port'`. */
  readonly field: string
}

function argumentError<E extends Error>(
  error: E,
  code: ArgumentError['code'],
  field: string,
): E & ArgumentError {
  return Object.assign(error, { code, field })
}

const kind = (field: string) => (/[.[]/.test(field) ? 'property' : 'argument')

function shown(value: unknown): string {
  const text = inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY })
  return text.length > 128 ? `${text.slice(0, 125)}...` : text
}

function received(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  if (typeof value === 'function') return `function ${value.name}`
  return typeof value === 'object' ? shown(value) : `type ${typeof value} (${shown(value)})`
}

/** `expected` is a type: `'string'`, `'object'`. */
export function invalidType(field: string, expected: string, value: unknown): TypeError & ArgumentError {
  const message = `The "${field}" ${kind(field)} must be of type ${expected}. Received ${received(value)}`
  return argumentError(new TypeError(message), 'ERR_INVALID_ARG_TYPE', field)
}

/** `reason` continues the sentence: `'must be an IPv4 address'`. */
export function invalidValue(field: string, reason: string, value: unknown): TypeError & ArgumentError {
  const message = `The ${kind(field)} '${field}' ${reason}. Received ${shown(value)}`
  return argumentError(new TypeError(message), 'ERR_INVALID_ARG_VALUE', field)
}

/** `range` continues "It must be": `'>= 0 && <= 65535'`, `'an integer'`. */
export function outOfRange(field: string, range: string, value: unknown): RangeError & ArgumentError {
  const message = `The value of "${field}" is out of range. It must be ${range}. Received ${shown(value)}`
  return argumentError(new RangeError(message), 'ERR_OUT_OF_RANGE', field)
}
