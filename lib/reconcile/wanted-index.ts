/** The wanted destinations of one service, by those that are there. */

import { destinationKeyId } from '../model/keys'
import type { DestinationInfo, DestinationKey } from '../model/types'
import type { WantedDestination } from './wanted'

const same = (one: DestinationKey | undefined, other: DestinationKey): boolean =>
  one !== undefined && one.port === other.port && one.address === other.address

export class WantedIndex {
  private readonly seen: Uint8Array
  private last = -1
  private byId: ReadonlyMap<string, number> | undefined

  constructor(private readonly wanted: readonly WantedDestination[]) {
    this.seen = new Uint8Array(wanted.length)
  }

  /**
   * The one that is wanted under this key. FULLNAT kernels and mainline list the newest first (ip_vs_ctl.c:ip_vs_add_dest), so
   * most lists have the order of the desired state or its reverse: neighbours are looked at before an index is made.
   */
  find(info: DestinationInfo): WantedDestination | undefined {
    const at = this.indexOf(info)
    if (at === undefined) return undefined
    this.last = at
    this.seen[at] = 1
    return this.wanted[at]
  }

  forEachMissing(take: (wanted: WantedDestination) => void): void {
    for (const [i, wanted] of this.wanted.entries()) if (this.seen[i] === 0) take(wanted)
  }

  private indexOf(info: DestinationInfo): number | undefined {
    const { wanted, last } = this
    for (const at of [last + 1, last < 0 ? wanted.length - 1 : last - 1]) {
      if (same(wanted[at], info)) return at
    }
    this.byId ??= new Map(wanted.map((one, i) => [destinationKeyId(one), i] as const))
    return this.byId.get(destinationKeyId(info))
  }
}
