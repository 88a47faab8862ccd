/** What the program around a client notices of a kernel that is silent or hangs in a system call. */
import { describe, expect, it } from 'vitest'
import { nodes } from './nodes'
import { endedWell, runFixture, TIMEOUT } from './run-fixture'

/** Milliseconds until a job gives up; 0: never. What must not wait for it is seen beside jobs that never end. */
const NEVER = 0
const SOON = 300

const endedBy = (status: number, ...lines: string[]) => ({ ...endedWell(...lines), status })

describe.each(nodes)('Node $name', ({ skip, options }) => {
  describe.skipIf(skip)('beside a kernel that is silent', () => {
    it.each([
      [4, 4],
      [1, 1],
      [12, 2],
    ])(
      '%i clients leave fs and dns the pool of %i threads, hear that the engine is alive, and give up',
      {
        timeout: TIMEOUT,
      },
      async (clients, threads) => {
        const silent = { ...options, kernel: 'silent', threads } as const
        const sent = `sent: ${clients}`
        expect(await runFixture('silent', [clients, NEVER], silent)).toEqual(
          endedWell(`threads: ${clients}`, 'read and looked up', 'told that the engine is alive', sent),
        )
        expect(await runFixture('silent', [clients, SOON], silent)).toEqual(endedWell('error: 110', sent))
      },
    )

    it('a job behind the one that found it so is not sent; a later one is', {
      timeout: TIMEOUT,
    }, async () => {
      const ended = await runFixture('silence', [SOON], { ...options, kernel: 'silent' })
      expect(ended).toEqual(endedWell('at the same time: sent 1', 'later: sent 2', 'sent: 2'))
    })

    it('process.exit() does not wait', { timeout: TIMEOUT }, async () => {
      const ended = await runFixture('stop', ['exit', 5], { ...options, kernel: 'silent', threads: 1 })
      expect(ended).toEqual(endedBy(7, 'sent: 5'))
    })

    it('worker.terminate() does not wait, nothing more is sent and the sockets are closed', {
      timeout: TIMEOUT,
    }, async () => {
      const ended = await runFixture('stop', ['terminate', 5], { ...options, kernel: 'silent', threads: 1 })
      expect(ended).toEqual(endedBy(7, 'terminated', 'its sockets are closed', 'sent: 5'))
    })
  })

  describe.skipIf(skip)('beside a kernel that hangs in a system call', () => {
    it('clients leave fs and dns the pool', { timeout: TIMEOUT }, async () => {
      const ended = await runFixture('silent', [5, SOON], { ...options, kernel: 'hang', threads: 1 })
      expect(ended).toEqual(endedWell('threads: 5', 'read and looked up', 'sent: 5'))
    })

    it('process.exit() does not wait', { timeout: TIMEOUT }, async () => {
      const ended = await runFixture('stop', ['exit', 3], { ...options, kernel: 'hang', threads: 1 })
      expect(ended).toEqual(endedBy(7, 'sent: 3'))
    })

    it('worker.terminate() does not wait', { timeout: TIMEOUT }, async () => {
      const ended = await runFixture('stop', ['terminate', 3], { ...options, kernel: 'hang', threads: 1 })
      expect(ended).toEqual(endedBy(7, 'terminated', 'sent: 3'))
    })
  })

  describe.skipIf(skip)('files', () => {
    it.each([
      ['terminate', 'between'],
      ['terminate', 'reading'],
      ['exit', 'between'],
      ['exit', 'reading'],
    ])('of a worker that ends by %s are closed (%s)', { timeout: TIMEOUT }, async (how, when) => {
      const ended = await runFixture('worker-files', [how, when], { ...options, threads: 1 })
      expect(ended).toEqual(endedWell('open: 2', 'closed'))
    })
  })

  describe.skipIf(skip)('jobs and connections', () => {
    it('are answered in order, and the sockets of a closed connection are closed', {
      timeout: TIMEOUT,
    }, async () => {
      const lines = [
        'answered: 40 of 40, in order: true',
        'run from a callback: answered',
        'after close: answered 3 of 3',
        'its sockets are closed',
      ]
      expect(await runFixture('pipeline', [], { ...options, threads: 1 })).toEqual(endedWell(...lines))
    })

    it('run in workers side by side', { timeout: TIMEOUT }, async () => {
      expect(await runFixture('workers', [4, 10], options)).toEqual(endedWell('done: 50'))
    })

    it.each(['terminate', 'exit'])('survive a worker that ends by %s', { timeout: TIMEOUT }, async (how) => {
      const ended = await runFixture('terminate', [15, how], options)
      expect(ended).toEqual(endedWell('done: 15, no socket is left'))
    })

    it('leave no socket of a worker that ends by itself', { timeout: TIMEOUT }, async () => {
      expect(await runFixture('worker-sockets', [5], options)).toEqual(endedWell('no socket is left'))
    })

    it('keep the process alive while jobs are pending, and no longer', { timeout: TIMEOUT }, async () => {
      const pending = await runFixture('pending-job', [], { ...options, kernel: 'silent' })
      expect(pending).toEqual(endedWell('started', 'answered', 'sent: 1'))
      const idle = await runFixture('open-connection', [], options)
      expect(idle).toEqual(endedWell(expect.stringMatching(/^sockets: [12]$/), 'open'))
    })
  })
})

describe('threads', () => {
  it('are one for each connection with jobs, and end by themselves', { timeout: TIMEOUT }, async () => {
    const ended = await runFixture('idle-threads')
    expect(ended).toEqual(
      endedWell(
        'more threads: 3',
        'ended by themselves, sockets kept: true',
        'and begin again',
        'closed without a thread, sockets left: 0',
      ),
    )
  })

  it.each([1, 2, 4])(
    'sleep where they have let go of a lock, beside a pool of %i',
    {
      timeout: TIMEOUT,
    },
    async (threads) => {
      const ended = await runFixture('burst', [150], { slowUnlock: 600, threads })
      expect(ended).toEqual(endedWell('answered: 1800', 'of many at a time: 2000, in order: true'))
    },
  )
})

describe('a connection that stays', () => {
  it('keeps nothing of the jobs and reads that have ended', { timeout: TIMEOUT }, async () => {
    const ended = await runFixture('leaks', [200], { node: ['--expose-gc'] })
    expect(ended).toEqual(
      endedWell(
        'asynchronous contexts: 200 begun, 200 destroyed',
        'callbacks are collected',
        'so are buffers and callbacks of reads',
      ),
    )
  })
})
