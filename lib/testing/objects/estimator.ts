/** The rates of mainline: ip_vs_est.c, a running average that is updated every two seconds. */

import type { Counters } from './counters'
import { COUNTERS, newCounters } from './counters'

/** Fixed point, as the kernel keeps it: counts times 1024, bytes times 32. */
export interface Estimator {
  readonly last: Counters
  readonly average: Counters
}

/** Milliseconds between two updates (ip_vs_est.c:estimation_timer). */
export const ESTIMATION_PERIOD = 2000

const isBytes = (field: string) => field === 'inBytes' || field === 'outBytes'

export function newEstimator(): Estimator {
  return { last: newCounters(), average: newCounters() }
}

/** One tick; true while the averages still move. */
export function estimate({ last, average }: Estimator, now: Counters): boolean {
  let moved = false
  for (const field of COUNTERS) {
    const rate = (now[field] - last[field]) << (isBytes(field) ? BigInt(4) : BigInt(9))
    const next = average[field] + ((rate - average[field]) >> BigInt(2))
    moved = moved || next !== average[field]
    average[field] = next
    last[field] = now[field]
  }
  return moved
}

export function ratesOf({ average }: Estimator): Counters {
  const rates = newCounters()
  for (const field of COUNTERS) {
    rates[field] = isBytes(field)
      ? (average[field] + BigInt(0xf)) >> BigInt(5)
      : (average[field] + BigInt(0x1ff)) >> BigInt(10)
  }
  return rates
}
