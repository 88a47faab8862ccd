/**
 * `ipvs-fullnat/testing`: a kernel for the tests of those who use the library. No addon is loaded and no privilege
 * needed; docs/testing.md is the guide.
 */

export type { ErrnoName } from '../kernel/errno'
export { ConnectionRefused, FakeConnection } from './fake-connection'
export type { Attempt } from './fake-kernel'
export { FakeKernel } from './fake-kernel'
export type { FakeTransportOptions } from './fake-transport'
export type { ChunkGap, DumpKind, Fault, FaultOptions, FaultTarget } from './faults/faults'
export type { FakeOperation, FakeRequest } from './faults/request-log'
export type { ConnectionState, Refusal } from './objects/connection-objects'
export type { FakeDialect, FakeKernelOptions, FakeMachine } from './objects/options'
export type { KernelDump } from './state-file/dump-format'
export type { ConnectOptions } from './traffic/arrivals'
export type { TrafficCounts } from './traffic/packets'
