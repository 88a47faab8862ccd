/** Units of the documentation, as systemd reads them. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0

/** What a unit may name that no machine has to have. */
const TARGETS = ['basic', 'multi-user', 'network-online', 'shutdown', 'sysinit']

/** What `systemd-analyze verify` says about it, on a machine that has its programs. */
export function unitFaults(unit: string): string {
  const root = mkdtempSync(join(tmpdir(), 'ipvs-units-'))
  const write = (path: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text, { mode })
  }
  try {
    for (const name of TARGETS) write(`etc/systemd/system/${name}.target`, '[Unit]\n')
    write('etc/systemd/system/one.service', unit)
    for (const [, program] of unit.matchAll(/^Exec\w+=\W*(\/\S+)/gm)) {
      write(program as string, '#!/bin/sh\n', 0o755)
    }
    const options = ['verify', `--root=${root}`, 'one.service']
    const { status, stdout, stderr } = spawnSync('systemd-analyze', options, { encoding: 'utf8' })
    return `${stdout}${stderr}` || (status === 0 ? '' : `status ${status}`)
  } finally {
    rmSync(root, { recursive: true })
  }
}
