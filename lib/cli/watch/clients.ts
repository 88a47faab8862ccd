/** Clients for a Reconciler that lives longer than each of them. */

import type { Ipvs } from '../../client/ipvs'
import type { Director } from '../open-director'

export class Clients {
  private current: Director | undefined
  private fresh = false

  constructor(private readonly open: () => Promise<Director>) {}

  /** Opened now: what is wrong is told at once, and not again and again. */
  async begin(): Promise<Director> {
    this.fresh = true
    this.current = await this.open()
    return this.current
  }

  /** The one that was begun with, then another each time. */
  async next(): Promise<Ipvs> {
    if (!this.fresh) {
      await this.close()
      this.current = await this.open()
    }
    this.fresh = false
    return (this.current as Director).ipvs
  }

  exchange(): void {
    this.current?.exchange()
  }

  async close(): Promise<void> {
    const { current } = this
    this.current = undefined
    if (!current) return
    try {
      current.exchange()
    } finally {
      await current.close()
    }
  }
}
