/** One run of the command line. */

import type { Ipvs } from '../client/ipvs'
import type { Command, Invocation } from './command'
import type { CommandEntry } from './commands'
import { COMMANDS } from './commands'
import { EXIT, UsageError } from './errors'
import { refuseOthers, splitGlobals } from './globals'
import { commandHelp, overallHelp, packageVersion, takenGlobals } from './help'
import type { CliIo } from './io'
import type { Director } from './open-director'
import { GivenOptions, nearest, scanArguments } from './options'
import { Output } from './output'
import { reportError } from './report-error'

/** An ipvsadm line begins with an option, or with what a word processor made of its dash; none at all lists the table. */
const isIpvsadmLine = ([first]: readonly string[]): boolean =>
  first === undefined || /^[-\u2010-\u2015\u2212]/.test(first)

function findCommand(name: string): CommandEntry {
  const found = COMMANDS.find((entry) => entry.name === name)
  if (found) return found
  const names = COMMANDS.map((entry) => entry.name)
  const near = nearest(name, names)
  const hint = near === undefined ? `There are ${names.join(', ')}, and ipvsadm's options.` : undefined
  throw new UsageError(
    `no command '${name}'${near === undefined ? '' : `: did you mean ${near}?`}`,
    hint ?? 'ipvs-fullnat --help tells what there is.',
  )
}

interface ReadLine {
  readonly options: GivenOptions
  readonly operands: readonly string[]
}

function readLine(name: string, command: Command, words: readonly string[]): ReadLine {
  const options = new GivenOptions()
  const operands: string[] = []
  const help = `ipvs-fullnat ${name} --help tells what there is.`
  scanArguments(words, options, {
    find: (option) =>
      Object.prototype.hasOwnProperty.call(command.options, option) ? command.options[option] : undefined,
    other: (word) => {
      if (!/^-./.test(word)) {
        operands.push(word)
        return
      }
      const near = nearest(
        word.replace(/^-+/, '').replace(/=.*/, ''),
        Object.keys({ ...command.options, ...takenGlobals(command) }),
      )
      const meant = near === undefined ? '' : `: did you mean --${near}?`
      throw new UsageError(`${name} has no option ${word}${meant}`, help)
    },
    rest: (rest) => operands.push(...rest),
  })
  const { operands: names, needs = names.length } = command
  const missing = names[operands.length]
  if (operands.length < needs) throw new UsageError(`${name} needs ${missing}`, help)
  const most = names.length > 0 && names[names.length - 1]?.endsWith('…') ? undefined : names.length
  if (most !== undefined && operands.length > most) {
    throw new UsageError(`${name}: '${operands[most]}' is one word too much`, help)
  }
  return { options, operands }
}

/** SIGINT ends what is under way, and a second one the process; without AbortController the first one does. */
function listen({ signals }: CliIo, controller: AbortController | undefined): () => void {
  if (!signals || !controller) return () => {}
  const interrupt = () => controller.abort()
  const names = ['SIGINT', 'SIGTERM']
  for (const name of names) signals.once(name, interrupt)
  return () => {
    for (const name of names) signals.removeListener(name, interrupt)
  }
}

class Run {
  private director: Promise<Director> | undefined
  readonly out: Output
  readonly err: Output

  constructor(private readonly io: CliIo) {
    this.out = new Output(io.stdout)
    this.err = new Output(io.stderr)
  }

  command(name: string, command: Command, globals: GivenOptions, words: readonly string[]): Promise<number> {
    return this.invoke(command, globals, () => {
      refuseOthers(globals, takenGlobals(command), name)
      return readLine(name, command, words)
    })
  }

  async line(globals: GivenOptions, words: readonly string[]): Promise<number> {
    const { ipvsadmLine } = await import('./ipvsadm/line')
    return this.invoke(ipvsadmLine, globals, () => {
      refuseOthers(globals, takenGlobals(ipvsadmLine), "ipvsadm's options")
      return { options: new GivenOptions(), operands: words }
    })
  }

  private async invoke(command: Command, globals: GivenOptions, read: () => ReadLine): Promise<number> {
    const { io, out, err } = this
    const own = command.ownSignals || typeof AbortController !== 'function'
    const controller = own ? undefined : new AbortController()
    const stop = listen(io, controller)
    const call = controller ? { signal: controller.signal } : {}
    const tell = (line: string) => err.write(`${line}\n`)
    try {
      return await command.run({
        ...{ io, out, err, globals, call, tell, ...read() },
        director: () => this.open(globals, call, tell),
        json: globals.has('json'),
        // https://no-color.org: whatever it is, unless it is empty.
        color: out.isTerminal && !io.env.NO_COLOR && io.env.TERM !== 'dumb' && !globals.has('no-color'),
      })
    } catch (error) {
      const { text, exit } = reportError(error, controller?.signal.aborted ?? false)
      await err.write(text)
      return exit === EXIT.usage ? (command.usageExit ?? exit) : exit
    } finally {
      stop()
    }
  }

  private async open(
    globals: GivenOptions,
    call: Invocation['call'],
    tell: Invocation['tell'],
  ): Promise<Ipvs> {
    if (!this.director) {
      const { openDirector } = await import('./open-director')
      this.director = openDirector(globals, call)
      const { notice } = await this.director
      if (notice !== undefined) await tell(notice)
    }
    return (await this.director).ipvs
  }

  /** What is kept in a file is written now. */
  async close(): Promise<void> {
    const director = await this.director?.catch(() => undefined)
    await director?.close()
  }
}

async function perform(one: Run, argv: readonly string[]): Promise<number> {
  const { globals, words } = splitGlobals(argv)
  const [first, ...rest] = words
  const line = isIpvsadmLine(words)
  if (first === '-h' || (line && globals.has('help'))) {
    await one.out.write(overallHelp())
    return EXIT.done
  }
  if (first === '-v' || first === '--version') {
    await one.out.write(`ipvs-fullnat ${packageVersion()}\n`)
    return EXIT.done
  }
  if (line) return one.line(globals, words)
  const { name, load } = findCommand(first as string)
  const { command } = await load()
  if (globals.has('help') || rest[0] === '-h') {
    await one.out.write(commandHelp(name, command))
    return EXIT.done
  }
  return one.command(name, command, globals, rest)
}

/** `argv`: without node and the program's name. Never rejects; resolves to the exit code. */
export async function run(argv: readonly string[], io: CliIo): Promise<number> {
  const one = new Run(io)
  const failed = async (error: unknown) => {
    const { text, exit } = reportError(error, false)
    await one.err.write(text)
    return exit
  }
  const code = await perform(one, argv).catch(failed)
  // What is kept in a file is written whatever has become of the command.
  const closed = await one.close().then(() => code, failed)
  // What could not be written has been told already where that was why the command failed.
  return closed === EXIT.failed ? closed : one.out.settle().then(() => closed, failed)
}
