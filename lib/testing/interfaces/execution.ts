/** What a request of a job is executed with. */

import type { ReplySections } from '../../border/pack-reply'
import type { UnpackedRequest } from '../../border/unpack-request'
import type { Faults } from '../faults/faults'
import type { FakeRequest } from '../faults/request-log'
import type { KernelState } from '../table/state'

/** One connection to the kernel. */
export interface Session {
  readonly kernel: KernelState
  readonly faults: Faults
  /** Of the generic netlink family, as the last probe saw it; 0 for none. */
  familyId: number
  /** There is generic netlink. */
  readonly netlink: boolean
}

/** One request on a connection. */
export interface Execution {
  readonly session: Session
  readonly request: UnpackedRequest
  /** Of the request in its job. */
  readonly index: number
  /** For faults. */
  readonly description: FakeRequest
  /** Where records go now. */
  reply(): ReplySections
  /** A piece of a list is there: what `reply()` gave may be handed over, and another one begun. */
  pieceDone(): Promise<void>
}
