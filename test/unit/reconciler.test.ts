import { channel } from 'node:diagnostics_channel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib/client/ipvs'
import { collect } from '../../lib/metrics'
import type { DesiredDestination, DesiredService, DesiredState } from '../../lib/model/desired-state'
import { nextTurn } from '../../lib/model/turn'
import type { ReconcilerClient, Round } from '../../lib/reconcile'
import { apply, plan, Reconciler } from '../../lib/reconcile'
import { ReconcileSchedule } from '../../lib/reconcile/reconcile-schedule'
import { ReconcilerProgress } from '../../lib/reconcile/reconciler-progress'
import { checkDesiredState } from '../../lib/reconcile/wanted'
import { FakeKernel } from '../../lib/testing'
import { destinationMaker, WEB } from './support/desired'
import { ManualClock, quiet, START, States, startReconciler, turns } from './support/reconciler-lab'

const at = destinationMaker('fullnat')
const web = (...destinations: DesiredDestination[]): DesiredState => ({
  services: [{ ...WEB, localAddresses: ['10.1.0.1'], destinations }],
})
const ONE = web(at(1))
const TWO = web(at(1), at(2))
const iso = (milliseconds: number) => new Date(START + milliseconds).toISOString()

describe('a Reconciler', () => {
  it('makes the kernel what each state says, and then leaves it alone', async () => {
    const lab = await startReconciler()
    expect(lab.reconciler.status()).toMatchObject({
      phase: 'idle',
      generation: { wanted: 0, reached: 0 },
      settled: false,
      nextIn: undefined,
    })
    await lab.apply(ONE)
    await lab.apply(TWO)
    expect(lab.heard).toEqual(['reached 1', 'reached 2'])
    expect((await plan(lab.other, TWO)).steps).toEqual([])
    const { requests } = lab.kernel
    requests.length = 0
    await lab.advance(120_000)
    expect(new Set(requests.map(({ operation }) => operation))).toEqual(new Set(['snapshot']))
    expect(lab.reconciler.status()).toMatchObject({
      generation: { wanted: 2, reached: 2 },
      settled: true,
      since: START + 200,
      lastError: undefined,
      nextIn: 30_000,
    })
    expect(lab.opened()).toBe(1)
    await lab.reconciler.stop()
  })

  it('calls what a failed round left undone no drift', () => {
    const progress = new ReconcilerProgress(() => 0)
    progress.came()
    progress.accept(ONE, checkDesiredState(ONE))
    expect(progress.wasReached).toBe(false)
    progress.succeeded(1)
    expect(progress.wasReached).toBe(true)
    progress.failed()
    expect(progress.wasReached).toBe(false)
  })

  it('skips a change of what is gone meanwhile', async () => {
    const kernel = new FakeKernel({ dialect: 'fullnat-v2' })
    const ipvs = await Ipvs.open({ transport: kernel.transport() })
    await apply(ipvs, await plan(ipvs, ONE))
    const todo = await plan(ipvs, web(at(1, { weight: 7 })))
    await ipvs.destinations.remove(WEB, at(1))
    const { outcomes, complete } = await apply(ipvs, todo)
    expect(outcomes).toMatchObject([{ status: 'skipped', why: 'changed-meanwhile' }])
    expect(complete).toBe(false)
    await ipvs.close()
  })

  it.each([
    [{ ports: ['80'] }, 'options.manage.ports[0]'],
    [{ ports: [80, 65536] }, 'options.manage.ports[1]'],
    [{ fwmarks: [0] }, 'options.manage.fwmarks[0]'],
    [{ fwmarks: [1.5] }, 'options.manage.fwmarks[0]'],
  ])('refuses a scope that can be of no service: %j', async (manage, field) => {
    const ipvs = await Ipvs.open({ transport: new FakeKernel({ dialect: 'mainline' }).transport() })
    await expect(plan(ipvs, {}, { manage: manage as never })).rejects.toMatchObject({ field })
    await ipvs.close()
  })

  it('is not kept from its work, nor from its end, by an iterable that always has another state', async () => {
    const kernel = new FakeKernel({ dialect: 'fullnat-v2' })
    let taken = 0
    const desired = async function* () {
      for (;;) yield web(at(1, { weight: (++taken % 100) + 1 }))
    }
    const reconciler = new Reconciler({
      open: () => Ipvs.open({ transport: kernel.transport() }),
      desired,
      debounce: 0,
    })
    const reached = new Promise((resolve) => reconciler.on('reached', resolve))
    reconciler.start()
    await reached
    await reconciler.stop()
    await turns(3)
    const then = taken
    await turns(20)
    expect(taken).toBe(then)
  })

  it('takes the newest of the states that come within the debounce, however many they are', async () => {
    const lab = await startReconciler()
    const rounds: Round[] = []
    lab.reconciler.on('round', (round) => rounds.push(round))
    for (let i = 0; i < 20; i++) {
      lab.states.push(web(at(1, { weight: i + 1 })))
      await quiet(lab.reconciler)
      await lab.advance(10)
    }
    // A source that never rests does not put it off for ever.
    expect(rounds.map(({ generation }) => generation)).toEqual([10, 20])
    expect((await lab.other.destinations.list(WEB))[0]?.weight).toBe(20)
    await lab.reconciler.stop()
  })

  it('makes one round at a time; what comes meanwhile is done after it', async () => {
    const kernel = new FakeKernel({ dialect: 'fullnat-v2' })
    const lab = await startReconciler({}, {}, kernel)
    const hang = kernel.neverAnswer('services.add')
    lab.states.push(ONE)
    await turns(5)
    const advancing = lab.clock.advance(100)
    await advancing
    await turns(20)
    expect(lab.reconciler.status().phase).toBe('working')
    lab.states.push(web(at(3)))
    lab.states.push(TWO)
    await turns(20)
    expect(lab.heard).toEqual([])
    hang.remove()
    await quiet(lab.reconciler)
    expect(lab.heard).toEqual(['reached 1'])
    await lab.advance(100)
    expect(lab.heard).toEqual(['reached 1', 'reached 3'])
    await lab.reconciler.stop()
  })

  it('mends what somebody else changed at the next look, and says what (lessons 20 and 8)', async () => {
    const lab = await startReconciler()
    await lab.apply(TWO)
    await lab.other.destinations.remove(WEB, at(1))
    await lab.other.destinations.update(WEB, at(2), { weight: 0 })
    await lab.other.localAddresses.add(WEB, '10.1.0.9')
    await lab.advance(30_000)
    expect(lab.heard.slice(1)).toEqual([
      'drift add destination fullnat, weight 1',
      'drift change destination weight 0 -> 1',
      'drift remove localAddress 0 connections',
    ])
    expect(lab.reconciler.status().settled).toBe(true)
    expect(lab.reconciler.activity()).toMatchObject({ drift: 3, rounds: { state: 1, resync: 1 } })
    await lab.advance(30_000)
    expect(lab.heard).toHaveLength(4)
    await lab.reconciler.stop()
  })

  it('waits longer after each failure, and never longer than the cap', async () => {
    let works = false
    const tries: number[] = []
    const clock = new ManualClock()
    const kernel = new FakeKernel()
    const lab = await startReconciler({ clock, backoff: { first: 1000, most: 6000 } }, {}, kernel)
    const { reconciler, states } = lab
    kernel.fail(
      () => {
        if (works) return false
        tries.push(clock.now())
        return true
      },
      'EIO',
      { times: Number.POSITIVE_INFINITY },
    )
    states.push(ONE)
    await quiet(reconciler)
    await clock.advance(30_000, reconciler)
    expect(tries.filter((time, i) => time !== tries[i - 1])).toEqual([
      100, 1100, 3100, 7100, 13_100, 19_100, 25_100,
    ])
    expect(reconciler.status()).toMatchObject({ failures: 7, settled: false })
    works = true
    await clock.advance(6000, reconciler)
    expect(reconciler.status()).toMatchObject({ failures: 0, settled: true, lastError: undefined })
    await reconciler.stop()
  })

  it('varies its waits by no more than jitter', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        fc.integer({ min: 1, max: 12 }),
        (jitter, failures) => {
          const waits = { debounce: 0, interval: 1000, jitter, drainInterval: 1, first: 10, most: 600 }
          const schedule = new ReconcileSchedule(waits, new ManualClock())
          schedule.succeeded(false, undefined)
          const share = jitter + 1e-9
          expect(Math.abs((schedule.nextIn as number) / 1000 - 1)).toBeLessThanOrEqual(share)
          const wait = Math.min(600, 10 * 2 ** (failures - 1))
          expect(Math.abs(schedule.backoff(failures) / wait - 1)).toBeLessThanOrEqual(share)
        },
      ),
    )
  })

  it('fills a module that was loaded again, and opens anew where the client has no future', async () => {
    const lab = await startReconciler()
    await lab.apply(TWO)
    lab.kernel.loadModule()
    await lab.advance(30_000)
    expect(lab.opened()).toBe(1)
    expect((await plan(lab.other, TWO)).steps).toEqual([])
    expect(lab.heard.filter((line) => line.startsWith('drift add'))).toHaveLength(4)
    lab.kernel.unloadModule()
    await lab.advance(30_000)
    expect(lab.heard).toContain('error plan ERR_IPVS_NOT_LOADED')
    lab.kernel.loadModule()
    await lab.advance(2000)
    expect(lab.opened()).toBeGreaterThan(1)
    expect((await plan(lab.other, TWO)).steps).toEqual([])
    await lab.reconciler.stop()
  })

  it('takes another kernel behind a client that says ERR_IPVS_MODULE_CHANGED', async () => {
    const kernels = [new FakeKernel({ dialect: 'fullnat-v2' }), new FakeKernel({ dialect: 'mainline' })]
    const { Ipvs } = await import('../../lib/client/ipvs')
    let boot = 0
    const open = async () => {
      const ipvs = await Ipvs.open({ transport: (kernels[boot] as FakeKernel).transport() })
      const changed = Object.assign(new Error('another kernel'), { code: 'ERR_IPVS_MODULE_CHANGED' })
      const mine = boot
      return new Proxy(ipvs, {
        get: (target, name) =>
          name === 'snapshot' && mine !== boot
            ? () => Promise.reject(changed)
            : Reflect.get(target, name, target),
      })
    }
    const lab = await startReconciler({ open })
    const masquerade = web(at(1, { forwarding: 'masquerade' }))
    const { localAddresses: _, ...plain } = (masquerade.services as DesiredService[])[0] as DesiredService
    await lab.apply({ services: [plain as DesiredService] })
    boot = 1
    await lab.advance(31_000)
    expect(lab.heard).toContain('error plan ERR_IPVS_MODULE_CHANGED')
    const ipvs = await Ipvs.open({ transport: (kernels[1] as FakeKernel).transport() })
    expect(await ipvs.destinations.list(WEB)).toMatchObject([{ address: '10.9.0.1' }])
    expect(lab.reconciler.status()).toMatchObject({ settled: true, failures: 0 })
    await lab.reconciler.stop()
  })

  it('ends a drain when its connections are gone, and wakes for its deadline (lessons 3, 6 and 8)', async () => {
    const lab = await startReconciler()
    await lab.apply(TWO)
    const connect = (n: number) =>
      lab.kernel.connect({ client: `203.0.113.${n}:1000`, service: 'tcp 192.0.2.1:80' })
    const clients = [connect(1), connect(2), connect(3), connect(4)]
    await lab.apply(web(at(1, { state: 'drain', reason: 'maintenance', until: iso(20_000) }), at(2)))
    const { draining, settled } = lab.reconciler.status()
    expect(settled).toBe(true)
    expect(draining).toMatchObject([
      { kind: 'destination', destination: { address: '10.9.0.1' }, until: iso(20_000), activeConnections: 2 },
    ])
    await lab.advance(19_000)
    expect((await lab.other.destinations.list(WEB)).length).toBe(2)
    await lab.advance(800)
    expect(await lab.other.destinations.list(WEB)).toMatchObject([{ address: '10.9.0.2' }])
    expect(lab.reconciler.status().draining).toEqual([])
    // Nobody caused that.
    expect(lab.heard).toEqual(['reached 1', 'reached 2'])

    await lab.apply(web(at(1), at(2, { state: 'drain' })))
    for (const client of clients) client.close()
    lab.kernel.advance(10)
    await lab.advance(5000)
    expect(await lab.other.destinations.list(WEB)).toMatchObject([{ address: '10.9.0.1' }])
    await lab.reconciler.stop()
  })

  it('another one goes on with a drain: all of it stands in the kernel and in the state (lesson 8)', async () => {
    const lab = await startReconciler()
    await lab.apply(TWO)
    lab.kernel.connect({ client: '203.0.113.1:1000', service: 'tcp 192.0.2.1:80' })
    lab.kernel.connect({ client: '203.0.113.2:1000', service: 'tcp 192.0.2.1:80' })
    const draining = web(at(1, { state: 'drain', until: iso(60_000) }), at(2))
    await lab.apply(draining)
    await lab.reconciler.stop()
    const next = await startReconciler({}, {}, lab.kernel)
    await next.apply(draining)
    expect(next.reconciler.status().draining).toMatchObject([{ activeConnections: 1, until: iso(60_000) }])
    await next.advance(60_000)
    expect(await next.other.destinations.list(WEB)).toMatchObject([{ address: '10.9.0.2' }])
    await next.reconciler.stop()
  })

  it('does nothing while it is paused, but for now()', async () => {
    const lab = await startReconciler()
    await lab.apply(ONE)
    await lab.reconciler.pause()
    expect(lab.reconciler.status().phase).toBe('paused')
    await lab.other.destinations.remove(WEB, at(1))
    // What the first would do is due when the second wakes it.
    await lab.apply(web(at(3)))
    await lab.advance(1000)
    await lab.apply(TWO)
    await lab.advance(100_000)
    expect(await lab.other.destinations.list(WEB)).toEqual([])
    const round = await lab.reconciler.now()
    expect(round).toMatchObject({ cause: 'now', generation: 3, error: undefined })
    expect(lab.reconciler.status().phase).toBe('paused')
    expect(await lab.other.destinations.list(WEB)).toHaveLength(2)
    await lab.apply(ONE)
    expect(await lab.other.destinations.list(WEB)).toHaveLength(2)
    lab.reconciler.resume()
    await quiet(lab.reconciler)
    expect(await lab.other.destinations.list(WEB)).toHaveLength(1)
    await lab.reconciler.stop()
  })

  it('now() does not wait for the back-off', async () => {
    const lab = await startReconciler()
    lab.kernel.fail('services.add', 'ENOMEM')
    await lab.apply(ONE)
    expect(lab.reconciler.status()).toMatchObject({ failures: 1, settled: false })
    expect(await lab.reconciler.now()).toMatchObject({ error: undefined })
    expect(lab.reconciler.status()).toMatchObject({ failures: 0, settled: true })
    await lab.reconciler.stop()
  })

  it('stop() lets the round end, closes the client, ends the source, and leaves no timer', async () => {
    const lab = await startReconciler()
    await lab.apply(ONE)
    const hang = lab.kernel.neverAnswer('destinations.add')
    lab.states.push(web(at(1), at(2), at(3)))
    await turns(5)
    await lab.clock.advance(100)
    await turns(20)
    const stopped = lab.reconciler.stop()
    const again = lab.reconciler.stop()
    hang.remove()
    await Promise.all([stopped, again])
    expect(lab.states.ended).toBe(true)
    expect(lab.clock.pending).toBe(0)
    expect(await lab.other.destinations.list(WEB)).toHaveLength(3)
    expect(lab.reconciler.status()).toMatchObject({ phase: 'stopped', nextIn: undefined })
    expect(await lab.reconciler.now()).toBeUndefined()
    const untouched = new Reconciler({ open: () => Promise.reject(new Error('no')), desired: new States() })
    await untouched.stop()
    expect(untouched.start().status().phase).toBe('stopped')
  })

  it('a host program that forgets every handler does not crash', async () => {
    const rejections: unknown[] = []
    const hear = (error: unknown) => rejections.push(error)
    process.on('unhandledRejection', hear)
    try {
      const clock = new ManualClock()
      const states = new States()
      const reconciler = new Reconciler({
        open: () => Promise.reject(new Error('no kernel')),
        desired: states,
        clock,
      }).start()
      states.push(ONE)
      states.push({ services: [{ ...WEB, port: -1 }] })
      await quiet(reconciler)
      await clock.advance(10_000, reconciler)
      reconciler.now()
      states.fail(new Error('the watch was cut'))
      await turns(20)
      expect(reconciler.status()).toMatchObject({ settled: false })
      reconciler.stop()
      await turns(20)
      expect(rejections).toEqual([])
    } finally {
      process.off('unhandledRejection', hear)
    }
  })

  it('a state that cannot be changes nothing; the last good one stays (lessons 21 and 43)', async () => {
    const lab = await startReconciler({ plan: { ignore: { ports: [81] } } })
    await lab.apply(ONE)
    await lab.apply({ services: [{ ...WEB, persistence: { timeout: -1 } }] })
    expect(lab.heard).toEqual(['reached 1', 'error state ERR_IPVS_DESIRED_STATE'])
    // What would be left out in silence is refused as a whole.
    await lab.apply({ services: [{ ...WEB, port: 81 }] })
    expect(lab.heard.slice(2)).toEqual(['error state ERR_INVALID_ARG_VALUE'])
    await lab.other.services.remove(WEB)
    await lab.advance(30_000)
    expect(await lab.other.destinations.list(WEB)).toHaveLength(1)
    expect(lab.reconciler.status()).toMatchObject({ generation: { wanted: 3, reached: 1 }, settled: false })
    await lab.apply(TWO)
    expect(lab.reconciler.status()).toMatchObject({
      generation: { wanted: 4, reached: 4 },
      settled: true,
      lastError: undefined,
    })
    await lab.reconciler.stop()
  })

  it('says which function it was that returned no options', async () => {
    const lab = await startReconciler({ plan: () => undefined as never })
    const errors: unknown[] = []
    lab.reconciler.on('error', (error) => errors.push(error))
    await lab.apply(ONE)
    expect(errors).toMatchObject([{ code: 'ERR_INVALID_ARG_TYPE', field: 'options.plan()' }])
    expect(await lab.other.services.list()).toEqual([])
    await lab.reconciler.stop()
  })

  it('asks a source that failed again for the whole state (lesson 41)', async () => {
    const sources: States[] = []
    const desired = () => {
      const states = new States()
      sources.push(states)
      return states
    }
    const lab = await startReconciler({ desired })
    sources[0]?.push(ONE)
    await quiet(lab.reconciler)
    await lab.advance(100)
    sources[0]?.fail(new Error('compacted'))
    await quiet(lab.reconciler)
    expect(lab.heard).toEqual(['reached 1', 'error source undefined'])
    expect(sources).toHaveLength(1)
    await lab.advance(1000)
    expect(sources).toHaveLength(2)
    sources[1]?.push(TWO)
    await quiet(lab.reconciler)
    await lab.advance(100)
    expect(lab.heard).toContain('reached 2')
    // It ends by itself: the last state stays.
    sources[1]?.end()
    await lab.other.services.remove(WEB)
    await lab.advance(30_000)
    expect(await lab.other.destinations.list(WEB)).toHaveLength(2)
    expect(sources).toHaveLength(2)
    await lab.reconciler.stop()
  })

  it.each([
    ['no iterable', () => undefined],
    ['a number', () => 5],
    ['no iterator', () => ({ [Symbol.asyncIterator]: () => undefined })],
    ['no next()', () => ({ [Symbol.asyncIterator]: () => ({}) })],
    [
      'a next() that resolves to no object',
      () => ({ [Symbol.asyncIterator]: () => ({ next: async () => 5 }) }),
    ],
    [
      'a return() that is none',
      () => ({
        [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('cut')), return: () => 5 }),
      }),
    ],
  ])('a source that is %s fails, and is asked again later', async (_, desired) => {
    let asked = 0
    const source = () => {
      asked++
      return desired()
    }
    const lab = await startReconciler({ desired: source as never })
    await turns(20)
    expect(lab.heard).toEqual(['error source undefined'])
    expect(asked).toBe(1)
    await lab.advance(1000)
    await turns(20)
    expect(asked).toBe(2)
    expect(lab.heard).toHaveLength(2)
    await lab.advance(2000)
    await lab.reconciler.stop()
    expect(asked).toBe(3)
  })

  it('a source that is no function is asked once: it has nothing else to say', async () => {
    const lab = await startReconciler()
    let asked = 0
    const iterator = lab.states[Symbol.asyncIterator].bind(lab.states)
    lab.states[Symbol.asyncIterator] = () => {
      asked++
      return iterator()
    }
    await lab.apply(ONE)
    lab.states.fail(new Error('cut'))
    await lab.advance(100_000)
    expect(lab.heard).toEqual(['reached 1', 'error source undefined'])
    expect(asked).toBe(0)
    await lab.reconciler.stop()
  })

  it('a source that had a state before it failed is asked again as if it never had', async () => {
    let asked = 0
    async function* desired(): AsyncIterable<DesiredState> {
      asked++
      yield ONE
      throw new Error('cut')
    }
    const lab = await startReconciler({ desired })
    await turns(20)
    for (let i = 1; i <= 5; i++) {
      expect(asked).toBe(i)
      await lab.advance(1000)
      await turns(20)
    }
    await lab.reconciler.stop()
  })

  it('opens no other client for what is wrong with its options', async () => {
    const lab = await startReconciler({ plan: () => ({ maxRemovals: -1 }) })
    await lab.apply(ONE)
    await lab.advance(20_000)
    expect(new Set(lab.heard)).toEqual(new Set(['error plan ERR_OUT_OF_RANGE']))
    expect(lab.heard.length).toBeGreaterThan(2)
    expect(lab.opened()).toBe(1)
    await lab.reconciler.stop()
  })

  it('stop() does not wait for an open() that hangs, and closes what comes of it', async () => {
    let arrive: (client: ReconcilerClient) => void = () => {}
    const opening = new Promise<ReconcilerClient>((resolve) => {
      arrive = resolve
    })
    let opened = 0
    const reconciler = new Reconciler({
      open: () => {
        opened++
        return opening
      },
      desired: (async function* () {
        yield ONE
      })(),
    })
    const errors: unknown[] = []
    reconciler.on('error', (error) => errors.push(error)).start()
    while (opened === 0) await nextTurn()
    await reconciler.stop()
    expect(errors).toMatchObject([{ code: 'ERR_IPVS_CLOSED' }])
    expect(reconciler.status().phase).toBe('stopped')
    const ipvs = await Ipvs.open({ transport: new FakeKernel({ dialect: 'fullnat-v2' }).transport() })
    arrive(ipvs)
    await nextTurn()
    await expect(ipvs.info()).rejects.toMatchObject({ code: 'ERR_IPVS_CLOSED' })
  })

  it('a watch that is cut while it waits again wakes nobody after stop()', async () => {
    const sources: States[] = []
    const desired = () => {
      sources.push(new States())
      return sources[sources.length - 1] as States
    }
    const lab = await startReconciler({ desired })
    sources[0]?.fail(new Error('cut'))
    await quiet(lab.reconciler)
    await lab.reconciler.stop()
    expect(lab.clock.pending).toBe(0)
    expect(sources).toHaveLength(1)
  })

  it('remembers what it made before it makes it, and forgets what is gone (lessons 15, 16 and 17)', async () => {
    const kept: string[][] = []
    const kernel = new FakeKernel({ dialect: 'fullnat-v2' })
    const remember = async (services: readonly { port?: number }[]) => {
      kept.push([...services.map(({ port }) => String(port)), `${kernel.dump().services.length} there`])
    }
    const lab = await startReconciler({ remembered: [], remember }, {}, kernel)
    await lab.other.services.add({ ...WEB, port: 90 })
    const service = (port: number): DesiredService => ({ ...WEB, port, destinations: [] })
    await lab.apply({ services: [service(80), service(90)] })
    expect(kept).toEqual([['80', '1 there']])
    expect(lab.reconciler.status()).toMatchObject({
      settled: true,
      reports: [{ reason: 'not-ours', service: { port: 90 } }],
    })
    await lab.apply({ services: [] })
    expect(kept[1]).toEqual(['1 there'])
    expect((await lab.other.services.list()).map(({ port }) => port)).toEqual([90])
    expect(lab.reconciler.remembered).toEqual([])
    await lab.reconciler.stop()
    // With adopt it is taken over, and remembered.
    const adopting = await startReconciler({ remembered: [], plan: { adopt: true } }, {}, kernel)
    await adopting.apply({ services: [service(90)] })
    expect(adopting.reconciler.remembered).toMatchObject([{ port: 90 }])
    await adopting.apply({ services: [] })
    expect(await lab.other.services.list()).toEqual([])
    await adopting.reconciler.stop()
  })

  it('where it cannot be remembered nothing is made', async () => {
    let works = false
    const remember = () => (works ? undefined : Promise.reject(new Error('disk full')))
    const lab = await startReconciler({ remembered: [], remember })
    await lab.apply(ONE)
    // Nor with the next try.
    await lab.advance(1000)
    expect(lab.heard).toEqual(['error remember undefined', 'error remember undefined'])
    expect(await lab.other.services.list()).toEqual([])
    works = true
    await lab.advance(2000)
    expect(lab.heard).toContain('reached 1')
    await lab.reconciler.stop()
  })

  it('what somebody else was faster to make is theirs', async () => {
    const kept: number[] = []
    const kernel = new FakeKernel({ dialect: 'fullnat-v2' })
    const other = await Ipvs.open({ transport: kernel.transport() })
    const remember = async (services: readonly unknown[]) => {
      kept.push(services.length)
      if (kept.length === 1) await other.services.add(WEB)
    }
    const lab = await startReconciler({ remembered: [], remember }, {}, kernel)
    await lab.apply(ONE)
    expect(kept).toEqual([1, 0])
    expect(lab.reconciler.remembered).toEqual([])
    await lab.apply({ services: [] })
    expect(await other.services.list()).toHaveLength(1)
    await lab.reconciler.stop()
  })

  it('what could not be forgotten is tried again', async () => {
    const kept: number[] = []
    let works = true
    const remember = async (services: readonly unknown[]) => {
      if (!works) throw new Error('disk full')
      kept.push(services.length)
    }
    const lab = await startReconciler({ remembered: [], remember })
    await lab.apply(ONE)
    works = false
    await lab.apply({ services: [] })
    expect(lab.heard).toEqual(['reached 1', 'error remember undefined'])
    works = true
    await lab.advance(1000)
    expect(kept).toEqual([1, 0])
    expect(lab.reconciler.status()).toMatchObject({ settled: true, failures: 0 })
    // And once is enough.
    await lab.advance(100_000)
    expect(kept).toEqual([1, 0])
    await lab.reconciler.stop()
  })

  it('a drain ends in time although something else fails again and again', async () => {
    const lab = await startReconciler({ backoff: { first: 50_000, most: 100_000 } })
    const bad = { ...WEB, port: 81, scheduler: 'none-such', destinations: [] }
    const state = (more: Partial<DesiredDestination>): DesiredState => ({
      services: [...(web(at(1, more), at(2)).services ?? []), bad],
    })
    await lab.apply(state({}))
    for (const n of [1, 2]) {
      lab.kernel.connect({ client: `203.0.113.${n}:1000`, service: 'tcp 192.0.2.1:80' })
    }
    await lab.apply(state({ state: 'drain', until: iso(20_000) }))
    expect(lab.reconciler.status()).toMatchObject({ failures: 2, settled: false, draining: [{}] })
    await lab.advance(19_700)
    expect(await lab.other.destinations.list(WEB)).toHaveLength(2)
    await lab.advance(200)
    expect(await lab.other.destinations.list(WEB)).toMatchObject([{ address: '10.9.0.2' }])
    // That is once, and no reason to hurry with the rest.
    expect(lab.reconciler.status()).toMatchObject({ failures: 3, nextIn: 100_000 - 100 })
    await lab.reconciler.stop()
  })

  it('what the plan may not do is reported, and the rest is settled', async () => {
    const lab = await startReconciler({ plan: { allow: ['add', 'edit'] } })
    await lab.apply(TWO)
    await lab.apply(ONE)
    expect(lab.reconciler.status()).toMatchObject({ settled: true, reports: [{ reason: 'not-allowed' }] })
    expect(lab.reconciler.activity().reports).toBe(1)
    // And no drift, however often it is looked at.
    await lab.advance(100_000)
    expect(lab.heard).toEqual(['reached 1', 'reached 2'])
    await lab.reconciler.stop()
  })

  it('waits while the table is in motion, and removes nothing', async () => {
    const lab = await startReconciler()
    await lab.apply(TWO)
    let port = 1000
    const writing = lab.kernel.fail(
      (request) => {
        if (request.operation === 'snapshot') lab.other.services.add({ ...WEB, port: port++ })
        return false
      },
      'EIO',
      { times: Number.POSITIVE_INFINITY },
    )
    await lab.apply(ONE)
    expect(lab.heard.slice(-1)).toEqual(['error apply ERR_IPVS_INCOMPLETE'])
    expect(await lab.other.destinations.list(WEB)).toHaveLength(2)
    expect(lab.reconciler.status().warnings).toMatchObject([{ code: 'table-in-motion' }])
    writing.remove()
    await lab.advance(1000)
    expect(await lab.other.destinations.list(WEB)).toHaveLength(1)
    expect(lab.reconciler.status().settled).toBe(true)
    await lab.reconciler.stop()
  })

  it('shows its counts to ipvs-fullnat/metrics, and its rounds to diagnostics_channel', async () => {
    const traced: string[] = []
    const end = channel('tracing:ipvs-fullnat:reconcile:asyncEnd')
    const hear = (message: unknown) => {
      const { cause, generation, applied } = message as Round
      traced.push(`${cause} ${generation} ${applied?.counts.done}`)
    }
    end.subscribe(hear)
    const lab = await startReconciler()
    await lab.apply(ONE)
    end.unsubscribe(hear)
    expect(traced).toEqual(['state 1 3'])
    const { reconciler } = lab
    const text = await collect(lab.other, { families: ['reconciler'], reconciler })
    expect(text).toContain('ipvs_reconciler_settled 1\n')
    expect(text).toContain('ipvs_reconciler_rounds_total{cause="state"} 1\n')
    expect(text).toContain('ipvs_reconciler_steps_total{status="done"} 3\n')
    expect(await collect(lab.other, { families: ['reconciler'] })).toBe('')
    await reconciler.stop()
  })

  it('refuses options that mean nothing, before anything is opened', () => {
    const open = () => Promise.reject(new Error('opened'))
    const desired = new States()
    for (const [field, wrong] of [
      ['options.open', { open: 1 }],
      ['options.desired', { desired: [] }],
      ['options.plan', { plan: null }],
      ['options.maxRemovals', { plan: { maxRemovals: -1 } }],
      ['options.keepWeight', { plan: { keepWeight: true } }],
      ['options.interval', { interval: 0 }],
      ['options.jitter', { jitter: 0.6 }],
      ['options.backoff.most', { backoff: { first: 100, most: 50 } }],
      ['options.remembered', { remember: () => {} }],
      ['options.remembered[0]', { remembered: [{}] }],
      ['options.clock.after', { clock: { time: Date.now, now: Date.now } }],
      ['options.sync', { sync: true }],
    ] as const) {
      const make = () => new Reconciler({ open, desired, ...(wrong as object) })
      expect(make, field).toThrow()
      try {
        make()
      } catch (error) {
        expect((error as { field?: string }).field).toContain(field)
      }
    }
  })
})
