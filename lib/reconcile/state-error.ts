/** What is wrong in a desired state: all of it at once. */

import type { ArgumentError } from '../errors/argument-errors'
import type { InPieces } from '../model/turn'

/** What is wrong with a desired state, and where. */
export interface StateProblem {
  /** Where, `'services[3].destinations[0].weight'`. */
  readonly path: string
  /** `'ERR_OUT_OF_RANGE'` and the others of Node's. */
  readonly code: string
  readonly message: string
}

/** A desired state that cannot be: nothing was read and nothing sent. */
export class DesiredStateError extends TypeError {
  readonly code = 'ERR_IPVS_DESIRED_STATE'

  /** @param problems All of them, in the order of the state. */
  constructor(readonly problems: readonly StateProblem[]) {
    const [first] = problems
    const others = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
    super(`ERR_IPVS_DESIRED_STATE: ${first?.message ?? 'not a state'}${others}`)
    Object.defineProperty(this, 'name', { value: 'DesiredStateError', configurable: true, writable: true })
  }
}

/** Collects what the checks of arguments throw. */
export class StateProblems {
  private readonly found: StateProblem[] = []

  constructor(
    private readonly makeError: (problems: readonly StateProblem[]) => Error = (problems) =>
      new DesiredStateError(problems),
  ) {}

  /** What `check` returns, undefined where it threw. */
  try<T>(check: () => T): T | undefined {
    try {
      return check()
    } catch (error) {
      this.note(error as ArgumentError)
      return undefined
    }
  }

  /** The same for a check in pieces. */
  *tryInPieces<T>(check: () => InPieces<T>): InPieces<T | undefined> {
    try {
      return yield* check()
    } catch (error) {
      this.note(error as ArgumentError)
      return undefined
    }
  }

  /** Throws where there was one. */
  end(): void {
    if (this.found.length > 0) throw this.makeError(this.found)
  }

  private note(error: ArgumentError): void {
    const { field, code, message } = error
    // A defect is no problem of the state.
    if (field === undefined) throw error
    this.found.push({ path: field, code, message })
  }
}
