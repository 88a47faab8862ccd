/** Errors for wrong arguments, in the words and with the codes of Node's own. */

import { inspect } from 'util'

/** What a `TypeError` or `RangeError` for a wrong argument has besides. Nothing was sent. */
export interface ArgumentError extends Error {
  readonly code: 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE' | 'ERR_OUT_OF_RANGE'
  /** Path of what was wrong, `'destination.port'`. */
  readonly field: string
}

function argumentError<E extends Error>(
  error: E,
  code: ArgumentError['code'],
  field: string,
): E & ArgumentError {
  return Object.assign(error, { code, field })
}

const kind = (field: string) => (/[.[]/.test(field) ? 'property' : 'argument')

function shown(value: unknown): string {
  const text = inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY })
  return text.length > 128 ? `${text.slice(0, 125)}...` : text
}

function received(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  if (typeof value === 'function') return `function ${value.name}`
  return typeof value === 'object' ? shown(value) : `type ${typeof value} (${shown(value)})`
}

/** `expected` is a type: `'string'`, `'object'`. */
export function invalidType(field: string, expected: string, value: unknown): TypeError & ArgumentError {
  const message = `The "${field}" ${kind(field)} must be of type ${expected}. Received ${received(value)}`
  return argumentError(new TypeError(message), 'ERR_INVALID_ARG_TYPE', field)
}

/** `reason` continues the sentence: `'must be an IPv4 address'`. */
export function invalidValue(field: string, reason: string, value: unknown): TypeError & ArgumentError {
  const message = `The ${kind(field)} '${field}' ${reason}. Received ${shown(value)}`
  return argumentError(new TypeError(message), 'ERR_INVALID_ARG_VALUE', field)
}

/** `range` continues "It must be": `'>= 0 && <= 65535'`, `'an integer'`. */
export function outOfRange(field: string, range: string, value: unknown): RangeError & ArgumentError {
  const message = `The value of "${field}" is out of range. It must be ${range}. Received ${shown(value)}`
  return argumentError(new RangeError(message), 'ERR_OUT_OF_RANGE', field)
}
