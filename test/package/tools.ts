/** Programs that packages of the npm registry bring, kept between runs in the harness's cache. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
// @ts-expect-error: a script without types
import { cached } from '../../scripts/vm/cache.mjs'
import { cleanEnvironment } from './project'

/**
 * The folder in which those packages (`name@version`) stand below node_modules. `--force` among the options takes those of
 * another platform, too.
 */
export function tools(
  name: string,
  packages: readonly string[],
  more: readonly string[] = [],
): Promise<string> {
  const id = [name, ...packages.map((one) => one.replaceAll('/', '+'))].join(',')
  return cached('tools', id, (path: string) => {
    mkdirSync(path)
    writeFileSync(join(path, 'package.json'), '{"private":true}')
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--no-save', ...more]
    execFileSync('npm', ['install', ...options, ...packages], { cwd: path, env: cleanEnvironment() })
  })
}

export const VERSIONS = {
  bun: '1.4.5',
  deno: '2.9.6',
  esbuild: '0.28.2',
  ncc: '0.45.0',
  npm: '12.2.1',
  npm6: '6.14.18',
  pnpm: '12.4.2',
  publint: '0.3.25',
  attw: '0.18.5',
  rollup: '4.68.8',
  webpack: '5.113.0',
  yarn1: '1.22.22',
  yarn4: '4.18.1',
} as const
