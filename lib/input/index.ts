/** What callers pass in, checked before anything is sent and turned into plain numbers. */

export type { NormalizedCallOptions } from './call-options'
export { checkCallOptions } from './call-options'
export { checkDaemonInput, checkDaemonState } from './daemons'
export { checkDesiredDestination, checkDesiredService, checkLocalAddressDrain, checkTime } from './desired'
export {
  checkDestinationChange,
  checkDestinationInput,
  checkDestinationKey,
  mergeDestination,
} from './destinations'
export {
  checkLocalAddress,
  checkLocalAddresses,
  checkLocalAddressInput,
  checkLocalAddressKey,
} from './local-addresses'
export { asListed, checkProperties, isListed, PropertyNames } from './properties'
export { checkServiceChange, checkServiceInput, checkServiceKey, mergeService } from './services'
export { checkTimeouts } from './timeouts'
export { checkBoolean, checkObject } from './values'
