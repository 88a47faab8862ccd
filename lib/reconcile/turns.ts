/** Long work in pieces: the event loop turns in between. */

import { nextTurn } from '../model/turn'

/** About a millisecond's worth of comparing. */
const ROWS_PER_TURN = 1000

export class Turns {
  private left = ROWS_PER_TURN

  /** True where others are to have their turn: an `await` for each row would cost more than the row. */
  isDue(rows = 1): boolean {
    this.left -= rows
    if (this.left > 0) return false
    this.left = ROWS_PER_TURN
    return true
  }

  next(): Promise<void> {
    return nextTurn()
  }
}
