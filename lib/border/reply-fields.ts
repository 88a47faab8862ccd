/** One reply before it is packed: the fields of each kind of record (native/ipvs/reply.h). */

import type { AddressFamily, PackedAddress } from '../model/address'
import type { OutcomeRecord } from './reply'

export interface CounterFields {
  readonly connections: bigint
  readonly inPackets: bigint
  readonly outPackets: bigint
  readonly inBytes: bigint
  readonly outBytes: bigint
}

export interface StatsFields extends CounterFields {
  /** Undefined where the kernel sends none. */
  readonly rates: CounterFields | undefined
  /** The kernel's counters have 64 bits. */
  readonly wide: boolean
}

interface OfOperation {
  /** Index of the request in its job. */
  readonly operation: number
}

export interface ServiceFields extends OfOperation {
  readonly family: AddressFamily
  readonly fwmark: number | undefined
  /** 0 where the kernel does not send one (fwmark over netlink). */
  readonly protocol: number
  readonly address: PackedAddress | undefined
  readonly port: number
  readonly scheduler: string
  readonly flags: number
  readonly persistenceTimeout: number
  readonly netmask: number
  readonly establishedTimeout: number | undefined
  readonly engine: string | undefined
  readonly destinationCount: number | undefined
  readonly localAddressCount: number | undefined
  readonly stats: StatsFields
}

export interface DestinationFields extends OfOperation {
  /** Ordinal of the service in a snapshot. */
  readonly parent: number
  readonly address: PackedAddress
  readonly port: number
  readonly forwarding: number
  readonly weight: number
  readonly upperThreshold: number
  readonly lowerThreshold: number
  /** Undefined where the kernel does not send it. */
  readonly tunnel: { readonly type: number; readonly port: number; readonly flags: number } | undefined
  /** The kernel sends the family of the destination. */
  readonly named: boolean
  readonly activeConnections: number
  readonly inactiveConnections: number
  readonly persistentConnections: number
  readonly stats: StatsFields
}

export interface LocalAddressFields extends OfOperation {
  readonly parent: number
  readonly address: PackedAddress
  readonly portConflicts: bigint
  readonly connections: number
}

export interface DaemonFields extends OfOperation {
  readonly state: number
  readonly interface: string
  readonly syncId: number
  readonly syncMaxLength: number | undefined
  readonly multicastGroup: PackedAddress | undefined
  readonly multicastPort: number | undefined
  readonly multicastTtl: number | undefined
}

export interface TimeoutsFields extends OfOperation {
  readonly tcp: number
  readonly tcpFin: number
  readonly udp: number
}

export interface InfoFields extends OfOperation {
  readonly version: number
  readonly connectionTableSize: number
  readonly serviceCount: number | undefined
}

export interface ProbeFields extends OfOperation {
  readonly commands: bigint
  readonly netlinkError: number
  readonly familyId: number
  readonly familyVersion: number
  readonly maxAttribute: number
  readonly sockoptVersionError: number
  readonly sockoptLocalAddressError: number
  readonly netlinkSyscall: number
}

/** One reply before it is packed. */
export interface ReplySections {
  readonly outcomes: OutcomeRecord[]
  readonly services: ServiceFields[]
  readonly destinations: DestinationFields[]
  readonly localAddresses: LocalAddressFields[]
  readonly daemons: DaemonFields[]
  readonly timeouts: TimeoutsFields[]
  readonly infos: InfoFields[]
  readonly probes: ProbeFields[]
}

export function emptySections(): ReplySections {
  return {
    outcomes: [],
    services: [],
    destinations: [],
    localAddresses: [],
    daemons: [],
    timeouts: [],
    infos: [],
    probes: [],
  }
}
