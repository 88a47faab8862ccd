// Processes beside the test's own.

import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { project } from './library'

export interface Failure {
  readonly name: string
  readonly code: string
  readonly errno?: number
  readonly syscall?: string
  readonly operation?: string
  readonly message: string
  readonly hint?: string
  readonly sent?: boolean
}

interface Attempt {
  readonly value?: unknown
  readonly error?: Failure
}

export interface Seen {
  readonly opened: boolean
  readonly error?: Failure
  readonly dialect?: string
  readonly list?: Attempt
  readonly add?: Attempt
}

/** What support/open-as.cjs says when it is run by `command`. */
export function openAs(
  transports: readonly string[],
  { command = [], ...options }: SpawnOptions & { command?: readonly string[] } = {},
): Promise<Record<string, Seen>> {
  const script = join(project, 'test/vm/support/open-as.cjs')
  const words = [...command, process.execPath, script, ...transports]
  return new Promise((resolve, reject) => {
    execFile(
      words[0] as string,
      words.slice(1),
      { encoding: 'utf8', ...options },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`${error.message}\n${stderr}`))
        else resolve(JSON.parse(stdout))
      },
    )
  })
}

/** A process in a network namespace of its own, which goes when the process goes. */
export class Namespace {
  private constructor(private readonly child: ChildProcess) {}

  static async create(): Promise<Namespace> {
    const script = 'ip link set lo up 2>/dev/null; echo ready; exec cat'
    const child = spawn('unshare', ['-n', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
    const [line] = await once(lines, 'line')
    if (line !== 'ready') throw new Error(`unshare -n says ${line}`)
    return new Namespace(child)
  }

  get pid(): number {
    return this.child.pid as number
  }

  async close(): Promise<void> {
    const ended = once(this.child, 'exit')
    this.child.stdin?.end()
    await ended
  }
}
