/** A plan as people read it. */

import type { Plan, PlanStep, StepVerb } from './plan-types'
import { subjectOf } from './step-subject'

/** Options of `formatPlan`. */
export interface PrintOptions {
  /** ANSI colours. Default false. */
  readonly color?: boolean | undefined
}

const SIGNS: Readonly<Record<StepVerb, string>> = {
  add: '+',
  change: '~',
  drain: '>',
  remove: '-',
  report: '!',
}
const COLORS: Readonly<Record<StepVerb, number>> = { add: 32, change: 33, drain: 33, remove: 31, report: 36 }

const paint = (text: string, color: number, on: boolean): string =>
  on ? `\u001b[${color}m${text}\u001b[0m` : text

/** `'+ add service tcp 192.0.2.1:80: scheduler wrr'` */
export function formatStep(step: PlanStep, { color = false }: PrintOptions = {}): string {
  const reason = step.verb === 'add' || step.reason === 'differs' ? '' : ` [${step.reason}]`
  const message = step.message === '' ? '' : `: ${step.message}`
  const kind = step.kind === 'localAddress' ? 'local address' : step.kind
  const text = `${SIGNS[step.verb]} ${step.verb} ${kind} ${subjectOf(step)}${message}${reason}`
  return paint(text, COLORS[step.verb], color)
}

const count = (steps: readonly PlanStep[], ...verbs: readonly StepVerb[]): number =>
  steps.filter(({ verb }) => verbs.includes(verb)).length

/** `'2 to add, 1 to change, 0 to remove, 40 unchanged'` */
export function summarizePlan({ steps, unchanged }: Plan): string {
  const parts = [
    `${count(steps, 'add')} to add`,
    `${count(steps, 'change')} to change`,
    ...(count(steps, 'drain') > 0 ? [`${count(steps, 'drain')} to drain`] : []),
    `${count(steps, 'remove')} to remove`,
    `${unchanged} unchanged`,
  ]
  return parts.join(', ')
}

/** One step a line in the order in which they are done, then the warnings, then the sum. */
export function formatPlan(plan: Plan, { color = false }: PrintOptions = {}): string {
  const lines = plan.steps.map((step) => formatStep(step, { color }))
  const warnings = plan.warnings.map(({ code, message, hint }) =>
    paint(`warning: ${message} [${code}]${hint === undefined ? '' : `\n  ${hint}`}`, 35, color),
  )
  return `${[...lines, ...warnings, summarizePlan(plan)].join('\n')}\n`
}
