import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { DeadlineTimer } from '../../lib/dispatch/deadline-timer'
import { now } from '../../lib/model/clock'

const LONGEST = 2147483647
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

let expired: number[]
let timer: DeadlineTimer
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  expired = []
  timer = new DeadlineTimer((moment) => expired.push(moment))
})
afterEach(() => {
  timer.clear()
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

it('expires once, with the moment at which it was found out, when the event loop has turned', async () => {
  const start = now()
  timer.watch(start + 100)
  vi.advanceTimersByTime(99)
  await turn()
  expect(expired).toEqual([])
  vi.advanceTimersByTime(1)
  expect(expired).toEqual([])
  vi.advanceTimersByTime(50)
  await turn()
  expect(expired).toEqual([start + 100])
})

it('is for the earliest of its deadlines', async () => {
  const start = now()
  for (const deadline of [200, 100, 300]) timer.watch(start + deadline)
  expect(vi.getTimerCount()).toBe(1)
  vi.advanceTimersByTime(300)
  await turn()
  expect(expired).toEqual([start + 100])
})

it('takes another deadline when it has expired, also while that is not told yet', async () => {
  const start = now()
  timer.watch(start + 100)
  vi.advanceTimersByTime(100)
  timer.watch(start + 200)
  await turn()
  expect(expired).toEqual([start + 100])
  vi.advanceTimersByTime(100)
  await turn()
  expect(expired).toEqual([start + 100, start + 200])
})

it('that is cleared tells nothing, neither before it has fired nor after, and takes a later deadline then', async () => {
  const start = now()
  timer.watch(start + 100)
  timer.clear()
  expect(vi.getTimerCount()).toBe(0)
  timer.watch(start + 200)
  vi.advanceTimersByTime(200)
  timer.clear()
  await turn()
  expect(expired).toEqual([])
})

it('waits no longer than a timer can, and not at all for infinity', async () => {
  timer.watch(Number.POSITIVE_INFINITY)
  expect(vi.getTimerCount()).toBe(0)
  const start = now()
  timer.watch(start + 3 * LONGEST)
  vi.advanceTimersByTime(LONGEST - 1)
  await turn()
  expect(expired).toEqual([])
  vi.advanceTimersByTime(1)
  await turn()
  expect(expired).toEqual([start + LONGEST])
})

it('that is past expires at once', async () => {
  timer.watch(now() - 1000)
  vi.advanceTimersByTime(1)
  await turn()
  expect(expired).toHaveLength(1)
})
