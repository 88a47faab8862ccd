/** What stays when health says that everything is down: then it is the check that is broken, more often than not. */

import { destinationKeyId } from '../model/keys'
import type { DestinationInfo } from '../model/types'
import type { WantedDestination } from './wanted-types'

const takesConnections = ({ state, weight }: WantedDestination): boolean => state === 'on' && weight > 0

/**
 * Those that stay as they are. Nothing is remembered: those that health took down one after the other are
 * gone already, and what the kernel still sends connections to is the last set that worked.
 */
export function lastWorking(
  wanted: readonly WantedDestination[],
  current: readonly DestinationInfo[],
): ReadonlySet<WantedDestination> {
  if (wanted.some(takesConnections)) return new Set()
  const down = wanted.filter(({ state, reason }) => state !== 'on' && reason === 'health')
  const taking = new Set(current.filter(({ weight }) => weight !== 0).map(destinationKeyId))
  return new Set(down.filter((destination) => taking.has(destinationKeyId(destination))))
}
