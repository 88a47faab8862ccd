import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { endedWell, runFixture, TIMEOUT } from './run-fixture'

describe('the process', () => {
  it('is not kept alive by an open connection or client', { timeout: TIMEOUT }, async () => {
    const ended = await runFixture('open-connection')
    expect(ended).toMatchObject({ ...endedWell(), lines: [expect.stringMatching(/^sockets: [12]$/), 'open'] })
  })

  it('is not kept alive by the addon alone', { timeout: TIMEOUT }, async () => {
    expect(await runFixture('common')).toEqual(endedWell())
  })

  it('is not kept alive by the deadline of a call', { timeout: TIMEOUT }, async () => {
    expect(await runFixture('pending-timers')).toEqual(endedWell('called'))
  })

  it('is kept alive by a pending job', { timeout: TIMEOUT }, async () => {
    const ended = await runFixture('pending-job', [], { kernel: 'silent' })
    expect(ended).toEqual(endedWell('started', 'answered', 'sent: 1'))
  })

  it.each([
    ['jobs run', 16, 0, 4],
    ['jobs wait in the pool', 16, 100, 1],
    ['one job waits', 1, 50, 1],
    ['there are more jobs than threads', 100, 0, 2],
  ])('ends with process.exit() while %s', { timeout: TIMEOUT }, async (_, connections, busy, threads) => {
    const rounds = Array.from({ length: 2 }, () => runFixture('exit', [connections, busy], { threads }))
    for (const ended of await Promise.all(rounds)) {
      expect(ended).toEqual({ ...endedWell(), status: 7 })
    }
  })

  it('sees what a callback throws as an uncaught exception', { timeout: TIMEOUT }, async () => {
    expect(await runFixture('throwing-callback')).toEqual(endedWell('uncaught: from the callback', 'goes on'))
  })

  it('collects connections that nobody holds, after their jobs', { timeout: TIMEOUT }, async () => {
    const ended = await runFixture('gc', [], { node: ['--expose-gc'] })
    expect(ended).toEqual(endedWell('begins', 'answered: 100', 'collected', 'open: true', 'closed'))
  })
})

describe('a connection', () => {
  it('refuses wrong use with an exception', { timeout: TIMEOUT }, async () => {
    const ended = await runFixture('misuse', [], { threads: 1 })
    expect(ended.stderr).toBe('')
    expect(ended.lines).toEqual([
      'no arguments: Error: run: bad arguments',
      'no callback: Error: run: bad arguments',
      'a typed array: Error: run: bad arguments',
      'shared memory: Error: run: bad arguments',
      'an empty buffer: Error: run: not a request of this build',
      'half a header: Error: run: not a request of this build',
      'zeros: Error: run: not a request of this build',
      'another build: Error: run: not a request of this build',
      'a count beyond the buffer: Error: run: not a request of this build',
      'a count beyond everything: Error: run: not a request of this build',
      'a request cut short: Error: run: not a request of this build',
      'a detached buffer: Error: run: not a request of this build',
      expect.stringMatching(/^another receiver: TypeError/),
      expect.stringMatching(/^without new: TypeError/),
      'run: accepted',
      'run while a job runs: accepted',
      'close while a job runs: accepted',
      'close again: accepted',
      'run after close: Error: run: the connection is closed',
      'close before anything: accepted',
      'run after that: Error: run: the connection is closed',
      'copied: 0',
      'garbage over transport 1: 12 of 12 answered',
      'garbage over transport 2: 12 of 12 answered',
      'garbage over transport 9: 12 of 12 answered',
    ])
    expect(ended.status).toBe(0)
  })
})

describe('Ipvs.open over the addon', () => {
  const { Ipvs } = createRequire(import.meta.url)('../../dist/index.js') as typeof import('../../lib/index')
  const loaded = ['ip_vs', 'ip_vs_ext_stats'].some((name) => existsSync(`/proc/net/${name}`))

  it.skipIf(loaded)('rejects where ip_vs is not loaded, by every transport', async () => {
    for (const transport of ['auto', 'netlink', 'sockopt'] as const) {
      await expect(Ipvs.open({ transport })).rejects.toMatchObject({
        code: 'ERR_IPVS_NOT_LOADED',
        operation: 'open',
        sent: false,
      })
    }
  })

  it.each([
    ['/nonexistent', 'ENOENT', 'open'],
    ['nobody-has-this-name', 'ENOENT', 'open'],
    ['/proc/self/ns/uts', 'EINVAL', 'setns'],
    ['/dev/null', 'EINVAL', 'setns'],
  ])('says why it cannot enter %s', async (netns, code, syscall) => {
    const error = await Ipvs.open({ netns }).then(
      () => undefined,
      (reason) => reason,
    )
    expect(error).toMatchObject({ name: 'IpvsError', syscall, operation: 'open', sent: false })
    // Without CAP_SYS_ADMIN the kernel does not even look at the file.
    expect([code, 'EPERM']).toContain(error.code)
  })
})
