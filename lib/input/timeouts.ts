/** Connection timeouts. */

import { outOfRange } from '../errors/argument-errors'
import { checkProperties, PropertyNames } from './properties'
import { checkInteger, SECONDS_MAX } from './values'

const TIMEOUTS = ['tcp', 'tcpFin', 'udp'] as const
const TIMEOUT_NAMES = new PropertyNames(TIMEOUTS)

/**
 * Any of the three. 0 is refused: the kernel reads it as "leave as it is" (ip_vs_ctl.c:ip_vs_set_timeout).
 */
export function checkTimeouts(
  value: unknown,
  field = 'timeouts',
): { readonly tcp?: number; readonly tcpFin?: number; readonly udp?: number } {
  const properties = checkProperties(value, field, TIMEOUT_NAMES)
  const timeouts: { tcp?: number; tcpFin?: number; udp?: number } = {}
  for (const name of TIMEOUTS) {
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
