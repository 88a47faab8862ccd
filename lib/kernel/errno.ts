/** Error numbers of Linux, whatever system this runs on: a fake kernel runs anywhere. */

import { getSystemErrorName } from 'util'

/** Those that IPVS and what lies below it answer (include/asm-generic/errno*.h). */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EMFILE: 24,
  EFBIG: 27,
  EROFS: 30,
  ERANGE: 34,
  EMSGSIZE: 90,
  ENOPROTOOPT: 92,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETUNREACH: 101,
  ENOBUFS: 105,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
} as const

export type ErrnoName = keyof typeof ERRNO

/** Positive; 0 is success. */
export type Errno = number

const NAMES: { readonly [errno: number]: string } = Object.keys(ERRNO).reduce<Record<number, string>>(
  (names, name) => {
    names[ERRNO[name as ErrnoName]] = name
    return names
  },
  {},
)

/**
 * `'EEXIST'` for 17; numbers without a name come out as `'ERRNO_4095'`. Node's own table comes second: it is that of the
 * system it runs on, and calls 95 ENOTSUP.
 */
export function errnoName(errno: number): string {
  const known = NAMES[errno]
  if (known) return known
  const name = errno > 0 && process.platform === 'linux' ? getSystemErrorName(-errno) : ''
  return /^E[A-Z0-9]+$/.test(name) ? name : `ERRNO_${errno}`
}
