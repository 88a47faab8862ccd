import { describe, expect, it } from 'vitest'
import { Border } from '../../lib/border/layout.gen'
import { RecordMemory } from '../../lib/border/record-memory'

describe('names', () => {
  const memory = () => new RecordMemory(new ArrayBuffer(64))

  it('that differ in their last letters are told apart, whichever was read before', () => {
    const two = memory()
    two.putName(0, 'interface-no-12')
    two.putName(16, 'interface-no-13')
    expect([0, 16, 0, 32].map((at) => two.name(at))).toEqual([
      'interface-no-12',
      'interface-no-13',
      'interface-no-12',
      '',
    ])
  })

  it.each(['a', 'ä', '猫'])('are cut before the end of their field, which stays a NUL (%s)', (letter) => {
    const one = memory()
    one.putName(0, letter.repeat(Border.nameSize))
    expect(one.bytes[Border.nameSize - 2]).not.toBe(0)
    expect(Array.from(one.bytes.subarray(Border.nameSize - 1, Border.nameSize + 1))).toEqual([0, 0])
    expect(one.name(0)).toMatch(new RegExp(`^${letter}+`))
  })
})
