/** All checks of a director that can be spoken to. */

import type { Check } from '../facts'
import { checkCounters } from './counters'
import { checkLocalAddresses } from './local-addresses'
import { checkLocalPorts } from './local-ports'
import { checkMachine } from './machine'
import { checkServices } from './services'
import { checkSettings } from './settings'
import { checkVirtualAddresses } from './virtual-addresses'

export const CHECKS: readonly Check[] = [
  checkServices,
  checkLocalAddresses,
  checkLocalPorts,
  checkVirtualAddresses,
  checkMachine,
  checkSettings,
  checkCounters,
]
