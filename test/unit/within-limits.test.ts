import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { withinLimits } from '../../lib/dispatch/within-limits'
import { failure } from './support/scripted-transport'

const never = () => new Promise<never>(() => {})
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

let controller: AbortController
let listeners: number
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  controller = new AbortController()
  listeners = 0
  const { signal } = controller
  const { addEventListener, removeEventListener } = signal
  Object.assign(signal, {
    addEventListener(...args: Parameters<typeof addEventListener>) {
      listeners++
      addEventListener.apply(signal, args)
    },
    removeEventListener(...args: Parameters<typeof removeEventListener>) {
      listeners--
      removeEventListener.apply(signal, args)
    },
  })
})
/** Whatever the end was. */
afterEach(() => {
  expect([vi.getTimerCount(), listeners]).toEqual([0, 0])
  vi.useRealTimers()
})

const within = <T>(start: () => Promise<T>, timeout = 1000) =>
  withinLimits(start, { timeout, signal: controller.signal }, 'open')

it('is what was started', async () => {
  expect(await within(async () => 7)).toBe(7)
  const broken = new Error('broken')
  expect(await failure(within(() => Promise.reject(broken)))).toBe(broken)
})

it('rejects with what starting throws', async () => {
  const broken = new Error('broken')
  const throwing = within(() => {
    throw broken
  })
  expect(await failure(throwing)).toBe(broken)
})

it('ends after its time, however long the rest takes', async () => {
  const waiting = failure(within(never))
  vi.advanceTimersByTime(1000)
  expect(await waiting).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', operation: 'open' })
})

it('of 0 has no end', async () => {
  let finish = (_: number) => {}
  const waiting = within(() => new Promise<number>((resolve) => (finish = resolve)), 0)
  expect(vi.getTimerCount()).toBe(0)
  vi.advanceTimersByTime(2147483647)
  await turn()
  finish(7)
  expect(await waiting).toBe(7)
})

it('is aborted, before it starts or later', async () => {
  const later = failure(within(never))
  controller.abort(new Error('enough'))
  expect(await later).toMatchObject({ code: 'ABORT_ERR', operation: 'open', cause: new Error('enough') })
  const start = vi.fn(never)
  expect(await failure(within(start))).toMatchObject({ code: 'ABORT_ERR', operation: 'open' })
  expect(start).not.toHaveBeenCalled()
})
