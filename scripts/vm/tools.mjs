// The Debian packages that the harness itself needs.
import { existsSync } from 'node:fs'
import { aptGet, isRoot, machineArchive } from './apt.mjs'
import { run } from './command.mjs'

const packages = ['qemu-system-x86', 'busybox-static', 'e2fsprogs', 'iproute2', 'xz-utils']

function installed(name) {
  try {
    return run('dpkg-query', ['-s', name]).includes('\nStatus: install ok installed\n')
  } catch {
    return false
  }
}

/** Installs what is missing where that is possible; otherwise says plainly what is missing. */
export function ensureTools(log = () => {}) {
  if (process.arch !== 'x64' || process.platform !== 'linux') {
    throw new Error('the test VM needs an x86-64 Linux machine with Debian 12 user space')
  }
  if (!existsSync('/usr/bin/dpkg-query')) {
    throw new Error(`the test VM needs Debian 12 with the packages ${packages.join(' ')}`)
  }
  const missing = packages.filter((name) => !installed(name))
  if (missing.length === 0) return
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`
  if (!isRoot()) {
    throw new Error(`packages missing: ${missing.join(' ')}\nas root: apt-get update && ${command}`)
  }
  log(`installing ${missing.join(' ')}`)
  machineArchive.update()
  aptGet(['install', '-y', '-q', '--no-install-recommends', ...missing])
}
