import { beforeEach, expect, it } from 'vitest'
import { AbortSignals } from '../../lib/dispatch/abort-signals'

/** A signal of somebody's own, which counts who listens. */
class CountingSignal extends EventTarget {
  listeners = 0
  throws = false
  override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
    this.listeners++
    super.addEventListener(...args)
  }
  override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
    if (this.throws) throw new Error('no')
    this.listeners--
    super.removeEventListener(...args)
  }
  abort(): void {
    this.dispatchEvent(new Event('abort'))
  }
  get signal(): AbortSignal {
    return this as unknown as AbortSignal
  }
}

let aborted: string[]
let signals: AbortSignals<string>
let one: CountingSignal
beforeEach(() => {
  aborted = []
  signals = new AbortSignals((call) => {
    aborted.push(call)
    signals.leave(one.signal, call)
  })
  one = new CountingSignal()
})

it('tells all who are there, with one listener', () => {
  const other = new CountingSignal()
  for (const call of ['a', 'b', 'c']) signals.join(one.signal, call)
  signals.join(other.signal, 'd')
  expect([one.listeners, other.listeners]).toEqual([1, 1])
  signals.leave(one.signal, 'b')
  expect(one.listeners).toBe(1)
  one.abort()
  expect(aborted).toEqual(['a', 'c'])
  expect([one.listeners, other.listeners]).toEqual([0, 1])
})

it('tells those who were there, not those who come because of it', () => {
  const told: number[] = []
  const growing = new AbortSignals<number>((call) => {
    told.push(call)
    if (told.length < 10) growing.join(one.signal, call + 1)
  })
  growing.join(one.signal, 1)
  one.abort()
  expect(told).toEqual([1])
})

it('does not listen when all have left, and does again for whoever comes', () => {
  signals.join(one.signal, 'a')
  signals.leave(one.signal, 'b')
  expect(one.listeners).toBe(1)
  signals.leave(one.signal, 'a')
  signals.leave(one.signal, 'a')
  expect(one.listeners).toBe(0)
  signals.join(one.signal, 'c')
  expect(one.listeners).toBe(1)
  one.abort()
  expect(aborted).toEqual(['c'])
})

it('lets a call leave a signal that cannot be left', () => {
  signals.join(one.signal, 'a')
  one.throws = true
  signals.leave(one.signal, 'a')
  one.abort()
  expect(aborted).toEqual([])
})
