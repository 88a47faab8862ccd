import { describe, expect, it } from 'vitest'
import type { Reply } from '../../lib/border/reply'
import { SharedList } from '../../lib/dispatch/shared-list'

/** Of texts, each of which is its own record. */
function listOf() {
  return new SharedList<string>('the list', {} as never, {
    section: 'destinations',
    decode: (reply, index) => (reply as unknown as string[])[index] as string,
    id: (item) => item,
  })
}
const read = (list: SharedList<string>, ...items: string[]) =>
  list.sink.take(items as unknown as Reply, 0, items.length)

describe('a shared list', () => {
  it('has what the list that it follows reads, before and after', () => {
    const [reader, follower] = [listOf(), listOf()]
    read(reader, 'a')
    follower.follow(reader)
    read(reader, 'b', 'c')
    expect(['a', 'b', 'c', 'd'].map((id) => follower.get(id))).toEqual(['a', 'b', 'c', undefined])
    expect(follower.size).toBe(3)
  })

  it('that is read anew has nothing from before, and takes nothing from those that it was read with', () => {
    const [reader, follower] = [listOf(), listOf()]
    follower.follow(reader)
    read(reader, 'gone since')
    follower.startAnew()
    expect(follower.size).toBe(0)
    read(follower, 'new')
    expect(follower.get('gone since')).toBeUndefined()
    expect([reader.size, reader.get('gone since')]).toEqual([1, 'gone since'])
  })
})
