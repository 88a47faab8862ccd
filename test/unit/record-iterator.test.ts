import { describe, expect, it } from 'vitest'
import { RecordIterator } from '../../lib/dispatch/record-iterator'

/** An iterator whose source is in the hands of the test. What an abort ends it with says whether it was sent. */
function scripted(signal?: AbortSignal) {
  const source = { starts: 0, push: (_: readonly number[]) => {}, end: () => {}, fail: (_: Error) => {} }
  const read = (push: typeof source.push) => {
    source.starts++
    source.push = push
    return new Promise<void>((resolve, reject) => {
      source.end = resolve
      source.fail = reject
    })
  }
  const iterator = new RecordIterator<number>(read, signal, (sent) => new Error(`aborted, sent: ${sent}`))
  return { source, iterator }
}

/** A signal of which the test knows who listens. */
function watched() {
  const controller = new AbortController()
  const { signal } = controller
  const listeners = new Set<unknown>()
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  signal.addEventListener = ((...args: Parameters<typeof add>) => {
    listeners.add(args[1])
    add(...args)
  }) as typeof add
  signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
    listeners.delete(args[1])
    remove(...args)
  }) as typeof remove
  return { controller, signal, listeners }
}

const OVER = { done: true, value: undefined }

const tick = () => new Promise(setImmediate)

describe('RecordIterator', () => {
  it('starts at the first next(), and once', async () => {
    const { source, iterator } = scripted()
    expect(source.starts).toBe(0)
    const first = iterator.next()
    source.push([1, 2])
    expect(await first).toEqual({ done: false, value: 1 })
    expect(await iterator.next()).toEqual({ done: false, value: 2 })
    expect(source.starts).toBe(1)
  })

  it('gives every item of every chunk, in order, then ends', async () => {
    const { source, iterator } = scripted()
    const read = (async () => {
      const items: number[] = []
      for await (const item of iterator) items.push(item)
      return items
    })()
    for (const chunk of [[1, 2, 3], [], [4]]) source.push(chunk)
    await tick()
    source.push([5])
    source.end()
    expect(await read).toEqual([1, 2, 3, 4, 5])
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  it('answers calls of next() that wait in their order, also at the end', async () => {
    const { source, iterator } = scripted()
    const calls = [iterator.next(), iterator.next(), iterator.next()]
    source.push([7])
    source.push([8])
    source.end()
    expect(await Promise.all(calls)).toEqual([
      { done: false, value: 7 },
      { done: false, value: 8 },
      { done: true, value: undefined },
    ])
  })

  it('gives what came before it fails, fails once, and is over then', async () => {
    const { source, iterator } = scripted()
    const first = iterator.next()
    source.push([1, 2])
    source.fail(new Error('gone'))
    await tick()
    expect((await first).value).toBe(1)
    expect((await iterator.next()).value).toBe(2)
    await expect(iterator.next()).rejects.toThrow('gone')
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  it('left early keeps nothing, and a later failure of its source is nobody’s', async () => {
    const { source, iterator } = scripted()
    const first = iterator.next()
    source.push([1, 2, 3])
    expect((await first).value).toBe(1)
    expect(await iterator.return()).toEqual({ done: true, value: undefined })
    source.push([4])
    source.fail(new Error('unheard'))
    await tick()
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  it('left before it began never starts', async () => {
    const { source, iterator } = scripted()
    await iterator.return()
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
    expect(source.starts).toBe(0)
  })

  it('left while calls of next() wait ends them', async () => {
    const { iterator } = scripted()
    const calls = [iterator.next(), iterator.next()]
    expect(await iterator.return()).toEqual(OVER)
    expect(await Promise.all(calls)).toEqual([OVER, OVER])
  })

  it('left when its source has failed, and nobody has heard of it yet, is over', async () => {
    const { source, iterator } = scripted()
    const first = iterator.next()
    source.push([1])
    source.fail(new Error('unheard'))
    await first
    await tick()
    await iterator.return()
    expect(await iterator.next()).toEqual(OVER)
  })
})

describe('an abort', () => {
  it('before the first next() sends nothing', async () => {
    const { controller, signal, listeners } = watched()
    const { source, iterator } = scripted(signal)
    controller.abort()
    await expect(iterator.next()).rejects.toThrow('aborted, sent: false')
    expect(await iterator.next()).toEqual(OVER)
    expect(source.starts).toBe(0)
    expect(listeners.size).toBe(0)
  })

  it('while it is read drops what has come and what comes, also where the call had just been done', async () => {
    const { controller, signal, listeners } = watched()
    const { source, iterator } = scripted(signal)
    const first = iterator.next()
    source.push([1, 2])
    await first
    controller.abort()
    source.push([3])
    const next = iterator.next()
    source.end()
    await expect(next).rejects.toThrow('aborted, sent: true')
    expect(await iterator.next()).toEqual(OVER)
    expect(listeners.size).toBe(0)
  })

  it('while it is read leaves it to the call to say why it ended', async () => {
    const { controller, signal } = watched()
    const { source, iterator } = scripted(signal)
    const next = iterator.next()
    controller.abort()
    source.fail(new Error('of the call'))
    await expect(next).rejects.toThrow('of the call')
  })

  it('when everything was read drops what was not taken', async () => {
    const { controller, signal, listeners } = watched()
    const { source, iterator } = scripted(signal)
    const first = iterator.next()
    source.push([1, 2])
    source.end()
    await first
    await tick()
    controller.abort()
    await expect(iterator.next()).rejects.toThrow('aborted, sent: true')
    expect(await iterator.next()).toEqual(OVER)
    expect(listeners.size).toBe(0)
  })

  it.each(['taken', 'left early'])('is not waited for when everything is %s', async (how) => {
    const { signal, listeners } = watched()
    const { source, iterator } = scripted(signal)
    const first = iterator.next()
    expect(listeners.size).toBe(1)
    source.push([1])
    await first
    if (how === 'taken') {
      source.end()
      await iterator.next()
    } else {
      await iterator.return()
    }
    expect(listeners.size).toBe(0)
  })

  it('that cannot be waited for ends it before anything is sent', async () => {
    const { signal } = watched()
    signal.addEventListener = () => {
      throw new Error('no listeners here')
    }
    const { source, iterator } = scripted(signal)
    await expect(iterator.next()).rejects.toThrow('no listeners here')
    expect(source.starts).toBe(0)
  })
})
