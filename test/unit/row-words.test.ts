// What counters gained, and how a wrap is told from a reset.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { presence } from '../../lib/border/layout.gen'
import { Reply } from '../../lib/border/reply'
import {
  countersGained,
  DESTINATION_WORDS,
  LOCAL_ADDRESS_WORDS,
  type RowWords,
  SERVICE_WORDS,
  sameWords,
} from '../../lib/border/row-words'
import { writeReply } from './support/border'
import { destinationRecord, localAddressRecord, serviceRecord } from './support/scripted-transport'

const U32 = 1n << 32n
const U64 = 1n << 64n
const NAMES = ['connections', 'inPackets', 'outPackets', 'inBytes', 'outBytes'] as const
type Five = readonly bigint[]

function record(counters: Five, wide: boolean): Uint32Array {
  const stats = Object.fromEntries(NAMES.map((name, i) => [name, counters[i]]))
  const present = presence.stats | (wide ? presence.stats64 : 0)
  const reply = new Reply(
    writeReply({ destinations: [destinationRecord('10.0.0.1', 80, { stats, present })] }),
  )
  return reply.numbers.slice(reply.destinations.start >> 2)
}

function gained(before: Five, after: Five, wide: boolean) {
  const into = new Float64Array(7)
  const movement = countersGained(DESTINATION_WORDS, record(before, wide), 0, record(after, wide), 0, into, 1)
  expect([into[0], into[6]]).toEqual([0, 0])
  return { movement, by: Array.from(into.subarray(1, 6)) }
}

describe('counters of 64 bits', () => {
  const u64 = fc.bigInt({ min: 0n, max: U64 - 1n })

  it('have gained their difference, unless one went back', () => {
    fc.assert(
      fc.property(fc.tuple(u64, u64, u64, u64, u64), fc.tuple(u64, u64, u64, u64, u64), (before, after) => {
        const { movement, by } = gained(before, after, true)
        const exact = before.map((value, i) => (after[i] as bigint) - value)
        if (exact.some((difference) => difference < 0n)) {
          expect(movement).toBe('reset')
        } else {
          expect(by).toEqual(exact.map(Number))
        }
      }),
    )
  })

  it('gain exactly, wherever they stand', () => {
    fc.assert(
      fc.property(u64, fc.bigInt({ min: 0n, max: 1n << 53n }), fc.nat(4), (start, more, at) => {
        const before = [0n, 0n, 0n, 0n, 0n]
        before[at] = start > U64 - 1n - more ? start - more : start
        const after = before.map((value, i) => (i === at ? value + more : value))
        const { movement, by } = gained(
          before.map((value) => (value < 0n ? 0n : value)),
          after,
          true,
        )
        if (before[at] >= 0n) {
          expect(by[at]).toBe(Number(more))
          expect(movement).toBe(more === 0n ? 'idle' : 'moved')
          expect(by.filter((value) => value !== 0)).toHaveLength(more === 0n ? 0 : 1)
        }
      }),
    )
  })

  it.each([0, 1, 2, 3, 4])('one that went back by one is a reset: %d', (at) => {
    const before = [9n, 9n, 9n, 9n, 9n]
    const after = before.map((value, i) => (i === at ? value - 1n : value + 1000n))
    expect(gained(before, after, true).movement).toBe('reset')
    // Even where 32 bits would have wrapped.
    const high = before.map((value) => value + U32 * 5n - 10n)
    const low = high.map((value, i) => (i === at ? value - U32 : value))
    expect(gained(high, low, true).movement).toBe('reset')
  })
})

describe('counters of 32 bits', () => {
  /** What really went by: packets have at least 20 bytes, connections at least a packet. */
  const traffic = fc
    .record({
      inPackets: fc.bigInt({ min: 0n, max: U32 - 1n }),
      outPackets: fc.bigInt({ min: 0n, max: U32 - 1n }),
      size: fc.bigInt({ min: 20n, max: 65535n }),
      share: fc.bigInt({ min: 1n, max: 1000n }),
    })
    .map(({ inPackets, outPackets, size, share }) => [
      inPackets / share,
      inPackets,
      outPackets,
      inPackets * size,
      outPackets * size,
    ])
  const start = fc.tuple(
    ...[U32, U32, U32, 1n << 60n, 1n << 60n].map((limit) => fc.bigInt({ min: 0n, max: limit - 1n })),
  )
  const shown = (counters: Five) => counters.map((value, i) => (i < 3 ? value % U32 : value))

  it('wrap: no traffic, however much, is taken for a reset or for less', () => {
    fc.assert(
      fc.property(start, traffic, (before, more) => {
        const after = before.map((value, i) => value + (more[i] as bigint))
        const { movement, by } = gained(shown(before), shown(after), false)
        expect(by).toEqual(more.map(Number))
        expect(movement).toBe(more.some((value) => value > 0n) ? 'moved' : 'idle')
      }),
      { numRuns: 500 },
    )
  })

  it('that start again from 0 are a reset, unless they have grown beyond what they were', () => {
    fc.assert(
      fc.property(start, traffic, (before, since) => {
        // A program that was reset long before it would wrap.
        const old = before.map((value, i) => (i < 3 ? value % 100_000_000n : value))
        const { movement, by } = gained(shown(old), shown(since), false)
        const back = old.some((value, i) => (shown(since)[i] as bigint) < value)
        if (!back) return
        if (movement === 'reset') return
        // What is taken for a wrap can have happened.
        for (const value of by) expect(value).toBeGreaterThanOrEqual(0)
        expect((by[1] as number) * 20).toBeLessThanOrEqual(by[3] as number)
        expect((by[2] as number) * 20).toBeLessThanOrEqual(by[4] as number)
      }),
    )
  })

  it.each<[string, Five, Five, 'moved' | 'reset']>([
    ['zero()', [5n, 100n, 100n, 9000n, 9000n], [0n, 0n, 0n, 0n, 0n], 'reset'],
    [
      'zero() and more bytes than before',
      [5n, 100n, 100n, 9000n, 9000n],
      [1n, 9n, 9n, 12000n, 12000n],
      'reset',
    ],
    [
      'packets at the end',
      [5n, U32 - 5n, 7n, 1n << 40n, 7000n],
      [5n, 5n, 7n, (1n << 40n) + 200n, 7000n],
      'moved',
    ],
    ['too few bytes', [5n, U32 - 5n, 7n, 1n << 40n, 7000n], [5n, 5n, 7n, (1n << 40n) + 199n, 7000n], 'reset'],
    ['the other way', [5n, 7n, U32 - 5n, 7000n, 1n << 40n], [5n, 7n, 5n, 7000n, (1n << 40n) + 200n], 'moved'],
    [
      'too few of them',
      [5n, 7n, U32 - 5n, 7000n, 1n << 40n],
      [5n, 7n, 5n, 7000n, (1n << 40n) + 199n],
      'reset',
    ],
    ['connections', [U32 - 1n, 7n, 7n, 900n, 900n], [1n, 9n, 7n, 940n, 900n], 'moved'],
    ['connections without packets', [U32 - 1n, 7n, 7n, 900n, 900n], [1n, 8n, 7n, 940n, 900n], 'reset'],
    ['bytes back', [5n, U32 - 5n, 7n, 900n, 900n], [5n, 5n, 7n, 899n, 900n], 'reset'],
  ])('%s', (_, before, after, movement) => {
    expect(gained(before, after, false).movement).toBe(movement)
  })
})

describe('the words of a row', () => {
  const rows: [string, 'services' | 'destinations' | 'localAddresses', RowWords, object][] = [
    ['services', 'services', SERVICE_WORDS, serviceRecord('192.0.2.1', 80)],
    ['destinations', 'destinations', DESTINATION_WORDS, destinationRecord('10.0.0.1', 80)],
    ['local addresses', 'localAddresses', LOCAL_ADDRESS_WORDS, localAddressRecord('10.1.0.1')],
  ]

  it.each(rows)('%s: all of them but those of the trip', (_, section, words, record) => {
    const reply = new Reply(writeReply({ [section]: [record] }))
    const { start, stride } = reply[section]
    const one = reply.numbers.slice(start >> 2, (start + stride) >> 2)
    const ignored = []
    for (let i = 0; i < one.length; i++) {
      const other = one.slice()
      other[i] = ~(one[i] as number) >>> 0
      const same = sameWords(words.row, one, 0, other, 0)
      if (same) ignored.push(i * 4)
      for (const part of [words.key, words.config]) {
        if (!sameWords(part, one, 0, other, 0)) expect(same).toBe(false)
      }
    }
    const expected = {
      services: [80, 164, 168],
      destinations: [80, 88],
      localAddresses: [8, 12],
    }
    expect(ignored).toEqual(expected[section])
  })
})
