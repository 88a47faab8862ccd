/** What a scrape reads: every part at once, and none of them can spoil the others. */

import { IpvsError } from '../errors/ipvs-error'
import type { ExtendedStatistics, TrafficStatistics } from '../model/observed'
import type { Info, Snapshot } from '../model/types'
import type { MetricsSource } from './source'

export type Part = 'snapshot' | 'info' | 'statistics' | 'extended_statistics' | 'scrape'

export interface PartFailure {
  readonly part: Part
  readonly code: string
}

export interface Reading {
  readonly snapshot: Snapshot | undefined
  readonly info: Info | undefined
  readonly statistics: TrafficStatistics | undefined
  readonly extended: ExtendedStatistics | undefined
  readonly failures: readonly PartFailure[]
}

/** A closed client has nothing more to say, ever. */
const isClosed = (error: unknown): boolean => error instanceof IpvsError && error.code === 'ERR_IPVS_CLOSED'

/** Codes of others are not taken: a label must not have values without end. */
export const codeOf = (error: unknown): string => (error instanceof IpvsError ? error.code : 'other')

async function read(source: MetricsSource, timeout: number): Promise<Reading> {
  const failures: PartFailure[] = []
  const attempt = async <T>(part: Part, start: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await start()
    } catch (error) {
      if (isClosed(error)) throw error
      failures.push({ part, code: codeOf(error) })
      return undefined
    }
  }
  const limits = { timeout }
  // In one tick: what goes over the sockets shares a trip.
  const [snapshot, info, statistics, extended] = await Promise.all([
    attempt('snapshot', () => source.snapshot(limits)),
    attempt('info', () => source.info(limits)),
    attempt('statistics', () => source.stats(limits)),
    attempt('extended_statistics', () => source.extendedStats(limits)),
  ])
  return { snapshot, info, statistics, extended, failures }
}

interface Running {
  readonly reading: Promise<Reading>
  /** Milliseconds that its calls wait for the kernel. */
  readonly patience: number
}

/**
 * The reading under way of each client. Whoever scrapes meanwhile takes part in it: a kernel that answers slowly is not asked
 * more often for that.
 */
const running = new WeakMap<MetricsSource, Running>()

/** `timeout` is that of the calls. Who waits longer than a reading under way does not take part: it would be cut short. */
export function sharedReading(source: MetricsSource, timeout: number): Promise<Reading> {
  const patience = timeout === 0 ? Number.POSITIVE_INFINITY : timeout
  const known = running.get(source)
  if (known && known.patience >= patience) return known.reading
  const reading = read(source, timeout)
  const mine: Running = { reading, patience }
  running.set(source, mine)
  const over = () => {
    if (running.get(source) === mine) running.delete(source)
  }
  reading.then(over, over)
  return reading
}
