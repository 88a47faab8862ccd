import { describe, expect, it } from 'vitest'
import { type ObjectLock, ObjectLocks } from '../../lib/dispatch/object-locks'

describe('locks conflict', () => {
  const lock = (service: string, object: string): ObjectLock => ({ service, object })
  it.each<[string, ObjectLock, ObjectLock, boolean]>([
    ['the same object', lock('a', 'x'), lock('a', 'x'), true],
    ['two objects of one service', lock('a', 'x'), lock('a', 'y'), false],
    ['an object and its service', lock('a', 'x'), lock('a', ''), true],
    ['a service twice', lock('a', ''), lock('a', ''), true],
    ['two services', lock('a', ''), lock('b', ''), false],
    ['the same object of two services', lock('a', 'x'), lock('b', 'x'), false],
    ['everything and an object', lock('', ''), lock('b', 'x'), true],
  ])('%s', (_, one, other, expected) => {
    for (const [held, wanted] of [
      [one, other],
      [other, one],
    ] as const) {
      const locks = new ObjectLocks()
      locks.add(lock('z', 'x'))
      locks.add(held)
      expect(locks.conflict(wanted)).toBe(expected)
    }
  })

  it('not where nothing is held', () => {
    expect(new ObjectLocks().conflict(lock('', ''))).toBe(false)
  })
})
