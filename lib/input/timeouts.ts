/** Connection timeouts. */

import { outOfRange } from '../errors/argument-errors'
import type { NormalizedTimeouts } from '../model/normalized'
import { TIMEOUT_FIELDS } from '../model/records.gen'
import { checkProperties, PropertyNames } from './properties'
import { checkInteger, SECONDS_MAX } from './values'

const TIMEOUT_NAMES = new PropertyNames(TIMEOUT_FIELDS)

/**
 * Any of the three. 0 is refused: the kernel reads it as "leave as it is" (ip_vs_ctl.c:ip_vs_set_timeout).
 */
export function checkTimeouts(value: unknown, field = 'timeouts'): NormalizedTimeouts {
  const properties = checkProperties(value, field, TIMEOUT_NAMES)
  const timeouts: { -readonly [name in keyof NormalizedTimeouts]: NormalizedTimeouts[name] } = {
    tcp: undefined,
    tcpFin: undefined,
    udp: undefined,
  }
  for (const name of TIMEOUT_FIELDS) {
    const seconds = properties[name]
    if (seconds === undefined) continue
    if (seconds === 0) {
      const range = `>= 1 && <= ${SECONDS_MAX} (leave it out to keep it: the kernel takes 0 for that)`
      throw outOfRange(`${field}.${name}`, range, seconds)
    }
    timeouts[name] = checkInteger(seconds, `${field}.${name}`, 1, SECONDS_MAX)
  }
  return timeouts
}
