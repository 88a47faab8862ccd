// The loop of watch(): when it polls, what ends it, what it holds meanwhile. Time is that of the test.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { WatchEvent, WatchFailure, WatchOptions, WatchState } from '../../lib'
import type { ConnectionCounter } from '../../lib/client/watch'
import { setUp, WEB } from './fake-support'
import { failure, openScripted, serviceRecord } from './support/scripted-transport'

const realImmediate = setImmediate
/** Lets everything go on that waits for no timer. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => realImmediate(resolve))
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Lets milliseconds go by, and what they lead to. */
async function pass(ms: number): Promise<void> {
  await settle()
  await vi.advanceTimersByTimeAsync(ms)
  await settle()
}

const STEADY = { interval: 1000, jitter: 0 } as const

function isState(event: WatchEvent): asserts event is WatchState {
  expect(event.error).toBeUndefined()
}

async function stateOf(next: Promise<IteratorResult<WatchEvent, undefined>>): Promise<WatchState> {
  const { value } = await next
  isState(value as WatchEvent)
  return value as WatchState
}

async function failureOf(next: Promise<IteratorResult<WatchEvent, undefined>>): Promise<WatchFailure> {
  const { value } = await next
  expect(value?.error).toBeInstanceOf(Error)
  return value as WatchFailure
}

/** A table of one service with this many connections counted. */
async function counting(options?: Partial<WatchOptions>) {
  const table = { connections: 0n }
  const { ipvs, transport } = await openScripted('mainline', () => ({
    services: [
      serviceRecord(WEB.address, WEB.port, {
        present: (1 << 14) | (1 << 16),
        stats: { connections: table.connections, inBytes: table.connections * 100n },
      }),
    ],
  }))
  const watch = ipvs.watch({ ...STEADY, ...options })
  return { ipvs, transport, table, watch }
}

describe('when it polls', () => {
  it('at once, and then each interval', async () => {
    const { transport, watch, table } = await counting()
    expect(transport.jobs).toHaveLength(0)
    const first = await stateOf(watch.next())
    expect(first).toMatchObject({ elapsed: undefined, rates: undefined, changes: [] })
    expect(first.at).toBe(Date.now())
    table.connections = 50n
    const next = watch.next()
    await pass(999)
    expect(transport.jobs).toHaveLength(1)
    await pass(1)
    const second = await stateOf(next)
    expect(transport.jobs).toHaveLength(2)
    expect(second.elapsed).toBe(1000)
    expect(second.at - first.at).toBe(1000)
    expect(second.rates?.total).toEqual({
      connections: 50,
      inPackets: 0,
      outPackets: 0,
      inBytes: 5000,
      outBytes: 0,
      reset: false,
    })
  })

  it('never for a consumer that is busy; the next event is fresh, and its rates span the whole time', async () => {
    const { transport, watch, table } = await counting()
    await stateOf(watch.next())
    table.connections = 10n
    await pass(1000)
    table.connections = 30n
    await pass(9000)
    expect(transport.jobs).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
    const { elapsed, rates, snapshot } = await stateOf(watch.next())
    expect(transport.jobs).toHaveLength(2)
    expect(elapsed).toBe(10000)
    expect(rates?.total.connections).toBe(3)
    expect(snapshot.services[0]?.service.stats.connections).toBe(30n)
    // And then not at once again.
    const third = watch.next()
    await pass(999)
    expect(transport.jobs).toHaveLength(2)
    await pass(1)
    expect(transport.jobs).toHaveLength(3)
    expect((await stateOf(third)).elapsed).toBe(1000)
  })

  it('one at a time, also for several next() at once, in their order', async () => {
    const { transport, watch } = await counting()
    transport.hold()
    const results = [watch.next(), watch.next(), watch.next()]
    await transport.arrived(1)
    await pass(5000)
    expect(transport.jobs).toHaveLength(1)
    transport.release()
    // It took five intervals: the next is the sixth, and not five in a row.
    expect((await stateOf(results[0] as Promise<IteratorResult<WatchEvent>>)).elapsed).toBeUndefined()
    await settle()
    expect(transport.jobs).toHaveLength(2)
    expect((await stateOf(results[1] as Promise<IteratorResult<WatchEvent>>)).elapsed).toBeGreaterThan(-1)
    await pass(999)
    expect(transport.jobs).toHaveLength(2)
    await pass(1)
    expect(transport.jobs).toHaveLength(3)
    expect((await stateOf(results[2] as Promise<IteratorResult<WatchEvent>>)).elapsed).toBe(1000)
  })

  it('a poll that takes longer than the interval is followed by the next one of the raster', async () => {
    const { transport, watch } = await counting()
    transport.hold()
    const first = watch.next()
    await transport.arrived(1)
    await pass(1500)
    transport.release()
    await first
    watch.next()
    await pass(499)
    expect(transport.jobs).toHaveLength(1)
    await pass(1)
    expect(transport.jobs).toHaveLength(2)
  })

  it.each([
    [0, 900],
    [0.5, 1000],
    [0.999, 1100],
  ])('with jitter, a tenth where nothing is said: random %d', async (random, wait) => {
    const { transport, watch } = await counting({ jitter: undefined })
    vi.spyOn(Math, 'random').mockReturnValue(random)
    await watch.next()
    watch.next()
    await pass(wait - 2)
    expect(transport.jobs).toHaveLength(1)
    await pass(2)
    expect(transport.jobs).toHaveLength(2)
  })

  it('after an interval that no timer takes', async () => {
    const { transport, watch } = await counting({ interval: 2147483647, jitter: 0.5 })
    vi.spyOn(Math, 'random').mockReturnValue(1)
    const timers = vi.spyOn(globalThis, 'setTimeout')
    await watch.next()
    watch.next()
    await pass(2147483647)
    expect(transport.jobs).toHaveLength(1)
    await pass(1073741824)
    expect(transport.jobs).toHaveLength(2)
    for (const [, delay] of timers.mock.calls) expect(delay).toBeLessThanOrEqual(2147483647)
  })
})

describe('errors', () => {
  it('are events; the polls come later and later, up to a minute, and after a success as before', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v2' })
    await ipvs.services.add(WEB)
    const watch = ipvs.watch(STEADY)
    await stateOf(watch.next())
    kernel.revoke()
    const waits = [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]
    let before = 1000
    for (const [i, retryIn] of waits.entries()) {
      const next = watch.next()
      await pass(before)
      const event = await failureOf(next)
      expect(event.error).toMatchObject({ code: 'EPERM', operation: 'watch' })
      expect(event).toMatchObject({ failures: i + 1, retryIn, at: Date.now() })
      expect(event).not.toHaveProperty('snapshot')
      before = retryIn
    }
    kernel.grant()
    await ipvs.services.remove(WEB)
    const next = watch.next()
    await pass(60000)
    const { changes, elapsed } = await stateOf(next)
    expect(elapsed).toBe(1000 + waits.reduce((sum, wait) => sum + wait, 0))
    expect(changes).toMatchObject([{ kind: 'vanished', object: 'service', service: WEB }])
    kernel.fail('snapshot', 'ENOMEM')
    const again = watch.next()
    await pass(1000)
    expect(await failureOf(again)).toMatchObject({ failures: 1, retryIn: 1000 })
    await ipvs.close()
  })

  it('wait an interval that is longer than a minute, and no longer', async () => {
    const { kernel, ipvs } = await setUp()
    kernel.revoke()
    const watch = ipvs.watch({ interval: 100_000, jitter: 0 })
    expect(await failureOf(watch.next())).toMatchObject({ retryIn: 100_000 })
    const next = watch.next()
    await pass(100_000)
    expect(await failureOf(next)).toMatchObject({ retryIn: 100_000 })
    await ipvs.close()
  })

  it('in the middle of a dump leave the state as it was told', async () => {
    let broken = false
    const row = (port: number) => serviceRecord(WEB.address, port)
    const { ipvs, transport } = await openScripted('mainline', () =>
      broken ? { services: [row(1), row(3)], errno: 105, syscall: 4 } : { services: [row(1), row(2)] },
    )
    transport.chunk = 1
    const watch = ipvs.watch(STEADY)
    await stateOf(watch.next())
    broken = true
    const failing = watch.next()
    await pass(1000)
    expect(await failureOf(failing)).toMatchObject({ error: { code: 'ENOBUFS' } })
    broken = false
    const next = watch.next()
    await pass(1000)
    expect((await stateOf(next)).changes).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('a kernel that is silent is an error by `timeout`', async () => {
    const { watch, transport } = await counting({ timeout: 300 })
    transport.hold()
    const next = watch.next()
    await transport.arrived(1)
    await pass(900)
    expect(await failureOf(next)).toMatchObject({ error: { code: 'ERR_IPVS_TIMEOUT', operation: 'watch' } })
    transport.release()
  })

  it('end it with stopOnError', async () => {
    const { kernel, ipvs } = await setUp()
    const watch = ipvs.watch({ ...STEADY, stopOnError: true })
    await stateOf(watch.next())
    kernel.revoke()
    const [first, second] = [failure(watch.next()), watch.next()]
    await pass(1000)
    expect(await first).toMatchObject({ code: 'EPERM' })
    expect(await second).toEqual({ done: true, value: undefined })
    expect(await watch.next()).toEqual({ done: true, value: undefined })
    expect(vi.getTimerCount()).toBe(0)
    await ipvs.close()
  })

  it('a module that is gone is one, until it is there again: everything vanishes then, and nothing else', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v3' })
    await ipvs.services.add(WEB)
    const watch = ipvs.watch(STEADY)
    await stateOf(watch.next())
    kernel.unloadModule()
    const failing = watch.next()
    await pass(1000)
    expect(await failureOf(failing)).toMatchObject({ error: { code: 'ERR_IPVS_NOT_LOADED' } })
    kernel.loadModule()
    const next = watch.next()
    await pass(1000)
    expect((await stateOf(next)).changes).toMatchObject([{ kind: 'vanished', service: WEB }])
    await ipvs.close()
  })

  it('another kernel module ends it: that verdict stays', async () => {
    const { ipvs, transport, watch } = await counting()
    await stateOf(watch.next())
    transport.script = () => ({ errno: 2, flags: 1 | (1 << 3) })
    transport.probe = { ...transport.probe, commands: 0n, familyId: 0, sockoptLocalAddressError: 92 }
    transport.evidence = { connMaxNum: false, fullnatSysctl: false, extStats: undefined }
    const next = failure(watch.next())
    await pass(1000)
    expect(await next).toMatchObject({ code: 'ERR_IPVS_MODULE_CHANGED', operation: 'watch' })
    expect(await watch.next()).toEqual({ done: true, value: undefined })
    await ipvs.close()
  })
})

describe('its end', () => {
  const DONE = { done: true, value: undefined }

  it('return() while it waits for time: everything is let go at once', async () => {
    const { watch } = await counting()
    await watch.next()
    const pending = [watch.next(), watch.next()]
    await settle()
    expect(vi.getTimerCount()).toBe(1)
    expect(await watch.return?.()).toEqual(DONE)
    expect(vi.getTimerCount()).toBe(0)
    expect(await Promise.all(pending)).toEqual([DONE, DONE])
    expect(await watch.next()).toEqual(DONE)
  })

  it('return() while the kernel is asked, and an answer that comes after it', async () => {
    const { watch, transport, ipvs } = await counting()
    transport.hold()
    const pending = watch.next()
    await transport.arrived(1)
    await watch.return?.()
    expect(await pending).toEqual(DONE)
    transport.release()
    await settle()
    expect(await ipvs.services.list()).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('return() before anything; a call that was not sent is not sent', async () => {
    const { watch, transport } = await counting()
    const pending = watch.next()
    await watch.return?.()
    expect(await pending).toEqual(DONE)
    await settle()
    expect(transport.jobs).toHaveLength(0)
  })

  it('a loop that is left', async () => {
    const { watch, transport } = await counting()
    for await (const { snapshot } of watch) {
      expect(snapshot?.services).toHaveLength(1)
      break
    }
    expect(await watch.next()).toEqual(DONE)
    expect(transport.jobs).toHaveLength(1)
  })

  it.each(['waiting', 'polling', 'idle'] as const)('signal, while it is %s', async (when) => {
    const controller = new AbortController()
    const { signal } = controller
    const listeners = vi.spyOn(signal, 'addEventListener')
    const forgotten = vi.spyOn(signal, 'removeEventListener')
    const { watch, transport } = await counting({ signal })
    await watch.next()
    await pass(when === 'polling' ? 1000 : 0)
    transport.hold()
    const pending = when === 'idle' ? undefined : failure(watch.next())
    await settle()
    controller.abort(new Error('enough'))
    const error = await (pending ?? failure(watch.next()))
    expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', operation: 'watch' })
    expect(error.cause).toEqual(new Error('enough'))
    expect(await watch.next()).toEqual(DONE)
    expect(forgotten.mock.calls.length).toBe(listeners.mock.calls.length)
    expect(vi.getTimerCount()).toBe(0)
    transport.release()
  })

  it('signal, aborted before', async () => {
    const { watch, transport } = await counting({ signal: AbortSignal.abort() })
    expect(await failure(watch.next())).toMatchObject({ code: 'ABORT_ERR', sent: false })
    expect(await watch.next()).toEqual(DONE)
    expect(transport.jobs).toHaveLength(0)
  })

  it('holds no listener while nobody waits for an event: it can be forgotten', async () => {
    const { signal } = new AbortController()
    const listeners = vi.spyOn(signal, 'addEventListener')
    const forgotten = vi.spyOn(signal, 'removeEventListener')
    const { watch } = await counting({ signal })
    await watch.next()
    await settle()
    expect(listeners).toHaveBeenCalled()
    expect(forgotten.mock.calls.length).toBe(listeners.mock.calls.length)
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each(['waiting', 'polling', 'idle'] as const)('a closed client, while it is %s', async (when) => {
    const { watch, transport, ipvs } = await counting()
    await watch.next()
    await pass(when === 'polling' ? 1000 : 0)
    transport.hold()
    const pending = when === 'idle' ? undefined : failure(watch.next())
    await settle()
    const closed = ipvs.close()
    const error = await (pending ?? failure(watch.next()))
    expect(error).toMatchObject({ code: 'ERR_IPVS_CLOSED', operation: 'watch' })
    expect(await watch.next()).toEqual(DONE)
    expect(vi.getTimerCount()).toBe(0)
    transport.release()
    await closed
  })

  it('names the line of the caller', async () => {
    const { watch, ipvs } = await counting()
    await watch.next()
    await ipvs.close()
    const aCaller = async () => {
      await watch.next()
    }
    expect((await failure(aCaller())).stack).toMatch(/at (async )?aCaller/)
  })
})

describe('a process', () => {
  it('stays alive while an event is waited for, and is not kept when none is', async () => {
    vi.useRealTimers()
    const { ipvs } = await setUp()
    const timers = vi.spyOn(globalThis, 'setTimeout')
    const watch = ipvs.watch({ interval: 3_600_000, jitter: 0 })
    await watch.next()
    const waiting = () =>
      timers.mock.results
        .map(({ value }) => value as NodeJS.Timeout)
        .filter((_, i) => (timers.mock.calls[i]?.[1] ?? 0) > 3_000_000)
    expect(waiting()).toHaveLength(0)
    const pending = watch.next()
    await settle()
    expect(waiting().map((timer) => timer.hasRef())).toEqual([true])
    await watch.return?.()
    await pending
    await ipvs.close()
  })
})

describe('options', () => {
  it.each<[string, unknown, string]>([
    ['none', undefined, 'ERR_INVALID_ARG_TYPE'],
    ['no interval', {}, 'ERR_INVALID_ARG_TYPE'],
    ['an interval of 0', { interval: 0 }, 'ERR_OUT_OF_RANGE'],
    ['a negative interval', { interval: -1 }, 'ERR_OUT_OF_RANGE'],
    ['half a millisecond', { interval: 0.5 }, 'ERR_OUT_OF_RANGE'],
    ['an interval as text', { interval: '1s' }, 'ERR_INVALID_ARG_TYPE'],
    ['an interval that no timer takes', { interval: 2147483648 }, 'ERR_OUT_OF_RANGE'],
    ['an infinite interval', { interval: Number.POSITIVE_INFINITY }, 'ERR_OUT_OF_RANGE'],
    ['a jitter of 1', { interval: 1, jitter: 1 }, 'ERR_OUT_OF_RANGE'],
    ['a jitter that is no number', { interval: 1, jitter: Number.NaN }, 'ERR_OUT_OF_RANGE'],
    ['a jitter as text', { interval: 1, jitter: '10%' }, 'ERR_INVALID_ARG_TYPE'],
    ['connections as text', { interval: 1, connections: 'yes' }, 'ERR_INVALID_ARG_TYPE'],
    ['stopOnError as a number', { interval: 1, stopOnError: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ['a signal that is none', { interval: 1, signal: {} }, 'ERR_INVALID_ARG_TYPE'],
    ['a negative timeout', { interval: 1, timeout: -1 }, 'ERR_OUT_OF_RANGE'],
    ['an unknown one', { interval: 1, every: 5 }, 'ERR_INVALID_ARG_VALUE'],
    ['one that is nearly known', { interval: 1, connection: true }, 'ERR_INVALID_ARG_VALUE'],
  ])('bad: %s', async (_, options, code) => {
    const { ipvs, transport } = await openScripted('mainline')
    const watch = ipvs.watch(options as WatchOptions)
    expect(await failure(watch.next())).toMatchObject({ code })
    expect(await watch.next()).toEqual({ done: true, value: undefined })
    expect(transport.jobs).toHaveLength(0)
  })

  it('are taken when it is called: what becomes of the object does not matter', async () => {
    const { ipvs } = await counting()
    const options = { interval: 1000, jitter: 0 }
    const watch = ipvs.watch(options)
    options.interval = 5
    await watch.next()
    watch.next()
    await settle()
    await pass(900)
    expect(vi.getTimerCount()).toBe(1)
    await watch.return?.()
  })
})

describe('connections', () => {
  function withCounter(ipvs: object, counter: ConnectionCounter) {
    Object.defineProperty(ipvs, 'connections', { value: counter, configurable: true })
  }

  it('are counted with each poll where they are asked for', async () => {
    const { ipvs } = await counting()
    let polls = 0
    const count = vi.fn(async () => new Map([['established', ++polls]]))
    withCounter(ipvs, { count })
    const watch = ipvs.watch({ ...STEADY, connections: true, timeout: 77 })
    expect((await stateOf(watch.next())).connections).toEqual(new Map([['established', 1]]))
    const next = watch.next()
    await pass(1000)
    const event = await stateOf(next)
    expect(event).toMatchObject({ connections: new Map([['established', 2]]), connectionsError: undefined })
    expect(count).toHaveBeenLastCalledWith(expect.objectContaining({ by: 'state', timeout: 77 }))
    const plain = await stateOf(ipvs.watch(STEADY).next())
    expect(plain).toMatchObject({ connections: undefined, connectionsError: undefined })
    expect(count).toHaveBeenCalledTimes(2)
  })

  it('that this kernel cannot list are undefined, which the first event says and no other', async () => {
    const { ipvs } = await setUp({ dialect: 'fullnat-v3' })
    const watch = ipvs.watch({ ...STEADY, connections: true, stopOnError: true })
    const first = await stateOf(watch.next())
    expect(first.connections).toBeUndefined()
    expect(first.connectionsError).toMatchObject({ code: 'ERR_IPVS_UNSUPPORTED' })
    const next = watch.next()
    await pass(1000)
    expect(await stateOf(next)).toMatchObject({ connections: undefined, connectionsError: undefined })
    await ipvs.close()
  })

  it('that could not be read are no reason to say nothing of the table', async () => {
    const { ipvs } = await counting()
    let broken = true
    withCounter(ipvs, {
      count: async () => {
        if (broken) throw Object.assign(new Error('masked'), { code: 'EACCES' })
        return new Map()
      },
    })
    const watch = ipvs.watch({ ...STEADY, connections: true })
    for (let i = 0; i < 2; i++) {
      const next = watch.next()
      await pass(1000)
      const event = await stateOf(next)
      expect(event.snapshot.services).toHaveLength(1)
      expect(event.connectionsError).toMatchObject({ code: 'EACCES' })
    }
    broken = false
    const next = watch.next()
    await pass(1000)
    expect(await stateOf(next)).toMatchObject({ connections: new Map(), connectionsError: undefined })
  })

  it('are not counted on when the poll has failed or ended', async () => {
    const { ipvs, transport } = await counting()
    const given: AbortSignal[] = []
    withCounter(ipvs, {
      count: ({ signal }) => {
        if (signal) given.push(signal)
        return new Promise(() => {})
      },
    })
    transport.script = () => ({ errno: 12 })
    const watch = ipvs.watch({ ...STEADY, connections: true })
    await failureOf(watch.next())
    expect(given.map(({ aborted }) => aborted)).toEqual([true])
    transport.script = () => undefined
    const next = watch.next()
    await pass(1000)
    expect(given.map(({ aborted }) => aborted)).toEqual([true, false])
    await watch.return?.()
    await next
    expect(given.map(({ aborted }) => aborted)).toEqual([true, true])
  })
})
