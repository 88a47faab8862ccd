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

/** The property of the object at `field` that an error names, or names something in. */
function propertyOf({ field }: ArgumentError, object: string): string | undefined {
  if (!field?.startsWith(`${object}.`)) return undefined
  return /^[^.[]+/.exec(field.slice(object.length + 1))?.[0]
}

/** Whether the words of an error name a property that is not there any more; the value that was received is none of them. */
const isAbout = ({ field = '', message }: ArgumentError, name: string): boolean =>
  (message.split('. Received ')[0] as string).replace(field, '').split(/\W/).includes(name)

function without(object: object, name: string, standIns: Readonly<Record<string, unknown>>): object {
  const copy = { ...object } as Record<string, unknown>
  if (name in standIns) copy[name] = standIns[name]
  else delete copy[name]
  return copy
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

  /**
   * What `check` makes of an object, undefined where it threw. All that is wrong with the object is noted then: what one error names is
   * left out, or has its stand-in where it must be there, and the object is checked again. What is only wrong because of that is not
   * told.
   */
  tryEach<T>(
    value: unknown,
    field: string,
    check: (value: unknown) => T,
    standIns: Readonly<Record<string, unknown>> = {},
  ): T | undefined {
    const told: string[] = []
    for (let left = value; ; ) {
      try {
        const checked = check(left)
        return told.length === 0 ? checked : undefined
      } catch (error) {
        const name = propertyOf(error as ArgumentError, field)
        if (name !== undefined && told.includes(name)) return undefined
        if (!told.some((other) => isAbout(error as ArgumentError, other))) this.note(error as ArgumentError)
        if (name === undefined) return undefined
        told.push(name)
        left = without(left as object, name, standIns)
      }
    }
  }

  /** The same as `try` for a check in pieces. */
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
