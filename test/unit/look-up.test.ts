import { describe, expect, it } from 'vitest'
import type { Reply } from '../../lib/border/reply'
import { lookUp } from '../../lib/client/look-up'
import { FollowUp } from '../../lib/dispatch/call-plan'
import { SharedList } from '../../lib/dispatch/shared-list'

/** How many lists of `length` are read for `id`, and what is found. */
function looks(length: number, id: number) {
  const make = () => {
    const list = new SharedList<number>('the list', {} as never, {
      section: 'destinations',
      decode: (_, index) => index,
      id: String,
    })
    list.sink.take({} as Reply, 0, length)
    return list
  }
  let found: unknown = lookUp(make, String(id), (item) => item ?? 'missing', { holds: false })
  let lists = 0
  for (; found instanceof FollowUp; found = found.done()) lists++
  return { lists, found }
}

describe('what is looked up', () => {
  it('is missing when it was not in the one list, where that came in one piece', () => {
    expect(looks(0, 9)).toEqual({ lists: 1, found: 'missing' })
    expect(looks(8, 9)).toEqual({ lists: 1, found: 'missing' })
  })

  it('is missing when it was not in four lists, where others may have changed those meanwhile', () => {
    expect(looks(9, 9)).toEqual({ lists: 4, found: 'missing' })
  })

  it('is there when it was in one', () => {
    expect(looks(9, 8)).toEqual({ lists: 1, found: 8 })
  })
})
