import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Ipvs, type Transport } from '../../lib'
import type { RequestBuffer } from '../../lib/border/request'
import { Activity } from '../../lib/dispatch/activity'
import { FakeKernel } from '../../lib/testing'

const service = (port: number) => ({ protocol: 'tcp', address: '192.0.2.1', port }) as const
const open = (kernel: FakeKernel, timeout = 60_000) => Ipvs.open({ transport: kernel.transport(), timeout })
const ended = (promises: readonly Promise<unknown>[]) =>
  Promise.all(promises.map((one) => one.catch(() => {})))
const numbers = (ipvs: Ipvs) => {
  const { kernelTime, ...rest } = ipvs.activity()
  return rest
}
const NOTHING = { calls: 0, trips: 0, requests: 0, errors: {}, outcomeUnknown: 0, queued: 0, pending: 0 }

describe('calls, trips and requests', () => {
  it('a client that was opened has done nothing', async () => {
    const ipvs = await open(new FakeKernel())
    expect(numbers(ipvs)).toEqual(NOTHING)
    const { kernelTime } = ipvs.activity()
    expect(kernelTime).toMatchObject({ sum: 0, count: 0 })
    expect(kernelTime.buckets.every(({ count }) => count === 0)).toBe(true)
  })

  it('calls of one tick share a trip, of commands and of plans', async () => {
    const ipvs = await open(new FakeKernel())
    const calls = [1, 2, 3].map((port) => ipvs.services.add(service(port)))
    const more = [ipvs.info(), ipvs.services.get(service(1)), ipvs.services.get(service(2))]
    await Promise.all<unknown>([...calls, ...more])
    expect(numbers(ipvs)).toEqual({ ...NOTHING, calls: 6, trips: 1, requests: 6 })
  })

  it('a call can take several requests and trips', async () => {
    const ipvs = await open(new FakeKernel())
    await ipvs.services.ensure(service(1))
    const { calls, trips, requests } = ipvs.activity()
    expect({ calls, trips, requests }).toEqual({ calls: 1, trips: 2, requests: 2 })
  })

  it('the calls of a tick that read the same list send one request for all', async () => {
    const ipvs = await open(new FakeKernel())
    await ipvs.services.add(service(1))
    const before = ipvs.activity()
    const key = { address: '10.0.0.1', port: 80 }
    await Promise.all([1, 2, 3].map(() => ipvs.destinations.get(service(1), key)))
    const { calls, requests } = ipvs.activity()
    expect({ calls: calls - before.calls, requests: requests - before.requests }).toEqual({
      calls: 3,
      requests: 1,
    })
  })

  it('each operation of a batch is a call, those of a batch of several trips too', async () => {
    const ipvs = await open(new FakeKernel())
    await ipvs.batch((batch) => {
      for (let port = 1; port <= 2500; port++) batch.services.add(service(port))
      batch.services.update(service(1), { scheduler: 'rr' })
    })
    expect(ipvs.activity()).toMatchObject({ calls: 2501, requests: 2502, errors: {} })
    expect(ipvs.activity().trips).toBeGreaterThanOrEqual(3)
  })

  it('what is refused for its arguments, or by a rule, is no call', async () => {
    const ipvs = await open(new FakeKernel({ dialect: 'mainline' }))
    await ended([
      ipvs.services.add({ ...service(80), port: -1 }),
      ipvs.localAddresses.add(service(80), '10.1.0.1'),
      ipvs.services.list({ timeout: -1 }),
    ])
    expect(numbers(ipvs)).toEqual(NOTHING)
  })

  it('one client does not count for another', async () => {
    const kernel = new FakeKernel()
    const [one, other] = [await open(kernel), await open(kernel)]
    await one.info()
    expect(one.activity().calls).toBe(1)
    expect(numbers(other)).toEqual(NOTHING)
  })

  it('what was handed out does not change', async () => {
    const ipvs = await open(new FakeKernel())
    const before = ipvs.activity()
    await ended([ipvs.info(), ipvs.services.remove(service(1))])
    expect(before).toMatchObject(NOTHING)
    expect(before.kernelTime.count).toBe(0)
  })
})

describe('errors by code', () => {
  it('of commands and of plans, once for each call', async () => {
    const ipvs = await open(new FakeKernel())
    await ipvs.services.add(service(1))
    const key = { address: '10.0.0.1', port: 80 }
    await ended([
      ipvs.services.add(service(1)),
      ipvs.services.add(service(1)),
      ipvs.services.update(service(9), { scheduler: 'rr' }),
      ipvs.destinations.remove(service(1), key),
      // None of these is an error.
      ipvs.services.get(service(9)),
      ipvs.services.ensure(service(1)),
    ])
    await ipvs.batch((batch) => {
      batch.services.add(service(1))
      batch.destinations.update(service(1), key, { weight: 2 })
    })
    expect(ipvs.activity()).toMatchObject({
      calls: 9,
      errors: { EEXIST: 3, ENOENT: 2, ESRCH: 1 },
      outcomeUnknown: 0,
    })
    expect(Object.keys(ipvs.activity().errors)).toEqual(['EEXIST', 'ENOENT', 'ESRCH'])
  })

  it('calls on a closed client', async () => {
    const ipvs = await open(new FakeKernel())
    await ipvs.close()
    await ended([ipvs.info(), ipvs.services.add(service(1)), ipvs.services.add(service(2))])
    expect(ipvs.activity()).toMatchObject({ calls: 3, trips: 0, errors: { ERR_IPVS_CLOSED: 3 }, pending: 0 })
  })

  it('calls that are closed while they wait', async () => {
    const ipvs = await open(new FakeKernel())
    const waiting = [ipvs.info(), ipvs.services.add(service(1))]
    await Promise.all([ipvs.close(), ended(waiting)])
    expect(ipvs.activity()).toMatchObject({ errors: { ERR_IPVS_CLOSED: 2 }, outcomeUnknown: 0 })
  })

  it('what may have been done: an answer that was lost, or late, or a call that was given up', async () => {
    const kernel = new FakeKernel()
    const ipvs = await open(kernel)
    kernel.loseAnswer('services.add')
    await ended([ipvs.services.add(service(1))])
    expect(ipvs.activity()).toMatchObject({ errors: { ERR_IPVS_OUTCOME_UNKNOWN: 1 }, outcomeUnknown: 1 })
    kernel.delay(5000, 'services.add')
    await ended([ipvs.services.add(service(2), { timeout: 10 })])
    expect(ipvs.activity()).toMatchObject({ errors: { ERR_IPVS_TIMEOUT: 1 }, outcomeUnknown: 2 })
    const controller = new AbortController()
    const unsent = new AbortController()
    const fault = kernel.neverAnswer('services.add')
    const sent = ipvs.services.add(service(3), { signal: controller.signal })
    await new Promise((resolve) => setImmediate(resolve))
    const waits = ipvs.services.add(service(4), { signal: unsent.signal })
    unsent.abort()
    controller.abort()
    await ended([sent, waits])
    fault.remove()
    expect(ipvs.activity()).toMatchObject({ errors: { ABORT_ERR: 2 }, outcomeUnknown: 3 })
    // Refused by the kernel: its outcome is known.
    await ended([ipvs.services.remove(service(9))])
    expect(ipvs.activity().outcomeUnknown).toBe(3)
  })

  it("of a transport of somebody's own", async () => {
    const kernel = new FakeKernel()
    const inner = kernel.transport()
    let broken = false
    const transport: Transport = {
      ...inner,
      run: (request, onReply) => {
        if (broken) throw Object.assign(new Error('mine'), { code: 'EMINE' })
        return inner.run(request, onReply)
      },
    }
    const ipvs = await Ipvs.open({ transport })
    broken = true
    await ended([ipvs.info(), ipvs.services.add(service(1))])
    const { errors, outcomeUnknown, trips, kernelTime } = ipvs.activity()
    expect({ errors, outcomeUnknown }).toEqual({ errors: { ERR_IPVS_OUTCOME_UNKNOWN: 2 }, outcomeUnknown: 2 })
    expect(kernelTime.count).toBe(trips)
  })

  it('a signal that throws is not an error of ours', async () => {
    const ipvs = await open(new FakeKernel())
    const signal = {
      aborted: false,
      addEventListener: () => {
        throw new Error('mine')
      },
      removeEventListener: () => {},
    } as unknown as AbortSignal
    await ended([ipvs.info({ signal })])
    expect(ipvs.activity().errors).toEqual({ other: 1 })
  })
})

describe('what waits', () => {
  it('is queued until a trip takes it, and pending until it is answered', async () => {
    const kernel = new FakeKernel()
    const ipvs = await open(kernel)
    const fault = kernel.neverAnswer('info')
    const first = ipvs.info()
    expect(ipvs.activity()).toMatchObject({ queued: 1, pending: 1 })
    await new Promise((resolve) => setImmediate(resolve))
    expect(ipvs.activity()).toMatchObject({ queued: 0, pending: 1, trips: 1 })
    const more = [ipvs.services.list(), ipvs.services.add(service(1)), ipvs.services.add(service(2))]
    await new Promise((resolve) => setImmediate(resolve))
    expect(ipvs.activity()).toMatchObject({ queued: 3, pending: 4, trips: 1 })
    fault.remove()
    await Promise.all<unknown>([first, ...more])
    expect(ipvs.activity()).toMatchObject({ queued: 0, pending: 0, calls: 4, trips: 2 })
  })
})

describe('kernel time', () => {
  let clock = 0
  const at = (milliseconds: number) => {
    clock = milliseconds
  }
  /** Of so many requests, at the time that the clock shows. */
  const begin = (activity: Activity, requests: number) =>
    activity.beginTrip({ count: requests } as RequestBuffer, 1)
  const bars = (activity: Activity) => activity.report(0, 0).kernelTime
  const upTo = (activity: Activity, seconds: number) =>
    bars(activity).buckets.find(({ atMost }) => atMost === seconds)?.count

  beforeEach(() => {
    vi.spyOn(performance, 'now').mockImplementation(() => clock)
  })
  afterEach(() => {
    vi.restoreAllMocks()
  })

  it('puts each trip into the smallest bar that it fits in, and counts it in the larger ones', () => {
    const activity = new Activity()
    for (const took of [0, 0.1, 0.5, 0.6, 249, 250, 251, 10_000, 60_000]) {
      at(clock + 1000)
      const end = begin(activity, 1)
      at(clock + took)
      end()
    }
    const { buckets, count, sum } = bars(activity)
    expect(buckets).toEqual([
      { atMost: 0.0001, count: 2 },
      { atMost: 0.00025, count: 2 },
      { atMost: 0.0005, count: 3 },
      ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1].map((atMost) => ({ atMost, count: 4 })),
      { atMost: 0.25, count: 6 },
      ...[0.5, 1, 2.5, 5].map((atMost) => ({ atMost, count: 7 })),
      { atMost: 10, count: 8 },
      { atMost: Number.POSITIVE_INFINITY, count: 9 },
    ])
    expect(count).toBe(9)
    expect(sum).toBeCloseTo(70.7512, 6)
  })

  it('of a trip behind another begins when that one has ended', () => {
    const activity = new Activity()
    at(1000)
    const ends = [begin(activity, 1000), begin(activity, 1000)]
    at(1400)
    ends[0]?.()
    at(1402)
    ends[1]?.()
    expect(upTo(activity, 0.0025)).toBe(1)
    expect(bars(activity).sum).toBeCloseTo(0.402, 6)
    at(9000)
    const end = begin(activity, 1)
    at(9001)
    end()
    expect(bars(activity).sum).toBeCloseTo(0.403, 6)
  })

  it('is counted for every trip of a client, when it is over', async () => {
    const ipvs = await open(new FakeKernel())
    await ipvs.info()
    await ipvs.services.ensure(service(1))
    await new Promise((resolve) => setImmediate(resolve))
    const { trips, kernelTime } = ipvs.activity()
    expect(trips).toBe(3)
    expect(kernelTime.count).toBe(3)
  })
})
