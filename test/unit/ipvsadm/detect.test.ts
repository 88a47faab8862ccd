import { describe, expect, it } from 'vitest'
import type { RulesDialect } from '../../../lib/formats'
import { detectDialect, formatRules } from '../../../lib/formats'
import { RULES } from './golden'
import { DIALECTS } from './support'

describe('which program rules are for', () => {
  it.each(DIALECTS)('a save of %s is known', (dialect) => {
    expect(detectDialect(RULES[dialect])).toMatchObject({ dialect, candidates: [dialect] })
  })

  it.each<[string, string, readonly RulesDialect[]]>([
    ['nothing', '', DIALECTS],
    [
      'a table without FULLNAT',
      '-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.5:80 -m -w 1\n',
      DIALECTS,
    ],
    ['what is wrong everywhere', '-A -t 192.0.2.1:80 --fish', DIALECTS],
    ['names', '-A -t web:http -s rr', DIALECTS],
    ['-b -w', '-a -t 192.0.2.1:80 -r 10.0.0.5:80 -b -w 1', ['alibaba-v2', 'alibaba-v3', 'dpvs']],
    ['-P -z', '-P -t 192.0.2.1:80 -z 10.1.0.1', ['alibaba-v2', 'alibaba-v3']],
    ['-j enable', '-A -t 192.0.2.1:80 -j enable', ['alibaba-v2', 'alibaba-v3', 'dpvs']],
    ['ops without dashes', '-A -u 192.0.2.1:53 -s rr ops', ['alibaba-v2', 'alibaba-v3']],
    ['(null)', '-a -t 192.0.2.1:80 -r 10.0.0.5:80 (null) -w 1', ['mainline', 'alibaba-v2']],
    ['SCTP', '-A --sctp-service 192.0.2.1:80', ['mainline', 'dpvs']],
  ])('unsure: %s', (_, text, candidates) => {
    const found = detectDialect(text)
    expect(found.dialect).toBe('unsure')
    expect([...found.candidates].sort()).toEqual([...candidates].sort())
  })

  it.each<[string, RulesDialect]>([
    ['-A -t 192.0.2.1:80 -V 900', 'alibaba-v3'],
    ['-A -u 192.0.2.1:53 -s rr -j disable', 'alibaba-v3'],
    ['-P -t 192.0.2.1:80 -z 10.1.0.1\n-a -t 192.0.2.1:80 -r 10.0.0.5:80 (null) -w 1', 'alibaba-v2'],
    ['-P -t 192.0.2.1:80 -z 10.1.0.1 -F dpdk0', 'dpvs'],
    ['-A -t 192.0.2.1:80 --conn-timeout 5', 'dpvs'],
    ['-A -t 192.0.2.1:80 -p --pe sip', 'mainline'],
    ['-A -t 192.0.2.1:80 -s sh -b sh-port', 'mainline'],
    ['-a -t 192.0.2.1:80 -r 10.0.0.5:80 -i -w 1 --tun-type ipip', 'mainline'],
  ])('%s', (text, dialect) => {
    expect(detectDialect(text).dialect).toBe(dialect)
  })

  it('the marks, with where they stand', () => {
    const { marks } = detectDialect('# x\n-A -f 1 -s rr\n-P -f 1 -z 10.1.0.1\n-A -f 2 -V 9\n-A -f 3 -V 9')
    expect(marks).toEqual([
      { text: '-P -f 1 -z 10.1.0.1', line: 3, column: 1, dialects: ['alibaba-v2', 'alibaba-v3'] },
      { text: '-A -f 2 -V 9', line: 4, column: 1, dialects: ['alibaba-v3'] },
    ])
  })

  it('marks that contradict each other leave nobody', () => {
    const found = detectDialect('-A -f 2 -V 9\n-A -f 3 -p --pe sip\n-C')
    expect(found).toMatchObject({ dialect: 'unsure', candidates: [] })
    expect(found.marks).toHaveLength(2)
  })

  it('what is written for v3 is known', () => {
    const { text } = formatRules({ services: [{ fwmark: 7 }] }, { dialect: 'alibaba-v3' })
    expect(detectDialect(text).dialect).toBe('alibaba-v3')
  })
})
