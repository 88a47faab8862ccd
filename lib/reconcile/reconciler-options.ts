/** Options of a `Reconciler`. */

import { invalidType, outOfRange } from '../errors/argument-errors'
import { checkProperties, PropertyNames } from '../input'
import { checkInteger, INT_MAX } from '../input/values'
import type { DesiredState } from '../model/desired-state'
import type { ServiceKey } from '../model/types'
import type { ReconcileClient } from './client'
import type { PlanOptions } from './plan'
import { checkPlanOptions } from './plan'
import type { ReconcilerClock } from './reconciler-clock'
import { CLOCK } from './reconciler-clock'

/** An `Ipvs` is one. */
export interface ReconcilerClient extends ReconcileClient {
  close?(): unknown
}

/** Whole states, each in the place of the one before; they must not be changed afterwards. */
export type DesiredStates = AsyncIterable<DesiredState>

/** Options of every plan that a `Reconciler` makes. */
export type ReconcilerPlanOptions = Omit<PlanOptions, 'signal' | 'timeout' | 'now' | 'remembered'>

/** Options of a `Reconciler`, each with its default. */
export interface ReconcilerOptions {
  /** Opens the client, again and again where the kernel was restarted: `() => Ipvs.open()`. It is closed by the Reconciler. */
  readonly open: () => Promise<ReconcilerClient>
  /**
   * The desired states. Where it is a function it is called again when the iterable fails (a watch that was cut): it begins with
   * the whole state then. When it ends the last state stays.
   */
  readonly desired: DesiredStates | (() => DesiredStates)
  /** Of every plan: ownership, limits, drains. A function gets the desired state that is planned. */
  readonly plan?: ReconcilerPlanOptions | ((desired: DesiredState) => ReconcilerPlanOptions) | undefined
  /**
   * Services that are ours from former times, as `remember` got them: with it, services of the scope that are not among them, and
   * that this Reconciler did not make, are somebody else's. Default: every service of the scope is ours.
   */
  readonly remembered?: readonly ServiceKey[] | undefined
  /**
   * Keeps what is remembered, all of it: called before a service is added, and after one was removed. What it resolves to is
   * waited for; where it rejects nothing is done.
   */
  readonly remember?: ((services: readonly ServiceKey[]) => unknown) | undefined
  /** Milliseconds: the newest of the states that come within it is taken. Default 100. */
  readonly debounce?: number | undefined
  /** Milliseconds from one look at the kernel to the next, where nothing else is to be done. Default 30,000. */
  readonly interval?: number | undefined
  /** Share by which waits are longer or shorter, by chance; 0 to 0.5. Default 0.1. */
  readonly jitter?: number | undefined
  /** Milliseconds between looks while something drains. Default 5,000. */
  readonly drainInterval?: number | undefined
  /** Milliseconds after a round that failed, `first`, twice as long after each further one, and `most`. Default 1,000 and 60,000. */
  readonly backoff?: { readonly first?: number | undefined; readonly most?: number | undefined } | undefined
  /** Milliseconds that the kernel may be silent, for every call; default that of the client. */
  readonly timeout?: number | undefined
  readonly clock?: ReconcilerClock | undefined
}

export interface Waits {
  readonly debounce: number
  readonly interval: number
  readonly jitter: number
  readonly drainInterval: number
  readonly first: number
  readonly most: number
}

export interface CheckedReconcilerOptions {
  readonly open: () => Promise<ReconcilerClient>
  readonly source: () => DesiredStates
  /** It can be asked for its states again. */
  readonly restarts: boolean
  readonly planOptions: (desired: DesiredState) => ReconcilerPlanOptions
  readonly remembered: readonly ServiceKey[] | undefined
  readonly remember: ((services: readonly ServiceKey[]) => unknown) | undefined
  readonly waits: Waits
  readonly timeout: number | undefined
  readonly clock: ReconcilerClock
}

const OPTIONS = new PropertyNames([
  'open',
  'desired',
  'plan',
  'remembered',
  'remember',
  'debounce',
  'interval',
  'jitter',
  'drainInterval',
  'backoff',
  'timeout',
  'clock',
])
const BACKOFF = new PropertyNames(['first', 'most'])
const CLOCK_METHODS = ['time', 'now', 'after'] as const
const JITTER_MAX = 0.5

function checkFunction(value: unknown, field: string): void {
  if (typeof value !== 'function') throw invalidType(field, 'function', value)
}

function checkWaits(options: ReconcilerOptions): Waits {
  const wait = (value: unknown, field: string, otherwise: number, least: number): number =>
    value === undefined ? otherwise : checkInteger(value, `options.${field}`, least, INT_MAX)
  const { jitter = 0.1, backoff = {} } = options
  if (typeof jitter !== 'number') throw invalidType('options.jitter', 'number', jitter)
  // NaN is neither.
  if (!(jitter >= 0 && jitter <= JITTER_MAX)) {
    throw outOfRange('options.jitter', `>= 0 && <= ${JITTER_MAX}`, jitter)
  }
  checkProperties(backoff, 'options.backoff', BACKOFF)
  const first = wait(backoff.first, 'backoff.first', 1000, 1)
  return {
    debounce: wait(options.debounce, 'debounce', 100, 0),
    interval: wait(options.interval, 'interval', 30_000, 1),
    jitter,
    drainInterval: wait(options.drainInterval, 'drainInterval', 5000, 1),
    first,
    most: wait(backoff.most, 'backoff.most', Math.max(first, 60_000), first),
  }
}

function checkPlan(plan: ReconcilerPlanOptions, field: string, expected: string): ReconcilerPlanOptions {
  if (typeof plan !== 'object' || plan === null) throw invalidType(field, expected, plan)
  return plan
}

export function checkReconcilerOptions(options: ReconcilerOptions): CheckedReconcilerOptions {
  checkProperties(options, 'options', OPTIONS)
  const { open, desired, plan = {}, remembered, remember, timeout, clock = CLOCK } = options
  checkFunction(open, 'options.open')
  const restarts = typeof desired === 'function'
  if (!restarts && typeof Object(desired)[Symbol.asyncIterator] !== 'function') {
    throw invalidType('options.desired', 'AsyncIterable or function', desired)
  }
  if (typeof plan !== 'function') checkPlanOptions(checkPlan(plan, 'options.plan', 'object or function'))
  if (remembered !== undefined && !Array.isArray(remembered)) {
    throw invalidType('options.remembered', 'Array', remembered)
  }
  if (remember !== undefined) {
    checkFunction(remember, 'options.remember')
    // Without it everything is ours, and there is nothing to be kept.
    if (remembered === undefined) throw invalidType('options.remembered', 'Array', remembered)
  }
  for (const name of CLOCK_METHODS) checkFunction(Object(clock)[name], `options.clock.${name}`)
  return {
    open,
    source: restarts ? (desired as () => DesiredStates) : () => desired as DesiredStates,
    restarts,
    planOptions:
      typeof plan === 'function' ? (state) => checkPlan(plan(state), 'options.plan()', 'object') : () => plan,
    remembered,
    remember,
    waits: checkWaits(options),
    timeout: timeout === undefined ? undefined : checkInteger(timeout, 'options.timeout', 0, INT_MAX),
    clock,
  }
}
