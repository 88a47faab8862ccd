// What a caller sees besides results: stacks that name its lines, its async context, tracing channels.
import { AsyncLocalStorage } from 'node:async_hooks'
import { tracingChannel } from 'node:diagnostics_channel'
import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib'
import type { TracedCall, TracedTrip } from '../../lib/dispatch/tracing'
import type { IpvsError } from '../../lib/errors/ipvs-error'
import { FakeKernel } from '../../lib/testing'

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const MISSING = { ...WEB, port: 81 }

const open = () => Ipvs.open({ transport: new FakeKernel({ dialect: 'mainline' }).transport() })

describe('the stack of a rejection names the function that awaits it', () => {
  type Attempt = (ipvs: Ipvs) => Promise<unknown>
  // Each awaits a call that fails, in a function whose name is looked for.
  const attempts: [string, Attempt][] = [
    ['a command', async (ipvs) => await provision(ipvs.services.remove(MISSING))],
    ['a read', async (ipvs) => await provision(ipvs.destinations.list(MISSING))],
    [
      'a read-modify-write',
      async (ipvs) => await provision(ipvs.services.update(MISSING, { scheduler: 'rr' })),
    ],
    ['a wrong argument', async (ipvs) => await provision(ipvs.services.get({ ...WEB, port: -1 }))],
    ['a wrong option', async (ipvs) => await provision(ipvs.services.list({ timeout: -1 }))],
    ['a batch', async (ipvs) => await provision(ipvs.batch(undefined as never))],
    ['an iteration', async (ipvs) => await provision(ipvs.destinations.iterate(MISSING).next())],
    [
      'one of many',
      async (ipvs) =>
        await provision(
          Promise.all([ipvs.services.list(), ipvs.services.get(MISSING), ipvs.services.remove(MISSING)]),
        ),
    ],
  ]

  async function provision(call: Promise<unknown>): Promise<void> {
    await call
  }

  it.each(attempts)('%s', async (_, attempt) => {
    const ipvs = await open()
    const error = (await attempt(ipvs).catch((reason) => reason)) as IpvsError
    const [head, ...frames] = (error.stack as string).split('\n    at ')
    expect(head).toContain(error.message)
    // Without the word async where the test runner maps the frame to its source.
    expect(frames.some((frame) => /^(?:async )?provision \(/.test(frame))).toBe(true)
    expect(frames.filter((frame) => frame.includes('/lib/'))).toEqual([])
    await ipvs.close()
  })
})

describe('the async context of a caller', () => {
  it('is there when its call ends, also when many share a trip', async () => {
    const storage = new AsyncLocalStorage<number>()
    const ipvs = await open()
    await ipvs.services.add(WEB)
    const callers = Array.from({ length: 50 }, (_, i) =>
      storage.run(i, async () => {
        const key = { ...WEB, port: 1000 + (i % 7) }
        await ipvs.services.ensure(key)
        const seen = [storage.getStore()]
        await ipvs.services.remove(MISSING).catch(() => {})
        seen.push(storage.getStore())
        await ipvs.batch((batch) => batch.services.ensure(key))
        seen.push(storage.getStore())
        for await (const _service of ipvs.services.iterate()) seen.push(storage.getStore())
        return seen.every((store) => store === i)
      }),
    )
    expect(await Promise.all(callers)).toEqual(Array(50).fill(true))
    await ipvs.close()
  })
})

describe('tracing channels', () => {
  async function traced<T extends object>(name: string, work: (ipvs: Ipvs) => Promise<unknown>) {
    const events: [string, T][] = []
    const on = (event: string) => (message: unknown) => {
      events.push([event, { ...(message as T) }])
    }
    const handlers = { start: on('start'), asyncEnd: on('asyncEnd'), error: on('error') }
    const channel = tracingChannel(name)
    const ipvs = await open()
    channel.subscribe(handlers as never)
    try {
      await work(ipvs)
      // A trip ends after the calls on it.
      await new Promise(setImmediate)
    } finally {
      channel.unsubscribe(handlers as never)
    }
    const heard = events.length
    await ipvs.services.list()
    expect(events).toHaveLength(heard)
    await ipvs.close()
    return events
  }

  it('tell of each call: what it was, how long it waited and took, how many requests, and the error', async () => {
    const events = await traced<TracedCall>('ipvs-fullnat:call', async (ipvs) => {
      await ipvs.services.ensure(WEB)
      await Promise.all([ipvs.services.add(MISSING), ipvs.services.remove(MISSING)])
      await ipvs.services.remove(MISSING).catch(() => {})
      await ipvs.batch((batch) => {
        batch.services.set(WEB)
        batch.services.remove(MISSING)
      })
    })
    const ends = events.filter(([event]) => event === 'asyncEnd').map(([, call]) => call)
    expect(
      ends.map(({ operation, requests, error }) => [operation, requests, (error as IpvsError)?.code]),
    ).toEqual([
      ['services.ensure', 2, undefined],
      ['services.add', 1, undefined],
      ['services.remove', 1, undefined],
      ['services.remove', 1, 'ESRCH'],
      ['services.set', 1, undefined],
      ['services.remove', 1, 'ESRCH'],
    ])
    expect(ends[0]?.service).toEqual(WEB)
    for (const { queueTime, kernelTime } of ends) {
      expect(queueTime).toBeGreaterThanOrEqual(0)
      expect(kernelTime).toBeGreaterThan(0)
    }
    expect(events.filter(([event]) => event === 'start')).toHaveLength(6)
    expect(events.filter(([event]) => event === 'error')).toHaveLength(2)
  })

  it('tell of each trip', async () => {
    const events = await traced<TracedTrip>('ipvs-fullnat:trip', (ipvs) =>
      Promise.all([ipvs.services.add(WEB), ipvs.services.list(), ipvs.services.list()]),
    )
    expect(events.map(([event, { requests }]) => [event, requests])).toEqual([
      ['start', 3],
      ['asyncEnd', 3],
    ])
    expect(events[1]?.[1].kernelTime).toBeGreaterThan(0)
  })

  it('tell of each full thousand of a batch as one call: none is taken apart', async () => {
    const events = await traced<TracedTrip>('ipvs-fullnat:trip', (ipvs) =>
      ipvs.batch((batch) => {
        for (let port = 1; port <= 3500; port++) batch.services.add({ ...WEB, port })
      }),
    )
    const starts = events.filter(([event]) => event === 'start')
    expect(starts.map(([, { requests, calls }]) => [requests, calls])).toEqual([
      [1000, 1],
      [1000, 1],
      [1000, 1],
      [500, 1],
    ])
  })
})
