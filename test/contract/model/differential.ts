// The same operations on two kernels; the first difference is an error.

import type { Operation, Side } from './operations'
import { perform, stateOf, succeeded } from './operations'

export interface Counts {
  operations: number
  succeeded: number
}

/** The first line that differs, with both sides. */
function difference(real: readonly string[], fake: readonly string[]): string | undefined {
  for (let i = 0; i < Math.max(real.length, fake.length); i++) {
    if (real[i] !== fake[i]) return `${i}:\n  real ${real[i] ?? 'nothing'}\n  fake ${fake[i] ?? 'nothing'}`
  }
  return undefined
}

/** Both tables are empty and both have the same timeouts. */
export async function compare(
  real: Side,
  fake: Side,
  operations: readonly Operation[],
  sorted: boolean,
  counts: Counts,
): Promise<void> {
  for (const [index, operation] of operations.entries()) {
    const wanted = await perform(real, operation, sorted)
    counts.operations += wanted.length
    counts.succeeded += wanted.filter(succeeded).length
    const found = difference(wanted, await perform(fake, operation, sorted))
    if (found) throw new Error(`operation ${index} (${JSON.stringify(operation)}), result ${found}`)
  }
  const found = difference(await stateOf(real, sorted), await stateOf(fake, sorted))
  if (found) throw new Error(`final state, line ${found}`)
}
