/** Errors of the kernel's files: as a transport rejects with them (those of Node's `fs`), and as callers get them. */

import type { Explanation } from '../errors/ipvs-error'
import { IpvsError } from '../errors/ipvs-error'
import type { Dialect } from '../model/call-types'
import type { Errno } from './errno'
import { errnoName } from './errno'

export interface FileError extends Error {
  /** `'ENOENT'` */
  readonly code: string
  /** Negative. */
  readonly errno: number
  readonly syscall: string
  readonly path: string
}

export function fileError(errno: Errno, syscall: string, path: string): FileError {
  const code = errnoName(errno)
  const error = new Error(`${code}: ${syscall} '${path}'`)
  return Object.assign(error, { code, errno: -errno, syscall, path })
}

export const PROC_NET = '/proc/net'
export const PROC_SYSCTL = '/proc/sys/net/ipv4/vs'

/** What to do on fullnat-v3. */
export const NO_CONNECTION_LIST =
  'Nothing lists its connections: the counters of destinations and of local addresses say how many there are.'

interface FileFailure {
  readonly operation: string
  readonly dialect: Dialect
  /** What was tried. */
  readonly access: 'read' | 'write'
  readonly path: string
}

const hasNoConnections = ({ dialect, path }: FileFailure): boolean =>
  dialect === 'fullnat-v3' && /^\/proc\/net\/ip_vs(_conn(_sync)?)?$/.test(path)

function explain(code: string, failure: FileFailure): Explanation {
  const { access, path } = failure
  switch (code) {
    case 'ENOENT':
      if (hasNoConnections(failure)) {
        return [`fullnat-v3 has no ${path}`, NO_CONNECTION_LIST]
      }
      return [
        `this kernel has no ${path}, or hides it`,
        'ip_vs may be unloaded, older or newer, or /proc may be masked (containers do it).',
      ]
    case 'EACCES':
    case 'EPERM':
      return [
        `not permitted to ${access} ${path}`,
        access === 'write'
          ? 'Sysctls of IPVS want root, or CAP_NET_ADMIN in the user namespace that owns the network namespace.'
          : 'The file is readable for everybody: a security module or a masked /proc is in the way.',
      ]
    case 'EROFS':
      return [
        `${path} is on a read-only file system`,
        'Containers mount /proc/sys so unless they are privileged.',
      ]
    default:
      return [`cannot ${access} ${path}`]
  }
}

/** What the caller gets; `cause` is what a transport rejected with. An error without an errno is passed on as it is. */
export function fileProblem(cause: unknown, failure: FileFailure): unknown {
  const { code, errno, syscall } = cause as Partial<FileError>
  if (typeof errno !== 'number' || code === undefined) return cause
  const { operation, path } = failure
  const [description, hint] = explain(code, failure)
  return new IpvsError({
    code: code === 'ENOENT' ? 'ERR_IPVS_UNSUPPORTED' : code,
    errno,
    syscall,
    description,
    hint,
    operation,
    file: path,
    cause,
  })
}
