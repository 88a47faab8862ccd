/** Programs the Linux kernel's layer-4 load balancer (IPVS), FULLNAT included. */

export type {
  CpuState,
  InterfaceFileName,
  KernelFile,
  KernelFileName,
  KernelFiles,
  MachineFileName,
  MachineFiles,
  Transport,
} from './border/transport'
export type { BatchOperation, BatchOutcome, BatchValues } from './client/batch'
export { Batch } from './client/batch'
export type { Connections } from './client/connections'
export type { Daemons } from './client/daemons'
export type { Destinations } from './client/destinations'
export { Ipvs } from './client/ipvs'
export type { LocalAddresses } from './client/local-addresses'
export type { OpenOptions } from './client/open-options'
export type { Services } from './client/services'
export type { LocalAddressChanges } from './client/set-local-addresses'
export type { SnapshotOptions } from './client/snapshot'
export type { SysctlMethods } from './client/sysctl'
export type { TimeoutChanges, TimeoutMethods } from './client/timeouts'
export type { ArgumentError } from './errors/argument-errors'
export type { IpvsErrorCode, IpvsErrorDetails } from './errors/ipvs-error'
export { IpvsError, IpvsErrorCodes } from './errors/ipvs-error'
export type { Capabilities } from './kernel/capabilities'
export type { DialectEvidence } from './kernel/detect'
export type { LocalAddressCoverage } from './kernel/local-address-coverage'
export type { SysctlName, SysctlValueOf } from './kernel/sysctls'
export * from './model/activity'
export * from './model/call-types'
export type {
  ConnectionCountBy,
  ConnectionCountOptions,
  ConnectionFilter,
  ConnectionOptions,
  EndpointFilter,
} from './model/connection-filter'
export { fromJson, toJson } from './model/json'
export { formatDestinationKey, formatServiceKey, parseDestinationKey, parseServiceKey } from './model/keys'
export * from './model/machine'
export * from './model/observed'
export * from './model/sysctls'
export * from './model/types'
export * from './model/watch-types'
