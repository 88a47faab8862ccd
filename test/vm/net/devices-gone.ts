/** The devices of a lab go with its namespaces, a while later: the next test makes others of the same names. */

import { readFileSync } from 'node:fs'
import { until } from './until'

export const devicesGone = () =>
  until(
    'the devices have gone',
    () => readFileSync('/proc/net/dev', 'utf8'),
    (names) => !names.includes('veth'),
  )
