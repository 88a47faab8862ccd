/** The order of steps: what worked before never has a moment without a destination or a local address. */

import { serviceKeyId } from '../model/keys'
import { Pieces } from '../model/turn'
import type { Limits } from './limits'
import type { PlanStep } from './plan-types'

/**
 * Lower is earlier: what is new comes first (a service, then its local addresses, then its destinations), then what
 * changes, what drains, and at the end what goes, in the reverse order.
 */
function rank(step: PlanStep): number {
  const { verb, kind } = step
  if (verb === 'report') return 0
  if (isFirst(step)) return 1
  if (verb === 'add')
    return kind === 'service' ? 2 : kind === 'localAddress' ? 3 : kind === 'destination' ? 4 : 11
  if (verb === 'change') return kind === 'service' ? 5 : kind === 'destination' ? changeRank(step) : 11
  if (verb === 'drain') return 8
  return kind === 'destination' ? 9 : kind === 'localAddress' ? 9.5 : kind === 'service' ? 10 : 11
}

/**
 * Done one by one, before the table. mainline refuses a destination of the other address family while a sync daemon runs
 * (ip_vs_ctl.c:ip_vs_genl_set_cmd), so one that goes does so first.
 */
export const isFirst = ({ kind, verb }: PlanStep): boolean =>
  kind === 'timeouts' || kind === 'sysctl' || (kind === 'daemon' && verb === 'remove')

const closes = (step: PlanStep): boolean => step.kind === 'destination' && step.after?.weight === 0

/** What begins to need local addresses comes when they are there, what takes no new connections any more behind the others. */
const changeRank = (step: PlanStep): number => (closes(step) ? 7 : turnsFullnat(step) ? 6.5 : 6)

/** Steps that must all have worked before anything of their service may go. */
export const isOpening = (step: PlanStep): boolean => rank(step) < 7

/** It works with another method, and only begins to need the local addresses of its service. */
export const turnsFullnat = (step: PlanStep): boolean =>
  step.kind === 'destination' &&
  step.verb === 'change' &&
  step.after?.forwarding === 'fullnat' &&
  step.before?.forwarding !== 'fullnat'

/** Stable: within a rank as they were made, which is the order of the desired state and of the kernel. */
export async function inOrder(steps: readonly PlanStep[]): Promise<PlanStep[]> {
  const byRank = new Map<number, PlanStep[]>()
  const pieces = new Pieces()
  for (const step of steps) {
    if (pieces.isDue()) await pieces.next()
    const at = rank(step)
    const others = byRank.get(at)
    if (others) others.push(step)
    else byRank.set(at, [step])
  }
  const ranks = Array.from(byRank.keys()).sort((one, other) => one - other)
  return ([] as PlanStep[]).concat(...ranks.map((at) => byRank.get(at) as PlanStep[]))
}

/**
 * What this kernel cannot have, or nobody may add, never comes in the place of what a service has: that stays, and is reported.
 * What the desired state itself takes away (`'off'`, `'drain'`) goes all the same.
 */
export async function keepWhatWorks(
  steps: readonly PlanStep[],
  { allow }: Pick<Limits, 'allow'>,
): Promise<readonly PlanStep[]> {
  const addsNothing = !allow.includes('add')
  const refused = new Set<string>()
  const pieces = new Pieces()
  for (const step of steps) {
    if (pieces.isDue()) await pieces.next()
    if (!('service' in step)) continue
    if (step.reason === 'unsupported' || (addsNothing && step.verb === 'add')) {
      refused.add(serviceKeyId(step.service))
    }
  }
  if (refused.size === 0) return steps
  const kept: PlanStep[] = []
  for (const step of steps) {
    if (pieces.isDue()) await pieces.next()
    kept.push(replacesWhatWorks(step, refused) ? stays(step) : step)
  }
  return kept
}

/** `refused`: ids of the services that do not get all that they should have. */
const replacesWhatWorks = (step: PlanStep, refused: ReadonlySet<string>): boolean =>
  step.verb === 'remove' &&
  step.reason === 'not-wanted' &&
  (step.kind === 'destination' || step.kind === 'localAddress') &&
  refused.has(serviceKeyId(step.service))

const stays = (step: PlanStep): PlanStep => {
  const message = 'stays: its service does not get all that it should have'
  return { ...step, verb: 'report', reason: 'waits', message }
}
