/** Milliseconds that only go forward. */

import { performance as ofNode } from 'perf_hooks'

/**
 * The global one where there is one (Node 16), looked up at each call: it is what timers that are mocked in a test go by,
 * so that they can expire a call. Node 10 has no `globalThis`.
 */
export function now(): number {
  const { performance } = global as { readonly performance?: { now(): number } }
  return performance ? performance.now() : ofNode.now()
}
