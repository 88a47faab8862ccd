/**
 * The package, packed once for all files of the suite and before the first of them: while it is packed, files that only the
 * package has stand in the repository, and dist is written.
 */

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { cleanEnvironment, full, root, type Tarball } from './project'

declare module 'vitest' {
  export interface ProvidedContext {
    tarball: Tarball
  }
}

export default function pack({ provide }: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'ipvs-tarball-'))
  const env = cleanEnvironment()
  if (!full) env.IPVS_FULLNAT_PREBUILDS = `linux-${process.arch}`
  // Two runs of the suite in one repository would write over one another.
  const lock = join(root, 'build/pack.lock')
  mkdirSync(join(root, 'build'), { recursive: true })
  const text = execFileSync('flock', [lock, 'npm', 'pack', '--json', '--pack-destination', folder], {
    cwd: root,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [{ filename, files }] = JSON.parse(text) as [{ filename: string; files: { path: string }[] }]
  provide('tarball', { path: join(folder, filename), files: files.map(({ path }) => path) })
  return () => rmSync(folder, { recursive: true, force: true })
}
