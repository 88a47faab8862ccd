/** A folder of its own, outside the repository, and what runs there. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))
/** All prebuilds and every cell of the matrix; else what a change of a day breaks. */
export const full = process.env.CI_FULL === '1'

export interface Ran {
  status: number | null
  stdout: string
  stderr: string
}

/** The environment without what vitest and npm put there. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS$|VITEST)/.test(name))
  return Object.fromEntries(entries)
}

export interface Tarball {
  readonly path: string
  readonly files: readonly string[]
}

/** A folder outside the repository. */
export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), 'ipvs-consumer-'))

  constructor(manifest: object = {}) {
    this.write(
      'package.json',
      JSON.stringify({ name: 'consumer', version: '1.0.0', private: true, ...manifest }),
    )
  }

  write(name: string, text: string): string {
    const path = join(this.folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    return path
  }

  run(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Ran {
    const { status, stdout, stderr, error } = spawnSync(command, args, {
      cwd: this.folder,
      env: { ...cleanEnvironment(), ...environment },
      encoding: 'utf8',
      timeout: 600_000,
    })
    if (error) throw error
    return { status, stdout, stderr }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
