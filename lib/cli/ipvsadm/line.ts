/** A command line of ipvsadm. */

import type { Ipvs } from '../../client/ipvs'
import type { IpvsadmCommand } from '../../formats/ipvsadm/command-types'
import type { RulesDialect } from '../../formats/ipvsadm/dialects'
import type { ParsedCommand } from '../../formats/ipvsadm/parse-rules'
import type { Command, Invocation } from '../command'
import { CliError, EXIT, UsageError } from '../errors'
import { DIALECTS } from '../globals'
import { formatProblem } from '../report-error'

const OF_KERNEL: { readonly [dialect: string]: RulesDialect } = {
  mainline: 'mainline',
  'fullnat-v2': 'alibaba-v2',
  'fullnat-v3': 'alibaba-v3',
}

/** Whose options: those that are named, or those of the ipvsadm that belongs to the kernel. */
export async function rulesDialect({ globals, director }: Invocation): Promise<RulesDialect> {
  const named = globals.oneOf('dialect', DIALECTS)
  if (named !== undefined) return named
  const { dialect } = await director()
  const own = OF_KERNEL[dialect]
  if (own !== undefined) return own
  throw new CliError('this kernel is none of the known ones', 'Name whose options these are: --dialect.')
}

async function read(
  { operands, tell, globals }: Invocation,
  dialect: RulesDialect,
): Promise<IpvsadmCommand | undefined> {
  const { parseCommand } = await import('../../formats/ipvsadm/parse-rules')
  const { command, errors, warnings }: ParsedCommand = parseCommand(operands, {
    dialect,
    nullMeans: globals.oneOf('null-means', ['fullnat']),
  })
  for (const problem of [...errors, ...warnings]) await tell(formatProblem(problem, false))
  return command
}

async function perform(
  ipvs: Ipvs,
  command: IpvsadmCommand,
  dialect: RulesDialect,
  invocation: Invocation,
): Promise<number> {
  switch (command.command) {
    case 'list': {
      const { list } = await import('./list')
      return list(ipvs, command, dialect, invocation)
    }
    case 'list-local-addresses': {
      const { listLocalAddresses } = await import('./list')
      return listLocalAddresses(ipvs, command, invocation)
    }
    case 'save': {
      const { saveRules } = await import('./rules')
      return saveRules(ipvs, dialect, invocation)
    }
    case 'restore': {
      const { restoreRules } = await import('./rules')
      return restoreRules(ipvs, dialect, invocation)
    }
    default: {
      const { performRule } = await import('./perform-rule')
      await performRule(ipvs, command, dialect, invocation.call)
      return EXIT.done
    }
  }
}

/** Those that rules of alibaba-v2 may say (null) in. */
const WITH_METHODS: readonly string[] = ['restore', 'add-destination', 'edit-destination']
const READING: readonly string[] = ['list', 'list-local-addresses', 'save']

export const ipvsadmLine: Command = {
  operands: [],
  about: [],
  options: {},
  director: true,
  json: true,
  dialect: true,
  nullMeans: true,
  async run(invocation) {
    const dialect = await rulesDialect(invocation)
    const command = await read(invocation, dialect)
    if (!command) return EXIT.usage
    if (command.command === 'help' || command.command === 'version') {
      throw new CliError(
        `${command.command} stands alone`,
        'ipvs-fullnat --help, ipvs-fullnat --version.',
        EXIT.usage,
      )
    }
    if (invocation.json && !READING.includes(command.command)) {
      throw new CliError('--json goes with -L, -G and -S', 'A change prints nothing.', EXIT.usage)
    }
    if (invocation.globals.has('null-means') && !WITH_METHODS.includes(command.command)) {
      throw new UsageError('--null-means goes with -R, -a and -e')
    }
    return perform(await invocation.director(), command, dialect, invocation)
  },
}
