/** The errors of the library. */

import { formatDestinationKey, formatServiceKey } from '../model/keys'
import type { DestinationKey, ServiceKey } from '../model/types'

/** Codes that are ours; an error of the kernel has the name of its errno (`'EEXIST'`). */
export const IpvsErrorCodes = {
  /** This kernel (or transport) cannot do it; nothing was sent, or the kernel said so. */
  UNSUPPORTED: 'ERR_IPVS_UNSUPPORTED',
  /** Sent, and the answer was lost: it may or may not have been done. */
  OUTCOME_UNKNOWN: 'ERR_IPVS_OUTCOME_UNKNOWN',
  /** No answer within `timeout`; `sent` says whether the kernel may have seen it. */
  TIMEOUT: 'ERR_IPVS_TIMEOUT',
  /** A call was put into a batch that has been sent. */
  BATCH_OVER: 'ERR_IPVS_BATCH_OVER',
  /** The client was closed. */
  CLOSED: 'ERR_IPVS_CLOSED',
  /** The kernel module ip_vs is not loaded. */
  NOT_LOADED: 'ERR_IPVS_NOT_LOADED',
  /** FULLNAT kernels have one IPVS, in the initial network namespace. */
  NAMESPACE: 'ERR_IPVS_NAMESPACE',
  /** The kernel is none of the known ones; writes need `force`. */
  UNKNOWN_DIALECT: 'ERR_IPVS_UNKNOWN_DIALECT',
  MALFORMED_REPLY: 'ERR_IPVS_MALFORMED_REPLY',
  /** A line of a file of the kernel cannot be read; `file`, `line` and `text` say which. */
  MALFORMED_FILE: 'ERR_IPVS_MALFORMED_FILE',
  /** The native addon cannot be loaded here. */
  ADDON: 'ERR_IPVS_ADDON',
  /** `reserve_core` leaves no CPU for local addresses (fullnat-v3). */
  RESERVE_CORE: 'ERR_IPVS_RESERVE_CORE',
  /** ip_vs was unloaded or loaded again since the client was opened. */
  MODULE_CHANGED: 'ERR_IPVS_MODULE_CHANGED',
  /** The kernel took the value of a sysctl and holds another one. */
  VALUE_NOT_KEPT: 'ERR_IPVS_VALUE_NOT_KEPT',
  /** Cancelled through `signal`; the error's name is `'AbortError'`. */
  ABORT: 'ABORT_ERR',
} as const

/** One of our own codes: docs/errors.md says what to do with each. */
export type IpvsErrorCode = (typeof IpvsErrorCodes)[keyof typeof IpvsErrorCodes]

/** What an operation was about. */
export interface ErrorSubject {
  readonly service?: ServiceKey | undefined
  readonly destination?: DestinationKey | undefined
  readonly localAddress?: string | undefined
}

/** What an `IpvsError` is made from. */
export interface IpvsErrorDetails {
  readonly code: IpvsErrorCode | (string & {})
  /** Plain words, without the code and without the subject. */
  readonly description: string
  /** Negative, as in Node's own errors. */
  readonly errno?: number | undefined
  /** `'sendmsg'`, for instance. */
  readonly syscall?: string | undefined
  /** `'services.add'`. */
  readonly operation?: string | undefined
  readonly subject?: ErrorSubject | undefined
  /** Default false. */
  readonly sent?: boolean | undefined
  /** One sentence on what to do. */
  readonly hint?: string | undefined
  /** What netlink said beside the number. */
  readonly kernelMessage?: string | undefined
  readonly file?: string | undefined
  readonly line?: number | undefined
  /** What stands in that line of `file`. */
  readonly text?: string | undefined
  /** What led to it. */
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
  /** The name of the kernel's error number, `'ESRCH'`, or one of our own, `'ERR_IPVS_TIMEOUT'` (docs/errors.md). */
  readonly code: IpvsErrorCode | (string & {})
  /** The kernel's error number, negative; undefined for errors of our own. */
  readonly errno: number | undefined
  /** The system call that failed, `'sendmsg'` for instance. */
  readonly syscall: string | undefined
  /** The method that failed, `'services.add'`. */
  readonly operation: string | undefined
  /** The service it is about; undefined where it is about none. */
  readonly service: ServiceKey | undefined
  /** The destination it is about. */
  readonly destination: DestinationKey | undefined
  /** The local address it is about. */
  readonly localAddress: string | undefined
  /** True when the kernel may have seen the request, and so may have done it. */
  readonly sent: boolean
  /** One sentence on what to do. */
  readonly hint: string | undefined
  /** What the kernel itself said beside its error number (netlink's extended acknowledgement, Linux 4.12 and newer). */
  readonly kernelMessage: string | undefined
  /** The file it is about, `'/proc/net/ip_vs_conn'` for instance. */
  readonly file: string | undefined
  /** Where in `file`, from 1. */
  readonly line: number | undefined
  /** What stands in that line, its first 200 characters. */
  readonly text: string | undefined
  /** What led to it, where something else was thrown before. */
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
    this.kernelMessage = details.kernelMessage
    this.file = details.file
    this.line = details.line
    this.text = details.text
  }

  /** Every property, for `JSON.stringify`; of the cause its message. */
  toJSON(): Record<string, unknown> {
    const { name, message, code, errno, syscall, operation, service, destination, localAddress, sent } = this
    const { hint, kernelMessage, file, line, text } = this
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
      kernelMessage,
      file,
      line,
      text,
      cause: cause === undefined ? undefined : String(cause),
    }
  }
}

/** What went wrong, and one sentence on what to do. */
export type Explanation = readonly [description: string, hint?: string]

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
  ERR_IPVS_BATCH_OVER: ['the batch is sent already', 'Put everything in before the function returns.'],
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
  ERR_IPVS_MALFORMED_FILE: [
    'a file of the kernel cannot be read',
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
  ERR_IPVS_VALUE_NOT_KEPT: [
    'the kernel holds another value than was written',
    'It put back what it had, or somebody else wrote in between: read it again.',
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
