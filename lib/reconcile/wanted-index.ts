/** The wanted destinations of one service, by those that are there. */

import type { DestinationKey } from '../model/types'
import { DestinationIndex } from './destination-index'
import type { WantedDestination } from './wanted-types'

export class WantedIndex {
  private readonly index: DestinationIndex<WantedDestination>
  /** So many were found from the first one on; which others were, once one was that is not the next. */
  private found = 0
  private others: Uint8Array | undefined

  constructor(private readonly wanted: readonly WantedDestination[]) {
    this.index = new DestinationIndex(wanted)
  }

  /** The one that is wanted under this key. */
  find(key: DestinationKey): WantedDestination | undefined {
    const at = this.index.indexOf(key)
    if (at < 0) return undefined
    if (at === this.found) this.found++
    else {
      this.others ??= new Uint8Array(this.wanted.length)
      this.others[at] = 1
    }
    return this.wanted[at]
  }

  forEachMissing(take: (wanted: WantedDestination) => void): void {
    const { wanted, others } = this
    for (let i = this.found; i < wanted.length; i++) {
      if (others?.[i] !== 1) take(wanted[i] as WantedDestination)
    }
  }
}
