/** What the whole matrix needs of Debian, besides the compilers that the prebuilds need: an emulator for the cells of arm64. */

import { existsSync } from 'node:fs'
// @ts-expect-error: a script without types
import { aptGet, isRoot, machineArchive } from '../../scripts/vm/apt.mjs'
import { full } from './project'

export default function installEmulator(): void {
  if (!full || existsSync('/usr/bin/qemu-aarch64') || !isRoot()) return
  try {
    machineArchive.update()
    aptGet(['install', '-yq', '--no-install-recommends', 'qemu-user'])
  } catch (error) {
    // The cells are skipped, by name.
    console.error(`qemu-user cannot be installed: ${(error as Error).message}`)
  }
}
