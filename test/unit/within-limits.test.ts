// A wait that is over holds nothing any more: no timer, no place at the signal, none at the client.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Ipvs } from '../../lib'
import { Closing } from '../../lib/dispatch/closing'
import { withinLimits } from '../../lib/dispatch/within-limits'
import { FakeKernel } from '../../lib/testing'
import { rejection } from '../contract/harness'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

const forever = () => new Promise<never>(() => {})
const OPERATION = 'stats'
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A signal that knows how many listen to it. */
function countedSignal() {
  const controller = new AbortController()
  const { signal } = controller
  let count = 0
  const { addEventListener, removeEventListener } = signal
  Object.assign(signal, {
    addEventListener(...args: Parameters<typeof addEventListener>) {
      count++
      addEventListener.apply(signal, args)
    },
    removeEventListener(...args: Parameters<typeof removeEventListener>) {
      count--
      removeEventListener.apply(signal, args)
    },
  })
  return { signal, abort: () => controller.abort(), listeners: () => count }
}

describe('withinLimits()', () => {
  it.each([
    ['resolved', async () => 'value', 'value'],
    ['rejected', () => Promise.reject(new RangeError('its own')), 'its own'],
    [
      'threw',
      () => {
        throw new RangeError('its own')
      },
      'its own',
    ],
  ])('what was waited for %s: the timer is gone', async (_, start, wanted) => {
    const closing = new Closing()
    const wait = withinLimits<string>(start, { timeout: 1000, signal: undefined, closing }, OPERATION)
    expect(vi.getTimerCount()).toBe(1)
    expect(await wait.catch((error: Error) => error.message)).toBe(wanted)
    expect(vi.getTimerCount()).toBe(0)
    expect(Reflect.get(closing, 'waiting').size).toBe(0)
  })

  it('aborted or closed: the timer is gone', async () => {
    const closing = new Closing()
    const controller = new AbortController()
    const limits = { timeout: 1000, signal: controller.signal, closing }
    const first = rejection(withinLimits(forever, limits, OPERATION))
    const second = rejection(withinLimits(forever, { ...limits, signal: undefined }, OPERATION))
    expect(vi.getTimerCount()).toBe(2)
    controller.abort()
    expect(vi.getTimerCount()).toBe(1)
    closing.close()
    expect(vi.getTimerCount()).toBe(0)
    expect(await first).toMatchObject({ code: 'ABORT_ERR', operation: OPERATION })
    expect(await second).toMatchObject({ code: 'ERR_IPVS_CLOSED', operation: OPERATION })
  })

  it('the timeout ends it, and not a millisecond sooner; 0 is none', async () => {
    let over = false
    const wait = rejection(withinLimits(forever, { timeout: 1000, signal: undefined }, OPERATION)).then(
      (error) => {
        over = true
        return error
      },
    )
    void withinLimits(forever, { timeout: 0, signal: undefined }, OPERATION)
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(999)
    await turn()
    expect(over).toBe(false)
    vi.advanceTimersByTime(1)
    expect(await wait).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', operation: OPERATION })
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each([
    ['resolves', async () => 7],
    ['rejects', () => Promise.reject(new RangeError('its own'))],
    ['times out', forever],
    ['is aborted', forever],
  ])('leaves the signal when it %s', async (how, start) => {
    const { signal, abort, listeners } = countedSignal()
    const wait = withinLimits<unknown>(start, { timeout: 1000, signal }, OPERATION).catch(() => {})
    expect(listeners()).toBe(1)
    if (how === 'is aborted') abort()
    else if (start === forever) vi.advanceTimersByTime(1000)
    await wait
    expect(listeners()).toBe(0)
  })

  it('begins nothing where the signal was aborted before', async () => {
    const start = vi.fn(forever)
    const reason = new Error('enough')
    const error = await rejection(
      withinLimits(start, { timeout: 1000, signal: AbortSignal.abort(reason) }, OPERATION),
    )
    expect(error).toMatchObject({ code: 'ABORT_ERR', operation: OPERATION, cause: reason })
    expect(start).not.toHaveBeenCalled()
  })
})

it('a watch holds its client only while an event is waited for', async () => {
  const ipvs = await Ipvs.open({ transport: new FakeKernel({ dialect: 'mainline' }).transport() })
  const size = () => Reflect.get(Reflect.get(ipvs, 'closing'), 'waiting').size
  const watch = ipvs.watch({ interval: 1000 })
  await watch.next()
  // The one that waited has been answered before it leaves.
  await turn()
  expect(size()).toBe(0)
  const next = watch.next()
  expect(size()).toBe(1)
  await watch.return?.()
  expect(await next).toEqual({ done: true, value: undefined })
  expect(size()).toBe(0)
  await ipvs.close()
})
