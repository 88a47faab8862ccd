import { describe, expect, it } from 'vitest'
import { type Lane, Lanes } from '../../lib/dispatch/object-locks'

describe('lanes conflict', () => {
  const lane = (service: string, object: string): Lane => ({ service, object })
  it.each<[string, Lane, Lane, boolean]>([
    ['the same object', lane('a', 'x'), lane('a', 'x'), true],
    ['two objects of one service', lane('a', 'x'), lane('a', 'y'), false],
    ['an object and its service', lane('a', 'x'), lane('a', ''), true],
    ['a service twice', lane('a', ''), lane('a', ''), true],
    ['two services', lane('a', ''), lane('b', ''), false],
    ['the same object of two services', lane('a', 'x'), lane('b', 'x'), false],
    ['everything and an object', lane('', ''), lane('b', 'x'), true],
  ])('%s', (_, one, other, expected) => {
    for (const [held, wanted] of [
      [one, other],
      [other, one],
    ] as const) {
      const lanes = new Lanes()
      lanes.add(lane('z', 'x'))
      lanes.add(held)
      expect(lanes.conflict(wanted)).toBe(expected)
    }
  })

  it('not where nothing is held', () => {
    expect(new Lanes().conflict(lane('', ''))).toBe(false)
  })
})
