/** The event loop between two pieces of long work. */

/** Not that of a test that mocks timers: no time is waited for. */
const immediately = setImmediate

/** Resolves when timers and what has arrived had their turn. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => immediately(resolve))
