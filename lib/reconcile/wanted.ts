/** Checks a desired state as a whole. */

import { checkDaemonInput, checkObject, checkProperties, checkTimeouts, PropertyNames } from '../input'
import type { DesiredState } from '../model/desired-state'
import type { InPieces } from '../model/turn'
import { inOneGo, inPieces, Pieces } from '../model/turn'
import type { DaemonInput } from '../model/types'
import { DestinationSet } from './destination-set'
import { checkPools } from './pools'
import { StateProblems } from './state-error'
import type { Checking } from './wanted-services'
import { checkArray, twice, wantedServices } from './wanted-services'
import type { WantedState } from './wanted-types'

const STATE = new PropertyNames(['pools', 'services', 'timeouts', 'daemons'])
/** Throws a `DesiredStateError` with everything that is wrong. */
export function* wantedOrProblems(desired: DesiredState): InPieces<WantedState> {
  const problems = new StateProblems()
  const wanted = yield* collectDesiredState(desired, problems)
  problems.end()
  return wanted
}

/** Throws a `DesiredStateError` with everything that is wrong, before anything is read. */
export const checkDesiredState = (desired: DesiredState): WantedState => inOneGo(wantedOrProblems(desired))

/** The same for states that take long: rejects then. */
export const checkInPieces = (desired: DesiredState): Promise<WantedState> =>
  inPieces(wantedOrProblems(desired))

function wantedDaemons(list: readonly unknown[], problems: StateProblems): DaemonInput[] {
  const states = new Set<unknown>()
  const found: DaemonInput[] = []
  for (const [i, value] of list.entries()) {
    const path = `daemons[${i}]`
    const check = (one: unknown): DaemonInput => {
      checkDaemonInput(one, path)
      return { ...(one as DaemonInput) }
    }
    const daemon = problems.tryEach(value, path, check, { state: 'master', interface: 'lo' })
    if (!daemon) continue
    problems.try(() => {
      if (states.has(daemon.state)) throw twice(path, daemon.state, value)
      states.add(daemon.state)
      found.push(daemon)
    })
  }
  return found
}

/** What is wrong is among the problems then, and missing in what is returned. */
export function* collectDesiredState(desired: DesiredState, problems: StateProblems): InPieces<WantedState> {
  const state = problems.try(() => checkObject(desired, 'state')) ?? {}
  problems.tryEach(state, 'state', (one) => checkProperties(one, 'state', STATE))
  const pools = checkPools(state.pools, problems)
  const checking: Checking = {
    problems,
    pieces: new Pieces(),
    pools,
    fitting: new Set(),
    seen: new DestinationSet(),
  }
  const services =
    state.services === undefined
      ? undefined
      : yield* problems.tryInPieces(() => wantedServices(state.services, checking))
  const timeouts =
    state.timeouts === undefined
      ? undefined
      : problems.tryEach(state.timeouts, 'timeouts', (one) => {
          checkTimeouts(one, 'timeouts')
          return { ...(one as WantedState['timeouts']) }
        })
  const daemons = problems.try(() =>
    state.daemons === undefined
      ? undefined
      : wantedDaemons(checkArray(state.daemons, 'daemons'), checking.problems),
  )
  return { services, timeouts, daemons }
}
