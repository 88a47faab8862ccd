/** The command line in this process, on fake kernels that live in files. */

import { EventEmitter } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll } from 'vitest'
import type { CliInput, CliStream } from '../../../lib/cli/io'
import { run } from '../../../lib/cli/run'
import { type FakeDialect, FakeKernel } from '../../../lib/testing'

const folder = mkdtempSync(join(tmpdir(), 'ipvs-cli-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
/** The name of a file that is not there. */
export const freshFile = (ending = 'json'): string => join(folder, `${++files}.${ending}`)

export class Sink extends EventEmitter implements CliStream {
  text = ''
  constructor(
    readonly isTTY = false,
    readonly columns: number | undefined = undefined,
  ) {
    super()
  }
  write(piece: string): boolean {
    this.text += piece
    return true
  }
}

export interface CliOptions {
  readonly input?: string | Uint8Array
  readonly env?: Record<string, string>
  readonly stdout?: Sink
  readonly stderr?: Sink
  readonly signals?: EventEmitter
  readonly stdin?: CliInput
}

export interface CliResult {
  readonly code: number
  readonly out: string
  readonly err: string
}

export async function cli(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { input = '', env = {}, stdout = new Sink(), stderr = new Sink(), signals } = options
  const stdin = options.stdin ?? (Readable.from([Buffer.from(input)]) as CliInput)
  const code = await run(argv, { stdin, stdout, stderr, env, signals })
  return { code, out: stdout.text, err: stderr.text }
}

/** Splits at blanks, as somebody types it. */
export const words = (line: string): string[] => line.split(' ').filter(Boolean)

/** A fake kernel in a file, and lines typed at it. */
export class Director {
  readonly file = freshFile()
  constructor(readonly dialect: FakeDialect) {}

  get notice(): string {
    return `FakeKernel in ${this.file}, NOT A REAL KERNEL (${this.dialect})\n`
  }

  /** The notice is left out of `err`. */
  async type(line: string | readonly string[], options: CliOptions = {}): Promise<CliResult> {
    const argv = typeof line === 'string' ? words(line) : line
    const result = await cli(['--fake', this.file, '--fake-dialect', this.dialect, ...argv], options)
    return { ...result, err: result.err.replace(this.notice, '') }
  }

  /** Must work, and say nothing on standard error. */
  async works(line: string | readonly string[], options: CliOptions = {}): Promise<string> {
    const { code, out, err } = await this.type(line, options)
    if (code !== 0 || err !== '') throw new Error(`${line}: exit ${code}\n${err}`)
    return out
  }
}

export { type FakeDialect, FakeKernel }
