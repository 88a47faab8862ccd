/** Texts of other tools → a desired state, with everything that is wrong told. */

import type { RulesDialect } from '../formats/ipvsadm/dialects'
import type { KeepalivedDialect } from '../formats/keepalived/dialects'
import type { IpvsTextError } from '../formats/text/problems'
import type { DesiredState } from '../model/desired-state'
import type { Invocation } from './command'
import { CliError, EXIT, UsageError } from './errors'
import type { InputText } from './read-input'
import { formatProblem } from './report-error'

interface Problems {
  readonly errors: readonly IpvsTextError[]
  readonly warnings: readonly IpvsTextError[]
  readonly omitted: number
}

/**
 * Throws where something is wrong: half a state would remove the other half of the director. With --keep-going the rest is the
 * state, and the exit code tells.
 */
async function settle<T>(parsed: Problems, state: T, { tell, options }: Invocation): Promise<ReadState<T>> {
  const { errors, warnings, omitted } = parsed
  for (const problem of [...errors, ...warnings]) await tell(formatProblem(problem))
  if (omitted > 0) await tell(`${omitted} more problems are not shown`)
  if (errors.length === 0) return { state, exit: EXIT.done }
  if (options.has('keep-going')) return { state, exit: EXIT.usage }
  throw new CliError(
    `nothing is printed: there ${errors.length === 1 ? 'is an error' : `are ${errors.length} errors`} above`,
    'Mend them, or take what is left with --keep-going.',
    EXIT.usage,
  )
}

export interface ReadState<T = DesiredState> {
  readonly state: T
  /** Not 0 where something was left out. */
  readonly exit: number
}

export const KEEP_GOING = {
  'keep-going': { help: 'leave out what has an error; without it nothing is printed' },
} as const

export const KEEPALIVED_OPTIONS = {
  'config-id': {
    value: 'ID',
    help: 'of keepalived.conf: what keepalived is given as -i, for lines that begin with @',
  },
  strict: { help: 'of keepalived.conf: unknown keywords and blocks are errors' },
} as const

export async function readKeepalived(
  { name, bytes }: InputText,
  dialect: KeepalivedDialect,
  invocation: Invocation,
): Promise<ReadState> {
  const { parseKeepalived } = await import('../formats/keepalived/parse-keepalived')
  const { includeFiles } = await import('./include-files')
  const { options, io, tell } = invocation
  const parsed = parseKeepalived(bytes, {
    dialect,
    file: name,
    include: includeFiles,
    configId: options.text('config-id'),
    env: io.env,
    strict: options.has('strict'),
  })
  const read = await settle(parsed, parsed.state, invocation)
  const { checkers, syncDaemons, ignored, serviceDetails } = parsed
  const sorry = serviceDetails.filter(({ sorryServer }) => sorryServer).length
  const left = [
    [checkers.length, 'health checks'],
    [sorry, 'sorry servers'],
    [syncDaemons.length, 'sync daemons that follow VRRP'],
    [ignored.length, 'settings that are not of IPVS'],
  ] as const
  const told = left.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`)
  if (told.length > 0) await tell(`not in the state: ${told.join(', ')}`)
  return read
}

/** `dialect` undefined: what the marks in the text say. */
export async function readRules(
  { name, bytes }: InputText,
  dialect: RulesDialect | undefined,
  invocation: Invocation,
): Promise<ReadState> {
  const { parseRules } = await import('../formats/ipvsadm/parse-rules')
  const nullMeans = invocation.globals.oneOf('null-means', ['fullnat'])
  const file = name
  if (dialect !== undefined) {
    const parsed = parseRules(bytes, { dialect, nullMeans, file })
    return settle(parsed, parsed.state, invocation)
  }
  const { detectDialect } = await import('../formats/ipvsadm/detect-dialect')
  const detected = detectDialect(bytes)
  if (detected.dialect === 'unsure') {
    throw new UsageError(
      `${name} can be of ${detected.candidates.join(', ')}: nothing in it decides`,
      `Name it, --from ipvsadm:${detected.candidates[0] ?? 'mainline'} for instance.`,
    )
  }
  await invocation.tell(`${name}: rules of ${detected.dialect}`)
  const parsed = parseRules(bytes, { dialect: detected.dialect, nullMeans, file })
  return settle(parsed, parsed.state, invocation)
}
