// Whatever fails, and whenever: every promise settles, a verdict about the kernel stays, no limit is forgotten.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Batch, Ipvs } from '../../lib'
import { CallQueue } from '../../lib/dispatch/call-queue'
import type { PendingCall } from '../../lib/dispatch/pending-call'
import { FakeKernel } from '../../lib/testing'
import { outcomeFlags } from './support/border'
import { failure, openScripted, PROBES, ScriptedTransport, serviceRecord } from './support/scripted-transport'

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const masq = (i: number) =>
  ({ address: `10.0.0.${i % 250}`, port: 80 + i, forwarding: 'masquerade' }) as const
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const never = () => new Promise<never>(() => {})
const gone = () => ({ errno: 2, flags: outcomeFlags.familyChanged })

let unhandled: unknown[]
const onUnhandled = (reason: unknown) => unhandled.push(reason)
beforeEach(() => {
  unhandled = []
  process.on('unhandledRejection', onUnhandled)
})
afterEach(async () => {
  await turn()
  process.off('unhandledRejection', onUnhandled)
  expect(unhandled).toEqual([])
})

describe('a look for the family that fails', () => {
  it.each([
    ['an errno', { netlinkError: 24, netlinkSyscall: 1 }, 'EMFILE'],
    ['a lack of privilege', { netlinkError: 1, netlinkSyscall: 1 }, 'EPERM'],
    ['a namespace that is gone', { netlinkError: 2, netlinkSyscall: 7 }, 'ENOENT'],
  ])('with %s rejects every call that met it, and the client goes on', async (_, probe, code) => {
    let stale = true
    const { ipvs, transport } = await openScripted('mainline', () => (stale ? gone() : undefined))
    const usual = transport.probe
    transport.probe = { ...PROBES.mainline, ...probe } as typeof usual
    const calls = [ipvs.services.add(WEB), ipvs.services.list(), ipvs.services.ensure(WEB)]
    for (const error of await Promise.all(calls.map(failure))) {
      expect(error).toMatchObject({ code, sent: false })
      expect(error.operation).toMatch(/^services\./)
    }
    stale = false
    transport.probe = usual
    await ipvs.services.add(WEB)
    await ipvs.close()
  })

  it("with a transport's own error does, too", async () => {
    const { ipvs, transport } = await openScripted('mainline', gone)
    transport.files.listSysctls = () => Promise.reject(new Error('no files today'))
    const error = await failure(ipvs.services.add(WEB))
    expect(error).toMatchObject({ code: 'ERR_IPVS_NOT_LOADED', operation: 'services.add', service: WEB })
    expect(String(error.cause)).toContain('no files today')
    await ipvs.close()
  })

  it('does not last longer than the timeout, and close() does not wait for more', async () => {
    const { ipvs, transport } = await openScripted('mainline', gone, { timeout: 20 })
    transport.files.listSysctls = never
    expect(await failure(ipvs.services.add(WEB))).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', sent: false })
    await ipvs.close()
  })
})

describe('open', () => {
  const hanging = () => Object.assign(new ScriptedTransport('mainline'), { run: never })

  it('has a deadline whatever it waits for', async () => {
    const files = { ...new ScriptedTransport('mainline').files, listSysctls: never }
    for (const hangs of [{ run: never }, { files }]) {
      const transport = Object.assign(new ScriptedTransport('mainline'), hangs) as ScriptedTransport
      const opening = Ipvs.open({ transport, timeout: 20 })
      expect(await failure(opening)).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', operation: 'open' })
      expect(transport.closed).toBe(1)
    }
  })

  it('is aborted at once', async () => {
    const controller = new AbortController()
    const transport = hanging()
    const opening = Ipvs.open({ transport, timeout: 0, signal: controller.signal })
    await turn()
    controller.abort(new Error('enough'))
    expect(await failure(opening)).toMatchObject({ code: 'ABORT_ERR', operation: 'open' })
    expect(transport.closed).toBe(1)
  })

  it.each([
    [24, 'EMFILE'],
    [105, 'ENOBUFS'],
    [16, 'EBUSY'],
    [110, 'ERR_IPVS_TIMEOUT'],
  ])('does not take socket options for good because netlink failed with errno %i', async (errno, code) => {
    const transport = new ScriptedTransport('mainline')
    transport.probe = {
      ...transport.probe,
      familyId: 0,
      commands: BigInt(0),
      netlinkError: errno,
      netlinkSyscall: 4,
    }
    expect(await failure(Ipvs.open({ transport }))).toMatchObject({ code, operation: 'open' })
  })

  it.each([2, 93, 97])('takes them where there is no family (errno %i)', async (errno) => {
    const transport = new ScriptedTransport('mainline')
    transport.probe = {
      ...transport.probe,
      familyId: 0,
      commands: BigInt(0),
      netlinkError: errno,
      netlinkSyscall: 0,
    }
    const ipvs = await Ipvs.open({ transport })
    expect(ipvs.capabilities.transport).toBe('sockopt')
  })

  it('ends a modprobe that hangs', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ipvs-modprobe-'))
    const path = process.env.PATH
    const pid = join(folder, 'pid')
    writeFileSync(join(folder, 'modprobe'), `#!/bin/sh\necho $$ > ${pid}\nexec sleep 600\n`)
    chmodSync(join(folder, 'modprobe'), 0o755)
    process.env.PATH = `${folder}:${path}`
    try {
      const controller = new AbortController()
      const transport = new ScriptedTransport('absent')
      const opening = Ipvs.open({ transport, loadModule: true, timeout: 0, signal: controller.signal })
      await vi.waitUntil(() => existsSync(pid) && readFileSync(pid, 'utf8') !== '', { timeout: 60_000 })
      controller.abort()
      expect((await failure(opening)).code).toBe('ABORT_ERR')
      const child = Number(readFileSync(pid, 'utf8'))
      const gone = () => {
        try {
          return !process.kill(child, 0)
        } catch {
          return true
        }
      }
      await vi.waitUntil(gone, { timeout: 60_000 })
    } finally {
      process.env.PATH = path
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe('reserve_core refuses a part of calls', () => {
  it.each([true, false])('that go together, with a signal: %s', async (signalled) => {
    const kernel = new FakeKernel({ dialect: 'fullnat-v3', cpus: 2 })
    const ipvs = await Ipvs.open({ transport: kernel.transport() })
    await ipvs.services.add(WEB)
    kernel.reserveCore = 2
    const controller = new AbortController()
    const options = signalled ? { signal: controller.signal } : undefined
    const fullnat = { ...masq(1), forwarding: 'fullnat' } as const
    const calls = [
      ipvs.destinations.add(WEB, fullnat, options),
      ipvs.localAddresses.add(WEB, '10.1.0.1', options),
      ipvs.destinations.set(WEB, { ...fullnat, weight: 3 }, options),
      ipvs.localAddresses.add(WEB, '10.1.0.2', options),
    ]
    const ends = await Promise.all(
      calls.map((call) =>
        call.then(
          () => 'done',
          ({ code }) => code,
        ),
      ),
    )
    expect(ends).toEqual(['done', 'ERR_IPVS_RESERVE_CORE', 'done', 'ERR_IPVS_RESERVE_CORE'])
    expect((await ipvs.destinations.list(WEB)).map(({ weight }) => weight)).toEqual([3])
    controller.abort()
    await ipvs.close()
  })

  it('and what is left of them can be aborted', async () => {
    const { ipvs, transport } = await openScripted('fullnat-v3')
    transport.cpuState = { online: 2, reserved: 2 }
    transport.hold()
    const controller = new AbortController()
    const { signal } = controller
    const calls = [
      ipvs.localAddresses.add(WEB, '10.1.0.1', { signal }),
      ipvs.destinations.remove(WEB, masq(1), { signal }),
      ipvs.destinations.remove(WEB, masq(2), { signal }),
    ].map(failure)
    await transport.arrived(1)
    controller.abort()
    const codes = (await Promise.all(calls)).map(({ code, sent }) => [code, sent])
    expect(codes).toEqual([
      ['ERR_IPVS_RESERVE_CORE', false],
      ['ABORT_ERR', true],
      ['ABORT_ERR', true],
    ])
    transport.release()
    await ipvs.close()
  })
})

describe('time', () => {
  async function fake(dialect: 'mainline' | 'fullnat-v2' = 'mainline') {
    const kernel = new FakeKernel({ dialect })
    const ipvs = await Ipvs.open({ transport: kernel.transport() })
    return { kernel, ipvs }
  }
  /** Time begins anew, and goes by when a test says so, whatever the machine is busy with. */
  async function inMockedTime(test: () => Promise<void>) {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    try {
      await test()
    } finally {
      vi.useRealTimers()
    }
  }
  /** What a promise resolves to, and how many milliseconds of mocked time it took. */
  async function passing<T>(promise: Promise<T>): Promise<[T, number]> {
    const since = performance.now()
    let ended = false
    const end = () => {
      ended = true
    }
    promise.then(end, end)
    for (; !ended; await turn()) await vi.advanceTimersByTimeAsync(10)
    return [await promise, performance.now() - since]
  }
  const work = (milliseconds: number) => {
    const end = performance.now() + milliseconds
    while (performance.now() < end);
  }

  it("is not the caller's own work, made after an awaited call or not", async () => {
    const { ipvs } = await fake()
    for (let i = 0; i < 3; i++) {
      const calls = [ipvs.services.ensure(WEB, { timeout: 40 })]
      work(60)
      calls.push(ipvs.services.ensure({ ...WEB, port: 81 }, { timeout: 40 }))
      work(60)
      await Promise.all(calls)
    }
    await ipvs.close()
  })

  it('is the silence of the kernel, not the sum of its answers', async () => {
    await inMockedTime(async () => {
      const { kernel, ipvs } = await fake()
      await ipvs.services.add(WEB)
      kernel.delay(100, 'destinations.add', { times: 30 })
      const outcomes = ipvs.batch(
        (batch) => {
          for (let i = 0; i < 30; i++) batch.destinations.add(WEB, masq(i))
        },
        { timeout: 2000 },
      )
      const [ended, milliseconds] = await passing(outcomes)
      expect(ended.map(({ status }) => status)).toEqual(Array(30).fill('fulfilled'))
      expect(milliseconds).toBeGreaterThanOrEqual(3000)
      await ipvs.close()
    })
  })

  it('ends every call behind a kernel that stops answering, those that wait unsent', async () => {
    const { kernel, ipvs } = await fake()
    kernel.neverAnswer('services.list', { times: 1 })
    const limits = { timeout: 60 }
    const hanging = failure(ipvs.services.list(limits))
    await turn()
    const behind = [ipvs.services.add(WEB, limits), ipvs.services.list(limits)].map(failure)
    const [one, two] = await Promise.all(behind)
    expect([one?.code, one?.sent, two?.code, two?.sent]).toEqual([
      'ERR_IPVS_TIMEOUT',
      false,
      'ERR_IPVS_TIMEOUT',
      false,
    ])
    expect((await hanging).code).toBe('ERR_IPVS_TIMEOUT')
    kernel.clearFaults()
    expect(await ipvs.services.list()).toEqual([])
    await ipvs.close()
  })

  it('leaves timers their turn, however often a caller awaits the fake kernel', async () => {
    const { ipvs } = await fake()
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    while (ticks < 3) await ipvs.services.get(WEB)
    clearInterval(timer)
    await ipvs.close()
  })

  it('does not throw an answer away that came while the event loop stood still', async () => {
    const { ipvs } = await fake()
    for (let i = 0; i < 5; i++) {
      const listing = ipvs.services.list({ timeout: 20 })
      await undefined
      process.nextTick(() => work(600))
      expect(await listing).toEqual([])
    }
    await ipvs.close()
  })

  it('can be limited to what no timer takes, and not at all', async () => {
    const { ipvs } = await fake()
    const timers = vi.spyOn(globalThis, 'setTimeout')
    for (const timeout of [2147483647, 0]) expect(await ipvs.services.list({ timeout })).toEqual([])
    for (const [, delay] of timers.mock.calls) expect(delay).toBeLessThanOrEqual(2147483647)
    timers.mockRestore()
    await ipvs.close()
  })

  it('is over when nothing is pending: no timer of a closed client is left', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const { ipvs } = await fake()
      await ipvs.services.list({ timeout: 3_600_000 })
      expect(vi.getTimerCount()).toBe(0)
      await ipvs.close()
    } finally {
      vi.useRealTimers()
    }
  })

  it('can be moved by whoever mocks timers', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    try {
      transport.hold()
      const call = failure(ipvs.services.list({ timeout: 1000 }))
      await transport.arrived(1)
      await vi.advanceTimersByTimeAsync(2000)
      expect(await call).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', sent: true })
      transport.release()
      await ipvs.close()
    } finally {
      vi.useRealTimers()
    }
  })

  it('ends a close() that has a limit; the client is closed all the same', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    transport.hold()
    const call = failure(ipvs.services.list({ timeout: 0 }))
    await transport.arrived(1)
    expect(await failure(ipvs.close({ timeout: 10 }))).toMatchObject({
      code: 'ERR_IPVS_TIMEOUT',
      operation: 'close',
    })
    const controller = new AbortController()
    const closing = failure(ipvs.close({ signal: controller.signal }))
    controller.abort()
    expect((await closing).code).toBe('ABORT_ERR')
    expect(ipvs.closed).toBe(true)
    transport.release()
    await ipvs.close()
    await call.catch(() => {})
  })
})

describe('batch', () => {
  it('refuses an async function once, also when that fails later', async () => {
    const { ipvs } = await openScripted('mainline')
    const batch = ipvs.batch(async () => {
      await turn()
      throw new Error('later')
    })
    expect((await failure(batch)).code).toBe('ERR_INVALID_ARG_VALUE')
    await turn()
    await turn()
    await ipvs.close()
  })

  it('keeps outcomes apart when a getter puts something in', async () => {
    const { ipvs, transport } = await openScripted('mainline', ({ target }) =>
      target?.port === 82 ? { errno: 17 } : undefined,
    )
    const outcomes = await ipvs.batch((batch) => {
      batch.destinations.add(WEB, masq(0))
      batch.destinations.add(WEB, {
        ...masq(1),
        get weight() {
          batch.destinations.remove(WEB, masq(2))
          return 5
        },
      })
      batch.destinations.set(WEB, masq(3))
    })
    expect(outcomes.map(({ operation, status }) => [operation, status])).toEqual([
      ['destinations.add', 'fulfilled'],
      ['destinations.remove', 'rejected'],
      ['destinations.add', 'fulfilled'],
      ['destinations.set', 'fulfilled'],
    ])
    expect(transport.operations).toEqual([
      'destinationAdd',
      'destinationRemove',
      'destinationAdd',
      'destinationSet',
    ])
  })

  it.each([3, 2500])('with %i operations comes before what is called while it is filled', async (count) => {
    const { ipvs, transport } = await openScripted('mainline')
    let inside: Promise<unknown> = Promise.resolve()
    const batch = ipvs.batch((one) => {
      inside = Promise.all([
        ipvs.services.add(WEB),
        ipvs.batch((two) => two.services.set(WEB)),
        ipvs.services.remove(WEB),
      ])
      for (let i = 0; i < count; i++) one.destinations.add(WEB, masq(i))
    })
    await Promise.all([batch, inside])
    expect(transport.operations.slice(0, count)).toEqual(Array(count).fill('destinationAdd'))
    expect(transport.operations.slice(count)).toEqual(['serviceAdd', 'serviceSet', 'serviceRemove'])
  })

  it('that is over says so with a code of its own', async () => {
    const { ipvs } = await openScripted('mainline')
    let kept: Batch | undefined
    await ipvs.batch((batch) => {
      kept = batch
    })
    const over = expect.objectContaining({ code: 'ERR_IPVS_BATCH_OVER' })
    expect(() => kept?.flush()).toThrow(over)
    const broken = ipvs.batch((batch) => {
      kept = batch
      throw new Error('mine')
    })
    expect((await failure(broken)).message).toBe('mine')
    expect(() => kept?.flush()).toThrow(over)
  })
})

describe('many calls', () => {
  it('are aborted without looking at each other', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    transport.hold()
    const first = ipvs.services.list()
    await transport.arrived(1)
    const controllers = Array.from({ length: 16_000 }, () => new AbortController())
    const calls = controllers.map(({ signal }, i) => failure(ipvs.destinations.add(WEB, masq(i), { signal })))
    for (const controller of controllers) controller.abort()
    const errors = await Promise.all(calls)
    expect(errors.every(({ code }) => code === 'ABORT_ERR')).toBe(true)
    transport.release()
    await first
    await ipvs.close()
  })

  it.each([
    [4000, true],
    [4001, false],
  ])('%i that have to wait let what comes behind them go before them: %s', async (count, before) => {
    const { ipvs, transport } = await openScripted('mainline', ({ operation }) =>
      operation === 'serviceGet' ? { services: [serviceRecord('192.0.2.1', 80)] } : undefined,
    )
    const service = (port: number) => ({ ...WEB, port })
    // Nothing is handed over behind a read that leads to a write.
    transport.hold()
    const first = ipvs.services.update(service(1), { scheduler: 'rr' })
    await transport.arrived(1)
    const update = ipvs.services.update(service(2), { scheduler: 'rr' })
    const waiting = Array.from({ length: count }, (_, i) => ipvs.destinations.remove(service(2), masq(i)))
    const behind = ipvs.services.get(service(3))
    transport.release()
    await Promise.all([first, update, behind, ...waiting])
    const [read, trip] = transport.trips
    expect(read).toEqual(['serviceGet'])
    expect(trip).toEqual(['serviceSet', 'serviceGet', ...(before ? ['serviceGet'] : [])])
    await ipvs.close()
  })

  it('that ended are not kept while the kernel hangs', () => {
    const queue = new CallQueue()
    const calls = Array.from(
      { length: 10_000 },
      () => ({ count: 1, settled: false, order: 0 }) as PendingCall,
    )
    for (const call of calls) queue.push(call)
    for (const call of calls) {
      call.settled = true
      queue.dropped()
    }
    expect(queue.calls.length).toBeLessThan(64)
    expect(queue.requests).toBe(queue.calls.length)
  })

  it('about services of their own take few trips, in whatever order they are made', async () => {
    const kernel = new FakeKernel({ dialect: 'mainline' })
    let trips = 0
    const transport = kernel.transport()
    const counting = {
      ...transport,
      run: (...args: Parameters<typeof transport.run>) => {
        trips++
        return transport.run(...args)
      },
    }
    const ipvs = await Ipvs.open({ transport: counting })
    const provision = async () => {
      trips = 0
      const keys = Array.from({ length: 100 }, (_, i) => ({ ...WEB, port: 1000 + i }))
      await Promise.all(
        keys.flatMap((key) => [ipvs.services.ensure(key), ipvs.destinations.ensure(key, masq(1))]),
      )
      return trips
    }
    expect(await provision()).toBeLessThanOrEqual(5)
    expect(await provision()).toBeLessThanOrEqual(2)
    expect((await ipvs.snapshot()).services).toHaveLength(100)
    await ipvs.close()
  })
})

describe('iterate', () => {
  it('stops at an abort, also when everything has been read', async () => {
    const kernel = new FakeKernel({ dialect: 'mainline' })
    const ipvs = await Ipvs.open({ transport: kernel.transport() })
    await ipvs.services.add(WEB)
    await ipvs.batch((batch) => {
      for (let i = 0; i < 20; i++) batch.destinations.add(WEB, masq(i))
    })
    const controller = new AbortController()
    const seen: number[] = []
    const loop = (async () => {
      for await (const { port } of ipvs.destinations.iterate(WEB, { signal: controller.signal })) {
        seen.push(port)
        if (seen.length === 3) {
          await ipvs.services.list()
          controller.abort()
        }
      }
    })()
    expect(await failure(loop)).toMatchObject({ code: 'ABORT_ERR', operation: 'destinations.iterate' })
    expect(seen).toHaveLength(3)
    await ipvs.close()
  })

  it('takes its arguments when it is called', async () => {
    const { ipvs, transport } = await openScripted('mainline')
    const key = { ...WEB, port: 80 as number }
    const items = ipvs.destinations.iterate(key)
    key.port = 443
    await items.next()
    expect(transport.jobs[0]?.requests[0]?.service).toMatchObject({ port: 80 })
    const wrong = { ...WEB, port: -1 }
    const refused = ipvs.destinations.iterate(wrong)
    wrong.port = 80
    expect((await failure(refused.next())).code).toBe('ERR_OUT_OF_RANGE')
  })
})
