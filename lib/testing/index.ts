/**
 * `ipvs-fullnat/testing`: a kernel for the tests of those who use the library. No addon is loaded and no privilege
 * needed; docs/testing.md is the guide.
 */

export type { ConnectOptions } from './arrivals'
export type { ConnectionState, Refusal } from './connection-objects'
export type { KernelDump } from './dump-format'
export type { ErrnoName } from './errno'
export { ConnectionRefused, FakeConnection } from './fake-connection'
export type { Attempt } from './fake-kernel'
export { FakeKernel } from './fake-kernel'
export type { FakeTransportOptions } from './fake-transport'
export type { ChunkGap, DumpKind, Fault, FaultOptions, FaultTarget } from './faults'
export type { FakeDialect, FakeKernelOptions } from './options'
export type { FakeOperation, FakeRequest } from './request-log'
export type { TrafficCounts } from './traffic'
