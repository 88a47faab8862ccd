// What holds for every table and every text.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RulesDialect } from '../../../lib/formats'
import { detectDialect, formatRules, parseCommand, parseListing, parseRules } from '../../../lib/formats'
import { sorted, states } from './arbitraries'
import { LISTINGS, RULES } from './golden'
import { codesOf, DIALECTS } from './support'

describe.each(DIALECTS)('%s', (dialect: RulesDialect) => {
  const options = { dialect, localAddressInterface: 'dpdk0' } as const

  it('what is written is read as it was', () => {
    fc.assert(
      fc.property(states(dialect), (state) => {
        const { text, losses } = formatRules(state, options)
        expect(losses).toEqual([])
        const read = parseRules(text, { dialect })
        expect(read.errors).toEqual([])
        expect(
          codesOf(read.warnings).filter((code) => code !== 'not-sayable' && code !== 'refused-by-ipvsadm'),
        ).toEqual([])
        expect(sorted(read.state)).toEqual(sorted(state))
      }),
    )
  })

  it('what is written does not depend on the order of services and destinations', () => {
    fc.assert(
      fc.property(states(dialect), (state) => {
        const services = [...(state.services ?? [])]
          .reverse()
          .map((one) => ({ ...one, destinations: [...(one.destinations ?? [])].reverse() }))
        expect(formatRules({ ...state, services }, options).text).toBe(formatRules(state, options).text)
      }),
      { numRuns: 30 },
    )
  })

  it('what is written for another dialect is whole, or a loss says what is not', () => {
    fc.assert(
      fc.property(states(dialect), fc.constantFrom(...DIALECTS), (state, other) => {
        const { text, losses } = formatRules(state, { dialect: other, localAddressInterface: 'dpdk0' })
        const read = parseRules(text, { dialect: other })
        expect(read.errors).toEqual([])
        // Written again it is the same, and nothing more is lost.
        const again = formatRules(read.state, { dialect: other, localAddressInterface: 'dpdk0' })
        expect([again.text, again.losses]).toEqual([text, []])
        const counted = (list: typeof state.services) =>
          (list ?? []).reduce((sum, one) => sum + 1 + (one.destinations ?? []).length, 0)
        const left = losses.filter(
          ({ property, localAddress }) => property === undefined && localAddress === undefined,
        )
        const inLost = (state.services ?? [])
          .filter((one) =>
            left.some(
              ({ service, destination }) =>
                !destination &&
                service?.address === one.address &&
                service?.port === one.port &&
                service?.protocol === one.protocol &&
                service?.fwmark === one.fwmark,
            ),
          )
          .reduce((sum, one) => sum + (one.destinations ?? []).length, 0)
        expect(counted(read.state.services)).toBe(counted(state.services) - left.length - inLost)
      }),
    )
  })

  it('no text of words does anything but be read or be complained about', () => {
    const word = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...RULES[dialect].split(/\s+/)) },
      {
        weight: 2,
        arbitrary: fc.constantFrom(
          '\n',
          '\n',
          '\r\n',
          '#',
          '--',
          '-',
          '–b',
          '(null)',
          '[::1',
          '-t=',
          '--set',
        ),
      },
      {
        weight: 1,
        arbitrary: fc.string({ unit: 'grapheme', maxLength: 9 }).map((text) => text.replace(/\0/g, '')),
      },
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), (list) => {
        const text = list.join(' ')
        const { commands, errors } = parseRules(text, { dialect })
        const lines = text
          .split('\n')
          .filter(
            (line) =>
              !line.startsWith('#') && /[^ \t\r]/.test(line.replace(/(?<![^ \t\r])ipvsadm(?![^ \t\r])/g, '')),
          )
        const broken = new Set(errors.map(({ line }) => line))
        // A line is a command, or has an error.
        expect(commands.length + broken.size).toBeGreaterThanOrEqual(lines.length)
        detectDialect(text)
        parseCommand(list, { dialect })
        parseListing(text)
      }),
    )
  })

  it('every prefix of a text is read, or complained about', () => {
    const text = RULES[dialect]
    for (let end = 0; end <= text.length; end++) {
      const prefix = text.slice(0, end)
      const { commands, errors } = parseRules(prefix, { dialect, nullMeans: 'fullnat' })
      const lines = prefix.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'))
      expect(commands.length + new Set(errors.map(({ line }) => line)).size).toBeGreaterThanOrEqual(
        lines.length,
      )
      // Whole lines that were read stay as they were read.
      const whole = parseRules(text.slice(0, prefix.lastIndexOf('\n') + 1), { dialect, nullMeans: 'fullnat' })
      expect(commands.length).toBeGreaterThanOrEqual(whole.commands.length)
    }
  })
})

it.each(Object.keys(LISTINGS))('every prefix of a listing is read, or complained about: %s', (name) => {
  const text = LISTINGS[name] as string
  expect(codesOf(parseListing(text).errors)).toEqual([])
  for (let end = 0; end <= text.length; end++) {
    const { errors } = parseListing(text.slice(0, end))
    const cut = text.slice(0, end).split('\n').length
    // Only what is cut off can be wrong.
    expect(errors.filter(({ line }) => line !== cut)).toEqual([])
  }
})

it('listings with a character changed are read, or complained about at that line', () => {
  const names = Object.keys(LISTINGS)
  fc.assert(
    fc.property(
      fc.constantFrom(...names),
      fc.nat(),
      fc.constantFrom(' ', 'x', '9', ':', '\n', '(', '-', 'K'),
      (name, at, char) => {
        const text = LISTINGS[name] as string
        const place = at % text.length
        const changed = text.slice(0, place) + char + text.slice(place + 1)
        const { errors, services } = parseListing(changed)
        for (const { line } of errors) expect(line).toBeLessThanOrEqual(changed.split('\n').length)
        for (const { destinations } of services ?? []) expect(Array.isArray(destinations)).toBe(true)
      },
    ),
    { numRuns: 500 },
  )
})
