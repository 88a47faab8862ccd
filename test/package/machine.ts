/** What the cells of arm64 need of Debian: an emulator, and the libraries that its programs find there. */

import { existsSync } from 'node:fs'
// @ts-expect-error: a script without types
import { aptGet, isRoot, machineArchive } from '../../scripts/vm/apt.mjs'
import { full } from './project'

export default function installEmulator(): void {
  const files = ['/usr/bin/qemu-aarch64', '/usr/bin/aarch64-linux-gnu-g++']
  if (!full || files.every((path) => existsSync(path)) || !isRoot()) return
  try {
    machineArchive.update()
    aptGet(['install', '-yq', '--no-install-recommends', 'qemu-user', 'g++-aarch64-linux-gnu'])
  } catch (error) {
    // The cells are skipped, by name.
    console.error(`an emulator of arm64 cannot be installed: ${(error as Error).message}`)
  }
}
