/** Where a destination stands in a list. */

import { destinationKeyId } from '../model/keys'
import type { DestinationKey } from '../model/types'

const isSame = (one: DestinationKey | undefined, { address, port }: DestinationKey): boolean =>
  one !== undefined && one.port === port && one.address === address

/**
 * FULLNAT kernels and mainline list the newest first (ip_vs_ctl.c:ip_vs_add_dest), so most lists have the order in which one asks, or
 * its reverse: neighbours of the last one are looked at before a table of ids is made.
 */
export class DestinationIndex<T extends DestinationKey> {
  private last = -1
  private byId: ReadonlyMap<string, number> | undefined

  constructor(private readonly list: readonly T[]) {}

  /** -1 where it is not there. */
  indexOf(key: DestinationKey): number {
    const { list, last } = this
    const before = last < 0 ? list.length - 1 : last - 1
    if (isSame(list[last + 1], key)) this.last = last + 1
    else if (isSame(list[before], key)) this.last = before
    else return this.lookUp(key)
    return this.last
  }

  private lookUp(key: DestinationKey): number {
    this.byId ??= new Map(this.list.map((one, i) => [destinationKeyId(one), i] as const))
    const at = this.byId.get(destinationKeyId(key)) ?? -1
    if (at >= 0) this.last = at
    return at
  }
}
