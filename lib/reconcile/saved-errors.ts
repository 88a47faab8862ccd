/** Why a saved state is not restored. Nothing was changed then. */

import type { DestinationKey, ServiceKey } from '../model/types'
import type { StateProblem } from './state-error'

/** What was given is no saved state. Nothing was read of the kernel, and nothing sent. */
export class SavedStateError extends TypeError {
  readonly code = 'ERR_IPVS_SAVED_STATE'

  /** @param problems All of them, in the order of the document. */
  constructor(readonly problems: readonly StateProblem[]) {
    const [first] = problems
    const others = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
    super(`ERR_IPVS_SAVED_STATE: ${first?.message ?? 'no saved state'}${others}`)
    Object.defineProperty(this, 'name', { value: 'SavedStateError', configurable: true, writable: true })
  }
}

/** Something of a saved state that this kernel cannot have. */
export interface RestoreLoss {
  /** Where it stands in the saved state: `'services[3].persistence.engine'`; an object as a whole: `'services[3]'`. */
  readonly path: string
  readonly message: string
  readonly service?: ServiceKey | undefined
  readonly destination?: DestinationKey | undefined
}

/** This kernel cannot have all of it, and the caller did not accept that. Nothing was sent. */
export class RestoreLossError extends Error {
  readonly code = 'ERR_IPVS_LOSSES'
  readonly hint = 'acceptLosses: true restores the rest; dryRun: true shows the plan.'

  /** @param losses All of them, in the order of the document. */
  constructor(readonly losses: readonly RestoreLoss[]) {
    const [first] = losses
    const others = losses.length > 1 ? ` (and ${losses.length - 1} more)` : ''
    super(`ERR_IPVS_LOSSES: ${first?.path}: ${first?.message}${others}`)
    Object.defineProperty(this, 'name', { value: 'RestoreLossError', configurable: true, writable: true })
  }
}
