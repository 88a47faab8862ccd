import { describe, expect, it } from 'vitest'
import { RecordIterator } from '../../lib/dispatch/record-iterator'

/** A iterator whose source is in the hands of the test. */
function scripted() {
  const source = { starts: 0, push: (_: readonly number[]) => {}, end: () => {}, fail: (_: Error) => {} }
  const iterator = new RecordIterator<number>((push) => {
    source.starts++
    source.push = push
    return new Promise((resolve, reject) => {
      source.end = resolve
      source.fail = reject
    })
  })
  return { source, iterator }
}

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
})
