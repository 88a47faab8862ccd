/** `doctor` */

import type { Diagnosis } from '../../diagnose/types'
import type { ArgumentError } from '../../errors/argument-errors'
import { toJson } from '../../model/json'
import type { Command, Invocation } from '../command'
import { CliError, EXIT } from '../errors'
import { readInput } from '../read-input'
import { parseStateText } from '../state-text'

/** Of the kernel and the machine: not of the command line, and nobody interrupted. */
const isOfTheMachine = (error: unknown, { globals, call }: Invocation): boolean =>
  !(error instanceof CliError) &&
  (error as NodeJS.ErrnoException).code !== undefined &&
  (error as Partial<ArgumentError>).field === undefined &&
  !call.signal?.aborted &&
  !globals.has('fake')

/** Time stands still in a FakeKernel: a second look would see what the first one saw. */
const intervalOf = ({ options, globals }: Invocation): number | undefined =>
  options.seconds('interval', { zero: true }) ?? (globals.has('fake') ? 0 : undefined)

async function examine(invocation: Invocation): Promise<Diagnosis> {
  const { options, call } = invocation
  const interval = intervalOf(invocation)
  const loginPorts = options.numbers('login-ports', 1, 65535)
  const path = options.text('state')
  const state = path === undefined ? undefined : parseStateText(await readInput(path, invocation))
  if (state) {
    const { checkDesiredState } = await import('../../reconcile/wanted')
    checkDesiredState(state)
  }
  const { diagnose } = await import('../../diagnose/diagnose')
  try {
    const ipvs = await invocation.director()
    return await diagnose(ipvs, { ...call, state, interval, loginPorts })
  } catch (error) {
    if (!isOfTheMachine(error, invocation)) throw error
    const { diagnoseOpenFailure } = await import('../../diagnose/open-failure')
    return diagnoseOpenFailure(error)
  }
}

export const command: Command = {
  operands: [],
  about: [
    'What is wrong with the director and the machine around it, why, and what to do; nothing is changed.',
    'docs/doctor.md explains each finding.',
    'Exit codes: 0 nothing, or what is only worth knowing; 1 it could not look; 2 errors or warnings.',
  ],
  options: {
    state: { value: 'FILE', help: 'a desired state, - for standard input: what it would bring about, too' },
    'login-ports': {
      value: 'PORTS',
      help: 'on which people log in to the director (default 22)',
      repeats: true,
    },
    interval: {
      value: 'SECONDS',
      help: 'between the two looks that show what grows (FULLNAT; default 1), 0 one look',
    },
  },
  director: true,
  json: true,
  usageExit: EXIT.failed,
  async run(invocation) {
    const { out, json, color } = invocation
    const diagnosis = await examine(invocation)
    const { formatDiagnosis } = await import('../findings')
    await out.write(json ? `${toJson(diagnosis, 2)}\n` : formatDiagnosis(diagnosis, color))
    if (diagnosis.evidence === undefined) return EXIT.failed
    return diagnosis.findings.some(({ severity }) => severity !== 'info') ? EXIT.findings : EXIT.done
  },
}
