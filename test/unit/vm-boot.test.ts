// The rule of the test VM that a boot which never came to user space is made again, with programs that play QEMU.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
// @ts-expect-error: a script without types
import { runGuest } from '../../scripts/vm/qemu.mjs'

const boots = 3
const lockup = '[   28.531491] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [cryptomgr_test:65]'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ipvs-boot-'))
  // Deadlines pass when a test says so: how fast a shell starts is the machine's affair.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(folder, { recursive: true })
})

const BOOT_SECONDS = 600

/** Runs guests that are shell text; `$boot` is 1, 2, 3. The time of a boot passes at each line that `passes` agrees to. */
async function run(script: string, passes: (line: string) => boolean = () => false) {
  const count = join(folder, 'count')
  const program = join(folder, 'qemu')
  const text = `#!/bin/sh
boot=$(($(cat ${count} 2>/dev/null || echo 0) + 1)); echo $boot >${count}
${script}`
  writeFileSync(program, text, { mode: 0o755 })
  const lines: string[] = []
  const signs: string[] = []
  const ended = await runGuest([], {
    program,
    logFile: join(folder, 'log'),
    limitSeconds: 2 * BOOT_SECONDS,
    bootSeconds: BOOT_SECONDS,
    onLine: (line: string) => {
      lines.push(line)
      if (passes(line)) vi.advanceTimersByTime(BOOT_SECONDS * 1000)
      writeFileSync(join(folder, 'heard'), '')
    },
    again: (sign: string) => signs.push(sign),
  })
  const booted = existsSync(count) ? Number(readFileSync(count, 'utf8')) : 0
  return { ...ended, lines, signs, boots: booted }
}

// exec: the shell must not outlive its kill in a child of its own.
const hang = 'exec sleep 3000'

describe('a guest', { timeout: 600_000 }, () => {
  it('that hangs before user space is booted again, and the sign is told', async () => {
    const result = await run(
      `[ $boot = 1 ] && { echo '${lockup}'; ${hang}; }
rm ${folder}/heard; echo 'GUEST 6.1.0 up 2.1s'; while [ ! -e ${folder}/heard ]; do sleep 0.1; done; echo done; exit 33`,
      // That of the second one passes when its user space is there.
      (line) => line === lockup || line.startsWith('GUEST'),
    )
    expect(result).toMatchObject({ booted: true, timedOut: false, code: 33, boots: 2, signs: [lockup] })
    expect(result.trouble).toBeUndefined()
    expect(result.lines.slice(-2)).toEqual(['GUEST 6.1.0 up 2.1s', 'done'])
  })

  it('that never boots has failed after three times', async () => {
    const result = await run(`echo "boot $boot"; ${hang}`, () => true)
    expect(result).toMatchObject({ booted: false, timedOut: true, boots, signs: ['boot 1', 'boot 2'] })
  })

  it('that panics before user space is booted again', async () => {
    const panic = '[    1.000000] Kernel panic - not syncing: softlockup: hung tasks'
    const result = await run(`echo '${panic}'; exit 0`)
    expect(result).toMatchObject({
      booted: false,
      timedOut: false,
      boots,
      trouble: { status: 'panic', sign: panic },
    })
  })

  it('is never booted again once its user space has started', async () => {
    const result = await run(`echo 'GUEST 6.1.0 up 2.1s'; echo '${lockup}'; exit 0`)
    expect(result).toMatchObject({
      booted: true,
      boots: 1,
      signs: [],
      trouble: { status: 'oops', sign: lockup },
    })
  })

  const waits = '[  219.345501] unregister_netdevice: waiting for veth2 to become free. Usage count = 1'
  const waiting = (times: number, line = waits) => `for i in $(seq ${times}); do echo '${line}'; done`
  const later = waits.replace('219.', '519.')

  it('whose kernel waits for a device for ever is booted again, and the sign is told', async () => {
    const result = await run(
      `echo 'GUEST 2.6.32 up 2.1s'; [ $boot = 1 ] && { ${waiting(30)}; ${hang}; }; echo done; exit 33`,
    )
    expect(result).toMatchObject({ code: 33, stuck: undefined, boots: 2, signs: [waits] })
    expect(result.trouble).toBeUndefined()
  })

  it('that waits for ever twice has failed', async () => {
    const result = await run(`echo 'GUEST 2.6.32 up 2.1s'; ${waiting(30)}; ${hang}`)
    expect(result).toMatchObject({ stuck: waits, boots: 2, signs: [waits], trouble: { status: 'oops' } })
  })

  it('that waits for a device for a while has failed, and is not booted again', async () => {
    const other = waits.replace('veth2', 'veth0')
    const waited = `${waiting(29)}; ${waiting(29, other)}; ${waiting(29)}; ${waiting(29, later)}`
    const script = `echo 'GUEST 2.6.32 up 2.1s'; ${waited}; exit 33`
    expect(await run(script)).toMatchObject({
      stuck: undefined,
      boots: 1,
      signs: [],
      trouble: { status: 'oops' },
    })
  })

  it('is not booted again where QEMU cannot start', async () => {
    const result = await run(`echo 'no such image' >&2; exit 1`)
    expect(result).toMatchObject({ booted: false, code: 1, boots: 1, complaint: 'no such image', signs: [] })
  })
})
