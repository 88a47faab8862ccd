/** What --help and --version print. */

import { join } from 'path'
import { readTextIfThere } from '../host/text-files'
import type { Command } from './command'
import { COMMANDS } from './commands'
import { COMMON_OPTIONS, DIALECT_OPTION, DIRECTOR_OPTIONS, JSON_OPTION, NULL_MEANS_OPTION } from './globals'
import type { OptionSpecs } from './options'

function optionLines(specs: OptionSpecs): string[] {
  const rows = Object.keys(specs).map((name) => {
    const { value, help } = specs[name] as OptionSpecs[string]
    return [`  --${name}${value === undefined ? '' : ` ${value}`}`, help] as const
  })
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, help]) => `${left.padEnd(width)}  ${help}`)
}

/** The options that a command takes beside its own. */
export const takenGlobals = ({ director, json, dialect, nullMeans }: Command): OptionSpecs => ({
  ...(dialect ? DIALECT_OPTION : {}),
  ...(nullMeans ? NULL_MEANS_OPTION : {}),
  ...(json ? JSON_OPTION : {}),
  ...(director ? DIRECTOR_OPTIONS : {}),
  ...COMMON_OPTIONS,
})

export function commandHelp(name: string, command: Command): string {
  const { operands, needs = operands.length, about, options } = command
  const words = operands.map((operand, i) => (i < needs ? operand : `[${operand}]`))
  const usage = ['usage: ipvs-fullnat', name, ...words, '[options]'].join(' ')
  return [
    usage,
    '',
    ...about,
    '',
    'Options:',
    ...optionLines({ ...options, ...takenGlobals(command) }),
    '',
  ].join('\n')
}

export function overallHelp(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length))
  return `usage: ipvs-fullnat IPVSADM-OPTIONS [options]
       ipvs-fullnat COMMAND [options]

Every command line of ipvsadm works behind the name of this program, Alibaba's too:
  -A -t VIP:PORT -s wrr        -E, -D, -Z, -C          services
  -a -t VIP:PORT -r IP:PORT -b -w 100   -e, -d         destinations; -b is FULLNAT
  -P -t VIP:PORT -z IP         -Q, -G                  local addresses
  -L -n [--stats] [--rate] [-t VIP:PORT] …             the table
  -L -n -c                     connections, with the right state and the local address
  -S, -R                       rules out, and in: read whole before anything is changed
  --set, --start-daemon, --stop-daemon, -L --timeout, -L --daemon
Which letters mean what is the kernel's dialect, or --dialect.

Commands (ipvs-fullnat COMMAND --help):
${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')}

Options of all that reads or changes a director:
${optionLines({ ...DIALECT_OPTION, ...JSON_OPTION, ...DIRECTOR_OPTIONS, ...COMMON_OPTIONS, version: { help: 'the version' } }).join('\n')}

Exit codes: 0 done; 1 the kernel or the machine refused; 2 the command line or a text is wrong, and
nothing was changed; 130 interrupted. Of plan, apply and restore: 0 nothing to do, or done; 1 error; 2 there
is something to do. Of doctor: 0 nothing, 1 it could not look, 2 errors or warnings.
`
}

export function packageVersion(): string {
  const text = readTextIfThere(join(__dirname, '..', '..', 'package.json')) ?? '{}'
  return (JSON.parse(text) as { readonly version?: string }).version ?? 'unknown'
}
