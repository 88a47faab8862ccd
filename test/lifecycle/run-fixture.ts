import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Ended {
  /** Undefined when the process was ended by a signal, that of the deadline included. */
  status: number | undefined
  signal: string | undefined
  timedOut: boolean
  lines: string[]
  stderr: string
}

/** Below the deadline of vitest, so that a hang is told from a slow machine. */
const DEADLINE_MS = 20_000

/** Runs a script of fixtures/ in a process of its own. */
export function runFixture(
  name: string,
  args: readonly (string | number)[] = [],
  { node = [], threads }: { node?: readonly string[]; threads?: number } = {},
): Promise<Ended> {
  const script = fileURLToPath(new URL(`fixtures/${name}.cjs`, import.meta.url))
  // vitest's own options are not meant for the child.
  const env: NodeJS.ProcessEnv = { ...process.env, NODE_OPTIONS: '' }
  if (threads !== undefined) env.UV_THREADPOOL_SIZE = String(threads)
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...node, script, ...args.map(String)], { env })
    let stdout = ''
    let stderr = ''
    let timedOut = false
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text
    })
    const deadline = setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
    }, DEADLINE_MS)
    child.on('error', reject)
    child.on('close', (status, signal) => {
      clearTimeout(deadline)
      const lines = stdout.split('\n').filter((line) => line !== '')
      resolve({ status: status ?? undefined, signal: signal ?? undefined, timedOut, lines, stderr })
    })
  })
}

/** What a process that ended well looks like. */
export const endedWell = (...lines: string[]): Ended => ({
  status: 0,
  signal: undefined,
  timedOut: false,
  lines,
  stderr: '',
})
