/** A project of its own, outside the repository, that has the packed package installed. */

import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Ran {
  status: number | null
  stdout: string
  stderr: string
}

/** The environment without what vitest and npm put there. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS$|VITEST)/.test(name))
  return Object.fromEntries(entries)
}

export class Consumer {
  /** Of the tarball. */
  readonly files: string[]
  readonly folder = mkdtempSync(join(tmpdir(), 'ipvs-consumer-'))

  /** Packs and installs, from source and offline: npm runs the install script, which finds no prebuild. */
  constructor() {
    const env = cleanEnvironment()
    const pack = execFileSync('npm', ['pack', '--json', '--pack-destination', this.folder], {
      cwd: root,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [packed] = JSON.parse(pack) as [{ filename: string; files: { path: string }[] }]
    this.files = packed.files.map(({ path }) => path)
    this.write('package.json', JSON.stringify({ name: 'consumer', version: '1.0.0', private: true }))
    const packages = [
      `./${packed.filename}`,
      ...['node-addon-api', 'node-gyp-build'].map((name) => `${root}node_modules/${name}`),
    ]
    const options = ['--offline', '--install-links', '--no-audit', '--no-fund', '--no-package-lock']
    const install = spawnSync('npm', ['install', ...options, ...packages], {
      cwd: this.folder,
      env: { ...env, JOBS: 'max' },
      encoding: 'utf8',
    })
    if (install.status !== 0) throw new Error(`npm install: ${install.stderr}`)
  }

  get package(): string {
    return join(this.folder, 'node_modules/ipvs-fullnat')
  }

  write(name: string, text: string): string {
    const path = join(this.folder, name)
    writeFileSync(path, text)
    return path
  }

  run(command: string, args: readonly string[]): Ran {
    const { status, stdout, stderr } = spawnSync(command, args, {
      cwd: this.folder,
      env: cleanEnvironment(),
      encoding: 'utf8',
      timeout: 300_000,
    })
    return { status, stdout, stderr }
  }

  /** The same without its addon, or with something else in its place. */
  withAddon(content: string | undefined, use: () => void): void {
    const addon = join(this.package, 'build')
    const aside = join(this.folder, 'aside')
    cpSync(addon, aside, { recursive: true })
    try {
      if (content === undefined) rmSync(addon, { recursive: true })
      else writeFileSync(join(addon, 'Release/ipvs_fullnat.node'), content)
      use()
    } finally {
      rmSync(addon, { recursive: true, force: true })
      cpSync(aside, addon, { recursive: true })
      rmSync(aside, { recursive: true })
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true })
  }
}
