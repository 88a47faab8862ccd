/** A project of its own, outside the repository, that has the packed package installed. */

import { execFileSync, spawnSync } from 'node:child_process'
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

let packed: Tarball | undefined

/**
 * The package, packed once and removed when the process ends. One process after the other packs it: what is packed is written
 * into the repository meanwhile.
 */
export function tarball(): Tarball {
  if (packed) return packed
  const folder = mkdtempSync(join(tmpdir(), 'ipvs-tarball-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const env = cleanEnvironment()
  if (!full) env.IPVS_FULLNAT_PREBUILDS = `linux-${process.arch}`
  const lock = join(root, 'build/pack.lock')
  mkdirSync(dirname(lock), { recursive: true })
  const text = execFileSync('flock', [lock, 'npm', 'pack', '--json', '--pack-destination', folder], {
    cwd: root,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [{ filename, files }] = JSON.parse(text) as [{ filename: string; files: { path: string }[] }]
  packed = { path: join(folder, filename), files: files.map(({ path }) => path) }
  return packed
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

/** One in which npm has installed the package, offline. */
export class Consumer extends Project {
  readonly files = tarball().files

  constructor() {
    super()
    const packages = [tarball().path, `${root}node_modules/node-gyp-build`]
    const options = ['--offline', '--install-links', '--no-audit', '--no-fund', '--no-package-lock']
    const install = this.run('npm', ['install', ...options, ...packages])
    if (install.status !== 0) throw new Error(`npm install: ${install.stderr}`)
  }

  get package(): string {
    return join(this.folder, 'node_modules/ipvs-fullnat')
  }
}

let shared: Consumer | undefined

/** The one that tests share which leave it as it is. */
export function consumer(): Consumer {
  if (!shared) {
    const made = new Consumer()
    process.once('exit', () => made.remove())
    shared = made
  }
  return shared
}
