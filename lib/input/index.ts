/** What callers pass in, checked before anything is sent and turned into plain numbers. */

export type { NormalizedDaemon } from './daemons'
export { checkDaemonInput, checkDaemonState } from './daemons'
export type { NormalizedDestinationConfig, NormalizedTunnel } from './destinations'
export {
  checkDestinationChange,
  checkDestinationInput,
  checkDestinationKey,
  mergeDestination,
  NormalizedDestinationKey,
} from './destinations'
export { checkLocalAddress, checkLocalAddresses, NormalizedLocalAddress } from './local-addresses'
export type { NormalizedCallOptions, NormalizedOpenOptions } from './options'
export { checkCallOptions, checkOpenOptions } from './options'
export type {
  NormalizedAddressService,
  NormalizedFwmarkService,
  NormalizedServiceConfig,
  NormalizedServiceKey,
} from './services'
export { checkServiceChange, checkServiceInput, checkServiceKey } from './services'
export { checkTimeouts } from './timeouts'
export { checkBoolean, checkObject } from './values'
