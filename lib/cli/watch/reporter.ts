/** What a Reconciler tells, as lines: for people, or JSON. */

import { toJson } from '../../model/json'
import type { Plan, PlanStep } from '../../reconcile/plan-types'
import { formatPlan, formatStep } from '../../reconcile/print-plan'
import type { Drift, FailurePhase, Round } from '../../reconcile/reconciler-types'
import { outcomeLines, sumOf } from '../outcomes'
import { reportError } from '../report-error'

export interface ReporterOptions {
  readonly file: string
  readonly json: boolean
  readonly color: boolean
  readonly out: (text: string) => void
  /** Of what went wrong, for people. */
  readonly err: (text: string) => void
}

const indented = (text: string): string => text.trimEnd().replace(/^/gm, '  ')

/** What an error says, as data. */
function errorData(error: unknown): object {
  const { code, message, hint, problems } = error as {
    readonly [name in 'code' | 'message' | 'hint' | 'problems']?: unknown
  }
  return { code, message: message ?? String(error), hint, problems }
}

/** Within a line that has said who speaks. */
const told = (error: unknown): string =>
  indented(reportError(error, false).text.replace(/^ipvs-fullnat: /, ''))

const seconds = (milliseconds: number): string => `${Math.ceil(milliseconds / 100) / 10} s`

export class Reporter {
  /** Generation whose plan was shown whole. */
  private shown = 0
  private reachedNow = false
  private phase: FailurePhase | undefined

  constructor(private readonly options: ReporterOptions) {}

  watching(dialect: string, transport: string): void {
    const { file } = this.options
    this.event(
      { event: 'watching', file, dialect, transport },
      () => `watching ${file}: ${dialect} over ${transport}`,
    )
  }

  changed(generation: number): void {
    const { file } = this.options
    this.event({ event: 'changed', file, generation }, () => `${file} has changed: state ${generation}`)
  }

  broken(error: unknown, generation: number): void {
    const { file } = this.options
    this.problem({ event: 'broken', file, generation, error: errorData(error) }, () =>
      [`${file} is no state now, state ${generation} stays:`, told(error)].join('\n'),
    )
  }

  drift({ generation, steps }: Drift): void {
    this.event({ event: 'drift', generation, steps }, () =>
      this.withSteps(
        `drift: somebody else has changed the director, it is not state ${generation} any more`,
        steps,
      ),
    )
  }

  reached(generation: number): void {
    this.reachedNow = true
    if (this.options.json) this.event({ event: 'reached', generation }, () => '')
  }

  /** What it was in that the round failed which ends next. */
  failed(phase: FailurePhase): void {
    this.phase = phase
  }

  /** `nextIn`: milliseconds until the next one. */
  async round(round: Round, nextIn: number | undefined): Promise<void> {
    const { cause, generation, plan, applied, drift, error } = round
    const { reachedNow, phase } = this
    this.reachedNow = false
    this.phase = undefined
    if (this.options.json) {
      const failure = error === undefined ? {} : { phase, error: errorData(error) }
      const data = { cause, generation, drift: drift.length, ...failure, nextIn, plan, applied }
      this.event({ event: 'round', ...data }, () => '')
      return
    }
    if (plan && (applied || reachedNow)) this.done(round, plan, reachedNow)
    const failed = applied ? await outcomeLines(applied) : []
    if (failed.length > 0) this.problem({}, () => failed.join('\n'))
    if (error === undefined) return
    const again = nextIn === undefined ? '' : `\n  again in ${seconds(nextIn)}`
    this.problem({}, () => `error (${phase}):\n${told(error)}${again}`)
  }

  stopped(why: string): void {
    this.event({ event: 'stopped', why }, () => `${why}: stopped, the director stays as it is`)
  }

  private done({ generation, applied, drift }: Round, plan: Plan, reached: boolean): void {
    const { color } = this.options
    const head = `state ${generation}${reached ? ' reached' : ''}: ${applied ? sumOf(applied) : 'nothing to do'}`
    if (this.shown === generation) {
      // Those of the drift were shown before they were mended.
      const steps = plan.steps.filter((step) => step.verb !== 'report' && !drift.includes(step))
      this.event({}, () => this.withSteps(head, steps))
    } else {
      this.shown = generation
      this.event({}, () => `${head}\n${indented(formatPlan(plan, { color }))}`)
    }
  }

  private withSteps(head: string, steps: readonly PlanStep[]): string {
    const { color } = this.options
    return [head, ...steps.map((step) => `  ${formatStep(step, { color })}`)].join('\n')
  }

  private event(data: object, text: () => string): void {
    this.line(data, text, this.options.out)
  }

  private problem(data: object, text: () => string): void {
    const { json, out, err } = this.options
    this.line(data, text, json ? out : err)
  }

  private line(data: object, text: () => string, write: (text: string) => void): void {
    const time = new Date().toISOString()
    write(this.options.json ? `${toJson({ time, ...data })}\n` : `${time} ${text()}\n`)
  }
}
