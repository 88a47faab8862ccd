/** What the reconcile asks of a client; `Ipvs` satisfies it, and so does a double. */

import type { Capabilities } from '../kernel/capabilities'
import type { CallOptions } from '../model/call-types'
import type { SysctlInfo, SysctlValue } from '../model/sysctls'
import type {
  DaemonInfo,
  DaemonInput,
  DaemonState,
  DestinationInfo,
  DestinationInput,
  DestinationKey,
  LocalAddressInfo,
  LocalAddressInput,
  ServiceInfo,
  ServiceInput,
  ServiceKey,
  Snapshot,
  SnapshotWithoutStats,
  Timeouts,
} from '../model/types'

/** What is put into a batch. */
export interface ReconcileBatch {
  readonly services: {
    add(service: ServiceInput): void
    set(service: ServiceInput): void
    remove(service: ServiceKey): void
  }
  readonly destinations: {
    add(service: ServiceKey, destination: DestinationInput): void
    set(service: ServiceKey, destination: DestinationInput): void
    remove(service: ServiceKey, destination: DestinationKey): void
  }
  readonly localAddresses: {
    add(service: ServiceKey, address: LocalAddressInput): void
    remove(service: ServiceKey, address: string): void
  }
}

/** What a batch says of one operation. */
export type StepResult =
  | { readonly status: 'fulfilled' }
  | { readonly status: 'rejected'; readonly error: unknown }

/** What `plan` asks of a client; `Ipvs` satisfies it. */
export interface ReconcileReader {
  readonly capabilities: Capabilities
  /** It is asked for without counters; nothing of a reconcile looks at them, whoever sends them all the same. */
  snapshot(
    options?: CallOptions & {
      readonly consistent?: boolean | undefined
      readonly stats?: boolean | undefined
    },
  ): Promise<Snapshot | SnapshotWithoutStats>
  readonly timeouts: { get(options?: CallOptions): Promise<Timeouts> }
  readonly daemons: { list(options?: CallOptions): Promise<DaemonInfo[]> }
  /** Settings that decide about drains and ports; where there are none, plans do not warn of them. */
  readonly sysctl?: SysctlGetter | undefined
  readonly localAddresses?: LocalAddressReader
}

/** What a plan asks about CPUs. */
export interface LocalAddressReader {
  /** For warnings on fullnat-v3; undefined where it cannot be told. */
  cpus?(): Promise<{ readonly cpus: number; readonly reserveCore: number } | undefined>
}

/** What `apply` asks of a client; `Ipvs` satisfies it. */
export interface ReconcileClient extends ReconcileReader {
  readonly services: { get(service: ServiceKey, options?: CallOptions): Promise<ServiceInfo | undefined> }
  readonly destinations: { list(service: ServiceKey, options?: CallOptions): Promise<DestinationInfo[]> }
  readonly localAddresses: LocalAddressReader & {
    list(service: ServiceKey, options?: CallOptions): Promise<LocalAddressInfo[]>
  }
  batch(build: (batch: ReconcileBatch) => void, options?: CallOptions): Promise<readonly StepResult[]>
  readonly timeouts: {
    get(options?: CallOptions): Promise<Timeouts>
    set(
      timeouts: { readonly [name in keyof Timeouts]?: number | undefined },
      options?: CallOptions,
    ): Promise<unknown>
  }
  readonly daemons: {
    list(options?: CallOptions): Promise<DaemonInfo[]>
    start(daemon: DaemonInput, options?: CallOptions): Promise<unknown>
    stop(state: DaemonState, options?: CallOptions): Promise<unknown>
  }
  /** For plans of a restored state. */
  readonly sysctl?: SysctlWriter | undefined
}

/** One sysctl by its name; `ipvs.sysctl` satisfies it. */
export interface SysctlGetter {
  get(name: string, options?: CallOptions): Promise<{ readonly value: unknown }>
}

/** All sysctls; `ipvs.sysctl` satisfies it. */
export interface SysctlReader extends SysctlGetter {
  list(options?: CallOptions): Promise<SysctlInfo[]>
}

/** Sysctls that can be set; `ipvs.sysctl` satisfies it. */
export interface SysctlWriter extends SysctlReader {
  set(name: string, value: SysctlValue, options?: CallOptions): Promise<unknown>
}
