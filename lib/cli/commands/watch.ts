/** `watch FILE` */

import type { DesiredState } from '../../model/desired-state'
import type { PlanOptions } from '../../reconcile/plan'
import type { Command, Invocation } from '../command'
import { EXIT, UsageError } from '../errors'
import { PLAN_OPTIONS, readPlanOptions } from '../plan-options'
import type { InputText } from '../read-input'
import { readInput } from '../read-input'
import { parseStateText } from '../state-text'
import type { Clients } from '../watch/clients'
import type { Reporter } from '../watch/reporter'
import type { StateFile } from '../watch/state-file'

const POLL = 500

/** All that is wrong is told here, and nothing by the Reconciler, which would go on without a state. */
async function stateParser(planOptions: PlanOptions): Promise<(input: InputText) => Promise<DesiredState>> {
  const { checkOwnership, refuseUnmanaged } = await import('../../reconcile/ownership')
  const { checkPlanOptions } = await import('../../reconcile/plan')
  const { checkInPieces } = await import('../../reconcile/wanted')
  checkPlanOptions(planOptions)
  const ownership = checkOwnership(planOptions)
  return async (input) => {
    const state = parseStateText(input)
    const { services } = await checkInPieces(state)
    refuseUnmanaged(
      ownership,
      Array.from(services?.values() ?? [], ({ key }) => key),
    )
    return state
  }
}

interface Session {
  readonly invocation: Invocation
  readonly planOptions: PlanOptions
  readonly states: StateFile
  readonly clients: Clients
  readonly reporter: Reporter
  /** Resolves with a signal, or that nobody reads any more. */
  readonly ended: Promise<string>
  /** Rejects where nothing can be written. */
  readonly unwritable: Promise<never>
}

/** Resolves to why it ended. */
async function reconcile(session: Session): Promise<string> {
  const { invocation, planOptions, states, clients, reporter, ended, unwritable } = session
  const { Reconciler } = await import('../../reconcile/reconciler')
  let fail = (_: unknown): void => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  const reconciler = new Reconciler({
    open: () => clients.next(),
    desired: states,
    plan: planOptions,
    interval: invocation.options.seconds('interval'),
  })
  reconciler
    .on('drift', (drift) => reporter.drift(drift))
    .on('reached', (generation) => reporter.reached(generation))
    .on('error', (error, phase) => {
      if (phase === 'source' || phase === 'state') fail(error)
      else reporter.failed(phase)
    })
    .on('round', (round) => {
      try {
        // Before it is told: whoever reads it finds it done.
        clients.exchange()
        reporter.round(round, reconciler.status().nextIn).catch(fail)
      } catch (error) {
        fail(error)
      }
    })
    .start()
  try {
    return await Promise.race([ended, failed, unwritable])
  } finally {
    await reconciler.stop()
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM']

/** The signal that comes first; a second one ends the process. */
function untilEnded({ io, out }: Invocation): {
  readonly ended: Promise<string>
  readonly release: () => void
} {
  let end = (_: string): void => {}
  const ended = new Promise<string>((resolve) => {
    end = resolve
  })
  const listeners = SIGNALS.map((name) => [name, () => end(name)] as const)
  const unread = () => end('nobody reads any more')
  for (const [name, listener] of listeners) io.signals?.once(name, listener)
  io.stdout.on?.('error', unread)
  if (out.gone) unread()
  return {
    ended,
    release: () => {
      for (const [name, listener] of listeners) io.signals?.removeListener(name, listener)
      io.stdout.removeListener?.('error', unread)
    },
  }
}

export const command: Command = {
  operands: ['FILE'],
  about: [
    'Keeps the director what FILE says, a desired state as JSON or YAML, until SIGINT or SIGTERM: FILE is',
    'read again when it has changed, and what others change in the kernel is mended. While FILE is no state',
    'the last good one stays. A line for each thing that happens, with --json an object in each line.',
    'Exit codes: 0 it was stopped; 1 error; 2 the command line, or FILE at the beginning, is wrong.',
  ],
  options: {
    ...PLAN_OPTIONS,
    interval: { value: 'SECONDS', help: 'from one look at the kernel to the next (default 30)' },
    poll: { value: 'SECONDS', help: 'from one look at FILE to the next (default 0.5)' },
  },
  director: true,
  json: true,
  ownSignals: true,
  async run(invocation) {
    const { options, globals, operands, out, err, json, color, tell } = invocation
    const path = operands[0] as string
    if (path === '-') throw new UsageError('watch needs a file, which it can read again')
    const poll = options.seconds('poll') ?? POLL
    const planOptions = readPlanOptions(options)
    const { ended, release } = untilEnded(invocation)
    const { Clients } = await import('../watch/clients')
    const { Reporter } = await import('../watch/reporter')
    const { StateFile } = await import('../watch/state-file')
    const { openDirector } = await import('../open-director')
    const clients = new Clients(() => openDirector(globals, {}))
    let written: Promise<unknown> = Promise.resolve()
    let cannotWrite = (_: unknown): void => {}
    const unwritable = new Promise<never>((_, reject) => {
      cannotWrite = reject
    })
    unwritable.catch(() => {})
    const to = (output: typeof out) => (text: string) => {
      written = written.then(() => output.write(text))
      written.catch(cannotWrite)
    }
    const reporter = new Reporter({ file: path, json, color, out: to(out), err: to(err) })
    try {
      const states = await StateFile.open({
        path,
        poll,
        parse: await stateParser(planOptions),
        read: () => readInput(path, invocation),
        changed: (count) => reporter.changed(count),
        broken: (error, count) => reporter.broken(error, count),
        looked: () => clients.exchange(),
      })
      const { ipvs, notice } = await clients.begin()
      if (notice !== undefined) await tell(notice)
      reporter.watching(ipvs.dialect, ipvs.capabilities.transport)
      const session = { invocation, planOptions, states, clients, reporter, ended, unwritable }
      const why = await reconcile(session)
      reporter.stopped(why)
      await written
    } finally {
      release()
      await clients.close()
    }
    return EXIT.done
  },
}
