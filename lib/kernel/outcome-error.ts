/** Outcome records as errors. */

import { outcomeFlags, Syscall } from '../border/layout.gen'
import type { ErrorSubject, IpvsError } from '../errors/ipvs-error'
import { ownError } from '../errors/ipvs-error'
import type { Dialect } from '../model/call-types'
import type { OutcomeRecord } from '../model/records.gen'
import { errnoName } from './errno'
import { kernelError } from './errno-meanings'

const SYSCALLS: Readonly<Record<number, string>> = {
  [Syscall.socket]: 'socket',
  [Syscall.bind]: 'bind',
  [Syscall.sendmsg]: 'sendmsg',
  [Syscall.recvmsg]: 'recvmsg',
  [Syscall.setsockopt]: 'setsockopt',
  [Syscall.getsockopt]: 'getsockopt',
  [Syscall.open]: 'open',
  [Syscall.setns]: 'setns',
  [Syscall.poll]: 'poll',
}

export const syscallName = (syscall: number): string | undefined => SYSCALLS[syscall]

/** Of an outcome with an errno. */
export function outcomeError(
  outcome: OutcomeRecord,
  operation: string,
  subject: ErrorSubject,
  dialect: Dialect,
  kernelMessage?: string,
): IpvsError {
  const has = (flag: number) => (outcome.flags & flag) !== 0
  const sent = has(outcomeFlags.sent)
  const syscall = syscallName(outcome.syscall)
  const details = { operation, subject, syscall, sent, errno: -outcome.error, kernelMessage }
  if (has(outcomeFlags.timedOut)) return ownError('ERR_IPVS_TIMEOUT', details)
  if (has(outcomeFlags.unknown)) {
    const description = `sent, but the answer was lost (${errnoName(outcome.error)})`
    return ownError('ERR_IPVS_OUTCOME_UNKNOWN', { ...details, description })
  }
  if (has(outcomeFlags.malformed)) return ownError('ERR_IPVS_MALFORMED_REPLY', details)
  if (has(outcomeFlags.familyChanged)) return ownError('ERR_IPVS_NOT_LOADED', details)
  if (has(outcomeFlags.unencodable)) return ownError('ERR_IPVS_UNSUPPORTED', details)
  return kernelError({ errno: outcome.error, syscall, operation, subject, dialect, sent, kernelMessage })
}
