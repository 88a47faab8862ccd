/** The wanted destinations of one service, by those that are there. */

import { destinationKeyId } from '../model/keys'
import type { DestinationInfo, DestinationKey } from '../model/types'
import type { WantedDestination } from './wanted'

const isSame = (one: DestinationKey | undefined, { address, port }: DestinationKey): boolean =>
  one !== undefined && one.port === port && one.address === address

export class WantedIndex {
  /** Of each, whether it was found; undefined while all before `last` were, one after the other. */
  private seen: Uint8Array | undefined
  private last = -1
  private byId: ReadonlyMap<string, number> | undefined

  constructor(private readonly wanted: readonly WantedDestination[]) {}

  /**
   * The one that is wanted under this key. FULLNAT kernels and mainline list the newest first (ip_vs_ctl.c:ip_vs_add_dest), so
   * most lists have the order of the desired state or its reverse: neighbours are looked at before an index is made.
   */
  find(info: DestinationInfo): WantedDestination | undefined {
    const { wanted, last } = this
    const next = wanted[last + 1]
    if (this.seen === undefined && isSame(next, info)) {
      this.last = last + 1
      return next
    }
    return this.findAnywhere(info)
  }

  forEachMissing(take: (wanted: WantedDestination) => void): void {
    const { wanted, seen } = this
    for (let i = seen ? 0 : this.last + 1; i < wanted.length; i++) {
      if (seen?.[i] !== 1) take(wanted[i] as WantedDestination)
    }
  }

  private findAnywhere(info: DestinationInfo): WantedDestination | undefined {
    const { wanted, last } = this
    this.seen ??= new Uint8Array(wanted.length).fill(1, 0, last + 1)
    const at = this.indexOf(info)
    if (at === undefined) return undefined
    this.last = at
    this.seen[at] = 1
    return wanted[at]
  }

  private indexOf(info: DestinationInfo): number | undefined {
    const { wanted, last } = this
    const before = last < 0 ? wanted.length - 1 : last - 1
    if (isSame(wanted[before], info)) return before
    if (isSame(wanted[last + 1], info)) return last + 1
    this.byId ??= new Map(wanted.map((one, i) => [destinationKeyId(one), i] as const))
    return this.byId.get(destinationKeyId(info))
  }
}
