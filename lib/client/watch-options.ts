/** Options of `watch()`. */

import { invalidType, outOfRange } from '../errors/argument-errors'
import { checkBoolean, checkCallOptions, checkProperties, PropertyNames } from '../input'
import { checkInteger, INT_MAX } from '../input/values'

export interface NormalizedWatchOptions {
  /** Milliseconds. */
  readonly interval: number
  readonly jitter: number
  readonly connections: boolean
  readonly stopOnError: boolean
  readonly signal: AbortSignal | undefined
  /** Milliseconds; undefined for that of the client. */
  readonly timeout: number | undefined
}

const OPTIONS = new PropertyNames(['interval', 'jitter', 'connections', 'stopOnError', 'signal', 'timeout'])
const JITTER = 0.1
const JITTER_MAX = 0.5

function checkJitter(value: unknown, field: string): number {
  if (value === undefined) return JITTER
  if (typeof value !== 'number') throw invalidType(field, 'number', value)
  // NaN is neither.
  if (!(value >= 0 && value <= JITTER_MAX)) throw outOfRange(field, `>= 0 && <= ${JITTER_MAX}`, value)
  return value
}

export function checkWatchOptions(value: unknown): NormalizedWatchOptions {
  const { interval, jitter, connections, stopOnError, signal, timeout } = checkProperties(
    value,
    'options',
    OPTIONS,
  )
  const flag = (one: unknown, field: string) => one !== undefined && checkBoolean(one, field)
  return {
    interval: checkInteger(interval, 'options.interval', 1, INT_MAX),
    jitter: checkJitter(jitter, 'options.jitter'),
    connections: flag(connections, 'options.connections'),
    stopOnError: flag(stopOnError, 'options.stopOnError'),
    ...checkCallOptions({ signal, timeout }),
  }
}
