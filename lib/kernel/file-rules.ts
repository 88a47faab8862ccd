/** Files that a kernel cannot have: said before anything is opened, with what to use instead. */

import { IpvsErrorCodes, ownError } from '../errors/ipvs-error'
import type { Capabilities } from './capabilities'

/** An unknown kernel is asked. */
export function ruleExtendedStats({ dialect }: Capabilities, operation: string): void {
  if (dialect !== 'mainline') return
  throw ownError(IpvsErrorCodes.UNSUPPORTED, {
    operation,
    description: 'only FULLNAT kernels count these events',
    hint: 'Use ipvs.stats() for all that was forwarded, and the stats of services and destinations.',
  })
}
