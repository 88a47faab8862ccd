import { describe, expect, it } from 'vitest'
import { conflicts, type Lane } from '../../lib/program'

describe('conflicts', () => {
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
    expect(conflicts(one, other)).toBe(expected)
    expect(conflicts(other, one)).toBe(expected)
  })
})
