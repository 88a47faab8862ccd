// Debian's own ipvsadm, the oracle of the mainline kernel: downloaded and unpacked, not installed.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { machineArchive } from './apt.mjs'
import { cached } from './cache.mjs'
import { run } from './command.mjs'
import { versionInName } from './package-facts.mjs'

const packages = ['ipvsadm', 'libnl-3-200', 'libnl-genl-3-200', 'libpopt0']

/** A folder with `ipvsadm` and its libraries, or undefined where the packages cannot be had. */
export async function mainlineIpvsadm(log = () => {}) {
  try {
    const version = versionInName(machineArchive.candidate('ipvsadm').version)
    return await cached('mainline', `ipvsadm-${version}`, (path) => {
      const work = mkdtempSync(join(dirname(path), 'deb-'))
      const root = join(work, 'root')
      for (const name of packages) run('dpkg-deb', ['-x', machineArchive.download(name, work), root])
      mkdirSync(path)
      copyFileSync(join(root, 'sbin/ipvsadm'), join(path, 'ipvsadm'))
      for (const folder of ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu']) {
        const from = join(root, folder)
        if (!existsSync(from)) continue
        for (const name of readdirSync(from).filter((entry) => /\.so\.\d+$/.test(entry))) {
          copyFileSync(join(from, name), join(path, name))
        }
      }
      rmSync(work, { recursive: true, force: true })
    })
  } catch (error) {
    log(`no ipvsadm for mainline: ${error.message}`)
    return undefined
  }
}
