// promtool and prometheus of Debian: those of the machine, or its package unpacked into the cache, not installed.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { machineArchive } from './vm/apt.mjs'
import { cached } from './vm/cache.mjs'
import { reason, run } from './vm/command.mjs'
import { versionInName } from './vm/package-facts.mjs'

const programs = ['promtool', 'prometheus']

const onPath = () =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .find((folder) => programs.every((name) => existsSync(join(folder, name))))

/** { folder } with both programs, or { missing } with the reason. */
export async function findPrometheus() {
  const folder = onPath()
  if (folder) return { folder }
  try {
    const version = versionInName(machineArchive.candidate('prometheus').version)
    const unpacked = await cached('prometheus', version, (path) => {
      const work = mkdtempSync(join(dirname(path), 'deb-'))
      run('dpkg-deb', ['-x', machineArchive.download('prometheus', work), join(work, 'root')])
      mkdirSync(path)
      for (const name of programs) copyFileSync(join(work, 'root/usr/bin', name), join(path, name))
      rmSync(work, { recursive: true, force: true })
    })
    return { folder: unpacked }
  } catch (error) {
    return { missing: `prometheus cannot be had: ${reason(error)}` }
  }
}
