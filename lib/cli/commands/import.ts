/** `import keepalived FILE` */

import type { Command } from '../command'
import { UsageError } from '../errors'
import { readInput } from '../read-input'
import { KEEP_GOING, KEEPALIVED_OPTIONS, readKeepalived } from '../read-state'

const PROGRAMS = ['mainline', 'alibaba', 'dpvs'] as const

export const command: Command = {
  operands: ['keepalived', 'FILE'],
  about: [
    'Prints what FILE, a keepalived.conf, makes of a director while every real server lives: a desired',
    'state as JSON, for plan and apply. What it includes is read, relative to its own folder; - is',
    'standard input. Problems go to standard error, each with its place.',
    `Whose keepalived it is for is always named: --dialect ${PROGRAMS.join(', ')}.`,
  ],
  options: { ...KEEPALIVED_OPTIONS, ...KEEP_GOING },
  director: false,
  json: false,
  dialect: true,
  async run(invocation) {
    const { globals, operands, out } = invocation
    const [program, path] = operands as [string, string]
    if (program !== 'keepalived') throw new UsageError(`import ${program}: must be keepalived`)
    const dialect = globals.oneOf('dialect', PROGRAMS)
    if (dialect === undefined) {
      const hint = 'The three read the same text differently.'
      throw new UsageError(`name whose keepalived this is for: --dialect ${PROGRAMS.join(', ')}`, hint)
    }
    const { state, exit } = await readKeepalived(await readInput(path, invocation), dialect, invocation)
    await out.write(`${JSON.stringify(state, null, 2)}\n`)
    return exit
  },
}
