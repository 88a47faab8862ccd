import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Ended {
  /** Undefined when the process was ended by a signal, that of the deadline included. */
  status: number | undefined
  signal: string | undefined
  timedOut: boolean
  lines: string[]
  stderr: string
}

export interface Options {
  /** Another Node than this one. */
  binary?: string | undefined
  /** Its options. */
  node?: readonly string[]
  /** UV_THREADPOOL_SIZE */
  threads?: number | undefined
  /** What interpose.c makes of the kernel. */
  kernel?: 'silent' | 'hang' | 'real'
  /** Threads sleep for so many µs after they have let go of a lock. */
  slowUnlock?: number
  /** Preloaded before everything else. */
  libraries?: readonly string[]
  env?: NodeJS.ProcessEnv
}

/** Of a script: a hang, and not a machine that is busy with much else. */
const DEADLINE_MS = 300_000
/** Of a test that runs one, for vitest: above the script's, so that a hang is told from a slow test. */
export const TIMEOUT = 330_000

const here = fileURLToPath(new URL('.', import.meta.url))

/** interpose.c, built where it is missing or old. */
function interposer(): string {
  const source = join(here, 'interpose.c')
  const folder = join(here, '../../build/lifecycle')
  const library = join(folder, 'interpose.so')
  if (existsSync(library) && statSync(library).mtimeMs > statSync(source).mtimeMs) return library
  mkdirSync(folder, { recursive: true })
  // Test files run side by side: whoever is last wins, with the same.
  const made = `${library}.${process.pid}`
  execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', made, source, '-ldl'])
  renameSync(made, library)
  return library
}

/** Runs a script of fixtures/ in a process of its own. */
export function runFixture(
  name: string,
  args: readonly (string | number)[] = [],
  {
    binary = process.execPath,
    node = [],
    threads,
    kernel,
    slowUnlock,
    libraries = [],
    env = {},
  }: Options = {},
): Promise<Ended> {
  const script = join(here, `fixtures/${name}.cjs`)
  // vitest's own options are not meant for the child.
  const all: NodeJS.ProcessEnv = { ...process.env, NODE_OPTIONS: '', ...env }
  const preload = [...libraries]
  const folder = mkdtempSync(join(tmpdir(), 'ipvs-lifecycle-'))
  if (threads !== undefined) all.UV_THREADPOOL_SIZE = String(threads)
  if (kernel !== undefined || slowUnlock !== undefined) {
    preload.push(interposer())
    all.IPVS_SENT = join(folder, 'sent')
    if (kernel !== undefined && kernel !== 'real') all.IPVS_NETLINK = kernel
    if (slowUnlock !== undefined) all.IPVS_SLOW_UNLOCK = String(slowUnlock)
  }
  if (preload.length > 0) all.LD_PRELOAD = preload.join(' ')
  return new Promise((resolve, reject) => {
    const child = spawn(binary, [...node, script, ...args.map(String)], { env: all })
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
      if (all.IPVS_SENT !== undefined && existsSync(all.IPVS_SENT)) {
        lines.push(`sent: ${statSync(all.IPVS_SENT).size}`)
      }
      rmSync(folder, { recursive: true })
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
