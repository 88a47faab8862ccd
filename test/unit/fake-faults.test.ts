// Everything that can be made to go wrong on a fake kernel, seen through the real library.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Ipvs, type Transport } from '../../lib'
import { FakeKernel } from '../../lib/testing'
import { addDestinations, setUp, WEB } from './fake-support'

const other = (port: number) => ({ ...WEB, port })
const code = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  )
  return error && { code: error.code, sent: error.sent, operation: error.operation }
}

describe('fail', () => {
  it('refuses the next requests of an operation, and does nothing', async () => {
    const { kernel, ipvs } = await setUp()
    const fault = kernel.fail('services.add', 'ENOMEM', { times: 2 })
    for (const port of [1, 2]) {
      expect(await code(ipvs.services.add(other(port)))).toEqual({
        code: 'ENOMEM',
        sent: true,
        operation: 'services.add',
      })
    }
    expect(fault).toMatchObject({ hits: 2, remaining: 0 })
    await ipvs.services.add(other(3))
    expect((await ipvs.services.list()).map(({ port }) => port)).toEqual([3])
  })

  it('by group, by object, by function; faults stand side by side', async () => {
    const { kernel, ipvs } = await setUp()
    await ipvs.services.add(WEB)
    await ipvs.services.add(other(81))
    kernel.fail({ operation: 'destinations.*', service: other(81) }, 'EINTR')
    kernel.fail(({ destination }) => destination?.port === 9, 'EIO')
    const real = (port: number) => ({ address: '10.0.0.1', port, forwarding: 'masquerade' }) as const
    expect(await code(ipvs.destinations.add(WEB, real(9)))).toMatchObject({ code: 'EIO' })
    expect(await code(ipvs.destinations.add(other(81), real(1)))).toMatchObject({ code: 'EINTR' })
    expect(await code(ipvs.destinations.add(WEB, real(1)))).toBeUndefined()
    expect(() => kernel.fail('info', 'ENOSUCH' as 'EIO')).toThrow(TypeError)
  })

  it('one operation of a batch; the others are done', async () => {
    const { kernel, ipvs } = await setUp()
    kernel.fail({ service: other(2) }, 'ENOMEM')
    const outcomes = await ipvs.batch(({ services }) => {
      for (const port of [1, 2, 3]) services.add(other(port))
    })
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(kernel.requests.map(({ error }) => error)).toEqual([undefined, 'ENOMEM', undefined])
  })

  it('over sockopt it names the system call', async () => {
    const { kernel, ipvs } = await setUp({}, { netlink: false })
    kernel.fail('*', 'EINTR', { times: 2 })
    await expect(ipvs.info()).rejects.toMatchObject({ code: 'EINTR', syscall: 'getsockopt' })
    await expect(ipvs.flush()).rejects.toMatchObject({ code: 'EINTR', syscall: 'getsockopt' })
  })
})

describe('answers that come late, or never', () => {
  it('a delay within the timeout is only slow', async () => {
    const { kernel, ipvs } = await setUp()
    kernel.delay(30)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    try {
      let answered = false
      const add = ipvs.services.add(WEB).then(() => {
        answered = true
      })
      // Its deadline, and the delay.
      while (vi.getTimerCount() < 2) await new Promise(setImmediate)
      await vi.advanceTimersByTimeAsync(29)
      await new Promise(setImmediate)
      expect([answered, kernel.requests.length]).toEqual([false, 0])
      await vi.advanceTimersByTimeAsync(1)
      await add
    } finally {
      vi.useRealTimers()
    }
  })

  describe('the timeout is of silence, and work is none', () => {
    /** What the fake kernel takes: no timer of the client runs meanwhile, and all that are due run then. */
    const work = (ms: number) => void vi.advanceTimersByTime(ms)
    const real = (port: number) => ({ address: '10.0.0.1', port, forwarding: 'masquerade' }) as const
    /** Of mocked time, between two replies. */
    let gaps: number[]

    async function working(netlink = true) {
      const kernel = new FakeKernel({ dialect: 'mainline', chunkSize: 1 })
      const { run, ...rest } = kernel.transport({ netlink })
      const transport: Transport = {
        ...rest,
        run(request, onReply) {
          let last = performance.now()
          return run(request, (reply) => {
            gaps.push(performance.now() - last)
            last = performance.now()
            onReply(reply)
          })
        },
      }
      const ipvs = await Ipvs.open({ transport, timeout: 1000 })
      await ipvs.services.add(WEB)
      await ipvs.batch(({ destinations }) => {
        for (let port = 1; port <= 100; port++) destinations.add(WEB, real(port))
      })
      gaps = []
      return { kernel, ipvs }
    }

    beforeEach(() => {
      gaps = []
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    })
    afterEach(() => void vi.useRealTimers())

    it.each([true, false])('of many requests (netlink %s)', async (netlink) => {
      const { kernel, ipvs } = await working(netlink)
      kernel.fail(() => {
        work(30)
        return false
      }, 'EIO')
      const outcomes = await ipvs.batch(({ destinations }) => {
        for (let port = 1; port <= 100; port++) destinations.set(WEB, { ...real(port), weight: 2 })
      })
      expect(outcomes.filter(({ status }) => status !== 'fulfilled')).toEqual([])
      expect(gaps.reduce((sum, gap) => sum + gap)).toBe(3000)
      expect(Math.max(...gaps)).toBe(60)
    })

    it.each(['destinations.list', 'snapshot'] as const)(
      'of a request with many records: %s',
      async (name) => {
        const { kernel, ipvs } = await working()
        kernel.betweenChunks(() => work(30), name, { times: Number.POSITIVE_INFINITY })
        const [found, behind] = await Promise.all([
          name === 'snapshot' ? ipvs.snapshot() : ipvs.destinations.list(WEB),
          ipvs.info(),
        ])
        const list = 'services' in found ? found.services[0]?.destinations : found
        expect(list).toHaveLength(100)
        expect(behind).toMatchObject({ version: '1.2.1' })
        expect(gaps.reduce((sum, gap) => sum + gap)).toBeGreaterThan(2900)
        expect(Math.max(...gaps)).toBe(60)
      },
    )

    it('and what is answered does not wait for what is late', async () => {
      const { kernel, ipvs } = await working()
      kernel.delay(3000, 'info')
      const before = [ipvs.services.list({ timeout: 100 }), ipvs.services.get(WEB, { timeout: 100 })]
      const late = ipvs.info({ timeout: 5000 })
      while (vi.getTimerCount() < 2) await new Promise(setImmediate)
      for (let i = 0; i < 300; i++) {
        work(10)
        await new Promise(setImmediate)
      }
      expect(await Promise.all(before)).toHaveLength(2)
      expect(await late).toMatchObject({ version: '1.2.1' })
    })
  })

  it('beyond the timeout over netlink: executed, and ERR_IPVS_TIMEOUT with sent', async () => {
    const { kernel, ipvs } = await setUp()
    kernel.delay(10_000, 'services.add')
    expect(await code(ipvs.services.add(WEB, { timeout: 20 }))).toEqual({
      code: 'ERR_IPVS_TIMEOUT',
      sent: true,
      operation: 'services.add',
    })
    expect(await ipvs.services.get(WEB)).toBeDefined()
  })

  it('a kernel that never answers: the call ends by its own deadline, and goes on when it is let go', async () => {
    const { kernel, ipvs } = await setUp()
    const fault = kernel.neverAnswer('services.add')
    const add = code(ipvs.services.add(WEB, { timeout: 20 }))
    await new Promise(setImmediate)
    const behind = code(ipvs.info({ timeout: 20 }))
    expect(await behind).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', sent: false })
    expect(await add).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', sent: true })
    fault.remove()
    expect(await ipvs.info()).toMatchObject({ version: '1.2.1' })
  })

  it('a lost answer: done, and nobody knows', async () => {
    const { kernel, ipvs } = await setUp()
    kernel.loseAnswer('services.add')
    expect(await code(ipvs.services.add(WEB))).toEqual({
      code: 'ERR_IPVS_OUTCOME_UNKNOWN',
      sent: true,
      operation: 'services.add',
    })
    expect(await ipvs.services.get(WEB)).toBeDefined()
    expect(kernel.requests[0]).toMatchObject({ operation: 'services.add', error: 'lost' })
  })

  it('ENOBUFS takes all answers of a job: writes are unknown, reads have lost their result', async () => {
    const { kernel, ipvs } = await setUp()
    kernel.enobufs('services.add')
    const [one, two, read] = await Promise.all([
      code(ipvs.services.add(other(1))),
      code(ipvs.services.add(other(2))),
      code(ipvs.info()),
    ])
    expect([one?.code, two?.code, read?.code]).toEqual([
      'ERR_IPVS_OUTCOME_UNKNOWN',
      'ERR_IPVS_OUTCOME_UNKNOWN',
      'ENOBUFS',
    ])
    expect(await ipvs.services.list()).toHaveLength(2)
  })
})

describe('dumps while others write', () => {
  it('an entry before the position is removed: one is missed, and a consistent snapshot reads on', async () => {
    const { kernel, ipvs } = await setUp({ chunkSize: 2 })
    const writer = await Ipvs.open({ transport: kernel.transport() })
    await ipvs.services.add(WEB)
    await addDestinations(ipvs, [1, 1, 1, 1, 1])
    kernel.betweenChunks(async ({ dump, read }) => {
      expect([dump, read]).toEqual(['destinations', 2])
      await writer.destinations.remove(WEB, { address: '10.0.0.5', port: 8080 })
    }, 'destinations.list')
    const seen = (await ipvs.destinations.list(WEB)).map(({ address }) => address)
    // 10.0.0.3 moved up over the cursor, 10.0.0.5 had been shown already.
    expect(seen).toEqual(['10.0.0.5', '10.0.0.4', '10.0.0.2', '10.0.0.1'])
    kernel.skipDumpEntries(1, 'snapshot', { dump: 'destinations' })
    const snapshot = await ipvs.snapshot({ consistent: true })
    expect(snapshot.consistent).toBe(true)
    expect(snapshot.services[0]?.destinations).toHaveLength(4)
    expect(kernel.requests.filter(({ operation }) => operation === 'snapshot')).toHaveLength(3)
  })

  it('an insert before the position repeats an entry, which the library drops', async () => {
    const { kernel, ipvs } = await setUp({ chunkSize: 2 })
    const writer = await Ipvs.open({ transport: kernel.transport() })
    await ipvs.services.add(WEB)
    await addDestinations(ipvs, [1, 1, 1])
    kernel.betweenChunks(() =>
      writer.destinations.add(WEB, { address: '10.0.0.9', port: 8080, forwarding: 'masquerade' }),
    )
    const list = await ipvs.destinations.list(WEB)
    expect(list.map(({ address }) => address)).toEqual(['10.0.0.3', '10.0.0.2', '10.0.0.1'])
    kernel.repeatDumpEntries(2, 'destinations.list')
    expect(await ipvs.destinations.list(WEB)).toHaveLength(4)
  })

  it('a service that goes ends the dump of its destinations, without an error', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'mainline', chunkSize: 2 })
    const writer = await Ipvs.open({ transport: kernel.transport() })
    await ipvs.services.add(WEB)
    await addDestinations(ipvs, [1, 1, 1])
    kernel.betweenChunks(() => writer.services.remove(WEB))
    expect(await ipvs.destinations.list(WEB)).toHaveLength(2)
    expect(await code(ipvs.destinations.list(WEB))).toMatchObject({ code: 'ESRCH' })
  })

  it('thousands of entries cross in pieces', async () => {
    const { ipvs } = await setUp()
    await ipvs.services.add(WEB)
    await ipvs.batch(({ destinations }) => {
      for (let i = 0; i < 2500; i++) {
        destinations.add(WEB, { address: '10.0.0.1', port: i, forwarding: 'masquerade' })
      }
    })
    const ports = new Set<number>()
    for await (const { port } of ipvs.destinations.iterate(WEB)) ports.add(port)
    expect(ports.size).toBe(2500)
  })
})

describe('the module and the privilege', () => {
  it('unloaded: ERR_IPVS_NOT_LOADED; loaded again under another id: the call is repeated', async () => {
    const { kernel, ipvs } = await setUp()
    await ipvs.services.add(WEB)
    kernel.unloadModule()
    expect(await code(ipvs.services.list())).toMatchObject({ code: 'ERR_IPVS_NOT_LOADED' })
    await expect(Ipvs.open({ transport: kernel.transport() })).rejects.toMatchObject({
      code: 'ERR_IPVS_NOT_LOADED',
    })
    kernel.loadModule()
    expect(await ipvs.services.list()).toEqual([])
    kernel.loadModule()
    await ipvs.services.add(WEB)
    expect(await ipvs.services.list()).toHaveLength(1)
    expect(kernel.dump().familyId).toBe(0x14)
  })

  it.each([true, false])(
    'without CAP_NET_ADMIN everything is EPERM, reading included (netlink %s)',
    async (netlink) => {
      const { kernel, ipvs } = await setUp({}, { netlink })
      kernel.revoke()
      expect(await code(ipvs.services.list())).toMatchObject({ code: 'EPERM' })
      expect(await code(ipvs.services.add(WEB))).toMatchObject({ code: 'EPERM' })
      const another = await Ipvs.open({ transport: kernel.transport({ netlink }), unprivileged: true })
      expect(await code(another.info())).toMatchObject({ code: 'EPERM' })
      kernel.grant()
      expect(await ipvs.services.list()).toEqual([])
    },
  )

  it('a foreign network namespace is told from a missing module', async () => {
    const open = (dialect: 'mainline' | 'fullnat-v2') =>
      Ipvs.open({ transport: new FakeKernel({ dialect }).transport({ foreignNamespace: true }) })
    await expect(open('fullnat-v2')).rejects.toMatchObject({ code: 'ERR_IPVS_NAMESPACE' })
  })

  it('clearFaults takes all of them away', async () => {
    const { kernel, ipvs } = await setUp()
    kernel.fail('*', 'EIO', { times: Number.POSITIVE_INFINITY })
    expect(await code(ipvs.info())).toMatchObject({ code: 'EIO' })
    kernel.clearFaults()
    expect(await code(ipvs.info())).toBeUndefined()
  })
})
