/** Files that a kernel cannot have: said before anything is opened, with what to use instead. */

import { IpvsErrorCodes, ownError } from '../errors/ipvs-error'
import type { Capabilities } from './capabilities'
import { isFullnat } from './capabilities'

/** An unknown kernel is asked. */
export function ruleExtendedStats({ dialect }: Capabilities, operation: string): void {
  if (dialect !== 'mainline') return
  throw ownError(IpvsErrorCodes.UNSUPPORTED, {
    operation,
    description: 'only FULLNAT kernels count these events',
    hint: 'Use ipvs.stats() for all that was forwarded, and the stats of services and destinations.',
  })
}

/** On mainline the file itself tells: newer ones have it. */
export function ruleStatus({ dialect }: Capabilities, operation: string): void {
  if (!isFullnat(dialect)) return
  throw ownError(IpvsErrorCodes.UNSUPPORTED, {
    operation,
    description: 'FULLNAT kernels have tables of a fixed size, and no file about them',
    hint: 'Use ipvs.info() for the size of the connection table.',
  })
}
