/** What stays when health says that everything is down: then it is the check that is broken, more often than not. */

import { destinationKeyId } from '../model/keys'
import type { DestinationInfo } from '../model/types'
import type { WantedDestination } from './wanted'

const takesConnections = ({ state, config }: WantedDestination): boolean =>
  state === 'on' && config.weight > 0

/**
 * Ids of the destinations that stay as they are. Nothing is remembered: those that health took down one after the other are
 * gone already, and what the kernel still sends connections to is the last set that worked.
 */
export function lastWorking(
  wanted: ReadonlyMap<string, WantedDestination>,
  current: readonly DestinationInfo[],
): ReadonlySet<string> {
  const kept = new Set<string>()
  for (const destination of wanted.values()) if (takesConnections(destination)) return kept
  for (const info of current) {
    const id = destinationKeyId(info)
    const destination = wanted.get(id)
    const down = destination !== undefined && destination.state !== 'on' && destination.reason === 'health'
    if (down && info.weight !== 0) kept.add(id)
  }
  return kept
}
