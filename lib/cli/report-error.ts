/** What went wrong → lines for people, and the exit code. */

import type { ArgumentError } from '../errors/argument-errors'
import { IpvsError } from '../errors/ipvs-error'
import type { IpvsTextError } from '../formats/text/problems'
import type { SavedStateError } from '../reconcile/saved-errors'
import type { DesiredStateError } from '../reconcile/state-error'
import { CliError, EXIT } from './errors'
import { hintInOptions } from './hints'

export interface Report {
  readonly text: string
  readonly exit: number
}

const indented = (text: string): string => text.replace(/^/gm, '  ')

const isNamed = (error: unknown, name: string): boolean => (error as Error | undefined)?.name === name

/** `place`: it is of a file, which is named; of a command line the place is the marked one. */
export function formatProblem(problem: IpvsTextError, place = true): string {
  const message = place ? problem.message : problem.message.replace(/^text:\d+:\d+: /, '')
  const hint = problem.hint === undefined ? '' : `\n${indented(hintInOptions(problem.hint))}`
  return `${problem.severity}: ${message}\n${indented(problem.frame)}${hint}`
}

/** The message of an error with what to do, on one line or two. */
export function explain(error: unknown): string {
  const { message, hint } = error as { message?: string; hint?: string | undefined }
  return hint === undefined ? String(message ?? error) : `${message}\n${indented(hintInOptions(hint))}`
}

/** Errors with all the problems of what was given. */
const WHAT_CANNOT_BE = [
  ['DesiredStateError', 'the desired state cannot be'],
  ['SavedStateError', 'this is no saved state'],
] as const

export function reportError(error: unknown, interrupted: boolean): Report {
  const line = (text: string, exit: number): Report => ({ text: `ipvs-fullnat: ${text}\n`, exit })
  if (error instanceof CliError) return line(explain(error), error.exit)
  // By name: a class is loaded where it is needed alone.
  if (isNamed(error, 'IpvsTextError')) {
    return { text: `${formatProblem(error as IpvsTextError)}\n`, exit: EXIT.usage }
  }
  const what = WHAT_CANNOT_BE.find(([name]) => isNamed(error, name))?.[1]
  if (what !== undefined) {
    const { problems } = error as DesiredStateError | SavedStateError
    const lines = problems.map(({ path, message }) => `  ${path}: ${message}\n`)
    return line(`${what}:\n${lines.join('').trimEnd()}`, EXIT.usage)
  }
  const { code, field, message, stack } = error as Partial<ArgumentError>
  if (code !== undefined && (code as string) === 'ABORT_ERR' && interrupted) {
    const sent = (error as IpvsError).sent ? ' What was sent may have been done: look at the table.' : ''
    return line(`interrupted.${sent}`, EXIT.interrupted)
  }
  if (error instanceof IpvsError || String(code).startsWith('ERR_IPVS_'))
    return line(explain(error), EXIT.failed)
  if (field !== undefined) return line(String(message), EXIT.usage)
  // What the system says of files, addresses and the like.
  if ((error as NodeJS.ErrnoException).syscall !== undefined) return line(String(message), EXIT.failed)
  return line(`this is a defect of the program, please report it:\n${stack ?? String(error)}`, EXIT.failed)
}
