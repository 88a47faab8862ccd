/** The event loop between two pieces of long work. */

/** Not that of a test that mocks timers: no time is waited for. */
const immediately = setImmediate

/** Resolves when timers and what has arrived had their turn. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => immediately(resolve))

/** Less than a millisecond's worth of comparing. */
const ROWS_PER_TURN = 250

/** Long work over rows, in pieces: the event loop turns in between. */
export class Pieces {
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

/** Work that yields where a piece of it ends. */
export type InPieces<T> = Generator<undefined, T>

/** All of it at once. */
export function inOneGo<T>(work: InPieces<T>): T {
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
  }
}

/** The event loop turns between the pieces; what the first has read was read when this was called. */
export async function inPieces<T>(work: InPieces<T>): Promise<T> {
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
    await nextTurn()
  }
}
