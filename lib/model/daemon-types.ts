/** Sync daemons. */

/** A sync daemon sends connections (`'master'`) or takes them (`'backup'`). */
export type DaemonState = 'master' | 'backup'

/** A sync daemon to start. */
export interface DaemonInput {
  readonly state: DaemonState
  /** Network interface of the multicast, at most 15 bytes. */
  readonly interface: string
  /** 0–255; a backup with 0 accepts every id. Default 0. */
  readonly syncId?: number | undefined
  /** Mainline only: bytes of a sync message, 1–65535. */
  readonly syncMaxLength?: number | undefined
  /** Mainline only. */
  readonly multicastGroup?: string | undefined
  /** Mainline only, 1–65535. */
  readonly multicastPort?: number | undefined
  /** Mainline only, 1–255. */
  readonly multicastTtl?: number | undefined
}

/** A sync daemon that runs. */
export interface DaemonInfo {
  readonly state: DaemonState
  readonly interface: string
  /** 0–255. */
  readonly syncId: number
  /** Bytes of a sync message; undefined where the kernel does not tell (all of these are mainline's, by netlink). */
  readonly syncMaxLength: number | undefined
  /** Undefined as `syncMaxLength`. */
  readonly multicastGroup: string | undefined
  /** Undefined as `syncMaxLength`. */
  readonly multicastPort: number | undefined
  /** Undefined as `syncMaxLength`. */
  readonly multicastTtl: number | undefined
}
