/** A director as JSON: what `save()` writes and `restore()` reads. Counters, rates and connections are no part of it. */

import type { Dialect } from '../model/call-types'
import type { SysctlValue } from '../model/sysctls'
import type {
  AddressServiceKey,
  DaemonState,
  Family,
  Forwarding,
  Persistence,
  Scheduler,
  SchedulerFlag,
  Timeouts,
  TunnelInfo,
} from '../model/types'

export const SAVED_FORMAT = 'ipvs-fullnat'
export const SAVED_VERSION = 1

/** Dialects that can be saved. */
export type SavedDialect = Exclude<Dialect, 'unknown'>

/** A destination as the kernel held it. */
export interface SavedDestination {
  readonly address: string
  /** 0–65535. */
  readonly port: number
  /** A number where the kernel held a method without a name. */
  readonly forwarding: Forwarding | number
  /** 0 takes no new connections. */
  readonly weight: number
  /** Connections, 0 for no limit. */
  readonly upperThreshold: number
  /** Connections. */
  readonly lowerThreshold: number
  /** With `forwarding: 'tunnel'` on mainline only. */
  readonly tunnel?: TunnelInfo | undefined
}

/** What a saved service does, with all that it has. */
interface SavedServiceConfig {
  readonly scheduler: Scheduler
  readonly schedulerFlags: readonly SchedulerFlag[]
  readonly persistence: Persistence | null
  /** Every UDP packet is scheduled by itself. */
  readonly onePacket: boolean
  /** False where the kernel has no SYNPROXY. */
  readonly synproxy: boolean
  /** Seconds; fullnat-v3 only. */
  readonly establishedTimeout?: number | undefined
  /** In the kernel's order: schedulers that map clients by position go by it. */
  readonly destinations: readonly SavedDestination[]
  /** Empty where the service has none. */
  readonly localAddresses: readonly string[]
}

/** A saved service of a protocol, an address and a port. */
export type SavedAddressService = Omit<AddressServiceKey, 'fwmark'> & SavedServiceConfig
/** A saved service of a firewall mark. */
export interface SavedFwmarkService extends SavedServiceConfig {
  readonly fwmark: number
  readonly family: Family
}

/** A service as the kernel held it, with all that it has. */
export type SavedService = SavedAddressService | SavedFwmarkService

/** A saved sync daemon. */
export interface SavedDaemon {
  readonly state: DaemonState
  readonly interface: string
  /** 0–255. */
  readonly syncId: number
  /** Bytes of a sync message; mainline only, as what follows. */
  readonly syncMaxLength?: number | undefined
  /** An address. */
  readonly multicastGroup?: string | undefined
  /** 1–65535. */
  readonly multicastPort?: number | undefined
  /** 1–255. */
  readonly multicastTtl?: number | undefined
}

/** A director as one document; `savedStateSchema` is its JSON Schema. */
export interface SavedState {
  readonly format: typeof SAVED_FORMAT
  readonly version: typeof SAVED_VERSION
  /** Of the kernel that was saved: what its values mean. */
  readonly dialect: SavedDialect
  /** ISO 8601. */
  readonly savedAt: string
  /** Two reads agreed. False: the table was changed all the time, and something can be missing. */
  readonly consistent: boolean
  readonly services: readonly SavedService[]
  /** Seconds, of all services. Absent: they stay. */
  readonly timeouts?: Timeouts | undefined
  /** Absent: they stay. Empty: there are none. */
  readonly daemons?: readonly SavedDaemon[] | undefined
  /** By name; those that are not named stay. */
  readonly sysctls?: { readonly [name: string]: SysctlValue } | undefined
}
