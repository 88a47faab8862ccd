/** What a configuration comes out as. */

import type { DesiredState } from '../../model/desired-state'
import type { DestinationKey, Forwarding, ServiceKey, Tunnel } from '../../model/types'
import type { IpvsTextError } from '../text/problems'

/** Where in a text something stands. */
export interface TextPlace {
  /** Name of the file, undefined where the caller gave none. */
  readonly file: string | undefined
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units. */
  readonly column: number
}

/** A keyword that was read and has no part in the state. */
export interface IgnoredSetting extends TextPlace {
  /** As it stands. */
  readonly keyword: string
  /** The keyword of the block it stands in; empty at the top. */
  readonly within: string
  /**
   * `'vrrp'`: VRRP, BFD, tracking, addresses and routes of the machine. `'process'`: how keepalived itself runs.
   * `'notification'`: mail, SNMP, scripts. `'certificates'`: keys of checkers. `'dpvs'`: dpvs only, nothing of IPVS.
   * `'unused'`: nothing comes of it.
   */
  readonly reason: 'vrrp' | 'process' | 'notification' | 'certificates' | 'dpvs' | 'unused'
}

/** A setting of a checker, or of all checkers of a block: words, as they stand. */
export interface CheckerParameter extends TextPlace {
  readonly name: string
  /** The words behind the name. */
  readonly values: readonly string[]
  /** Of `url` and `host`: what is in their block. */
  readonly parameters: readonly CheckerParameter[] | undefined
}

/** How one real server is checked. */
export interface Checker extends TextPlace {
  /** `'TCP_CHECK'`, `'HTTP_GET'` … */
  readonly kind: string
  /** The services that the real server is in: many where the virtual server is a group. */
  readonly services: readonly ServiceKey[]
  /** Port undefined: that of the service. */
  readonly destination: { readonly address: string; readonly port: number | undefined }
  readonly parameters: readonly CheckerParameter[]
}

/** What takes the connections while the quorum is lost: no destination of the state. */
export interface SorryServer extends TextPlace {
  readonly address: string
  /** Undefined: that of the service. */
  readonly port: number | undefined
  readonly forwarding: Forwarding
  readonly tunnel: Tunnel | undefined
  /** Weight 0 instead of taken out. */
  readonly inhibit: boolean
}

/** What a real server has beside its destination. */
export interface RealServerDetails extends TextPlace {
  readonly destination: Checker['destination']
  /** Weight 0 instead of taken out when a check fails. */
  readonly inhibitOnFailure: boolean
  /** Counts as down until it is checked. */
  readonly alpha: boolean
  /** Command that runs when it comes up. */
  readonly notifyUp: string | undefined
  /** Command that runs when it goes down. */
  readonly notifyDown: string | undefined
  /** Settings for its checkers: `delay_loop`, `retry` … */
  readonly parameters: readonly CheckerParameter[]
}

/** What a virtual server has beside its service. */
export interface ServiceDetails extends TextPlace {
  /** One, or those of a group. */
  readonly services: readonly ServiceKey[]
  /** Name of its `virtual_server_group`. */
  readonly group: string | undefined
  /** Weights of living real servers together below which the VIP is taken back. Default 1. */
  readonly quorum: number
  /** Weight above `quorum` that it takes to have the quorum again, and below it to lose it. Default 0. */
  readonly hysteresis: number
  /** Its real servers count as down until they are checked. */
  readonly alpha: boolean
  /** The commands for down run when keepalived stops. */
  readonly omega: boolean
  /** Command that runs when the quorum is reached. */
  readonly quorumUp: string | undefined
  /** Command that runs when it is lost. */
  readonly quorumDown: string | undefined
  readonly sorryServer: SorryServer | undefined
  readonly realServers: readonly RealServerDetails[]
  /** Settings for all checkers of its real servers. */
  readonly parameters: readonly CheckerParameter[]
}

/** A synchronisation daemon whose state, master or backup, is that of a VRRP instance: no daemon of the state. */
export interface FollowingDaemon extends TextPlace {
  readonly interface: string
  /** Undefined where none is named. */
  readonly vrrpInstance: string | undefined
  /** Undefined: the id of the VRRP router. */
  readonly syncId: number | undefined
  /** Bytes of a sync message; undefined where it is not named, as what follows. */
  readonly syncMaxLength: number | undefined
  /** An address. */
  readonly multicastGroup: string | undefined
  /** 1–65535. */
  readonly multicastPort: number | undefined
  /** 1–255. */
  readonly multicastTtl: number | undefined
}

/** All that a configuration says. */
export interface ParsedKeepalived {
  /**
   * What the configuration makes of an empty table while every real server lives. `pools` are its `local_address_group`s.
   * `daemons` is always absent, see `syncDaemons`.
   */
  readonly state: DesiredState
  /** In the order of the virtual servers. */
  readonly serviceDetails: readonly ServiceDetails[]
  readonly checkers: readonly Checker[]
  readonly syncDaemons: readonly FollowingDaemon[]
  readonly ignored: readonly IgnoredSetting[]
  /** Names of the files that were included, in the order they were read. */
  readonly files: readonly string[]
  readonly errors: readonly IpvsTextError[]
  readonly warnings: readonly IpvsTextError[]
  /** Problems beyond the first 1,000 errors and 1,000 warnings, and ignored settings beyond the first 10,000. */
  readonly omitted: number
}

/** What a dialect cannot say, by object and property. */
export interface KeepalivedLoss {
  /** Undefined where it is about a pool, a daemon or a timeout. */
  readonly service?: ServiceKey | undefined
  readonly destination?: DestinationKey | undefined
  /** Name of a `local_address_group`. */
  readonly pool?: string | undefined
  /** Undefined: the object is not in the text at all, with everything in it. */
  readonly property: string | undefined
  /** Of the property. */
  readonly value: unknown
  /** Why, and what is written instead. */
  readonly reason: string
}
