/** Options of a call. */

import { invalidType } from '../errors/argument-errors'
import { checkProperties, PropertyNames } from './properties'
import { checkInteger, INT_MAX } from './values'

export interface NormalizedCallOptions {
  readonly signal: AbortSignal | undefined
  /** Milliseconds. */
  readonly timeout: number | undefined
}

/** By its shape: Node 10 has no AbortSignal, and people bring their own. */
export function checkSignal(value: unknown, field: string): AbortSignal | undefined {
  if (value === undefined) return undefined
  const signal = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  const { aborted, addEventListener, removeEventListener } = signal
  const shaped = typeof addEventListener === 'function' && typeof removeEventListener === 'function'
  if (!shaped || typeof aborted !== 'boolean') throw invalidType(field, 'AbortSignal', value)
  return value as AbortSignal
}

const CALL_OPTIONS = new PropertyNames(['signal', 'timeout'])

export function checkCallOptions(value: unknown, field = 'options'): NormalizedCallOptions {
  if (value === undefined) return { signal: undefined, timeout: undefined }
  const { signal, timeout } = checkProperties(value, field, CALL_OPTIONS)
  return {
    signal: checkSignal(signal, `${field}.signal`),
    timeout: timeout === undefined ? undefined : checkInteger(timeout, `${field}.timeout`, 0, INT_MAX),
  }
}
