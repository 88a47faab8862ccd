// The parsers of the statistics files: on what real kernels printed, on every prefix of it, and on what no kernel prints.

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IpvsError } from '../../lib'
import { EXTENDED_COUNTERS, extendedCounterNames } from '../../lib/kernel/extended-counters'
import { EXTENDED_COUNTER_NAMES } from '../../lib/model/extended-counter-names'
import { parseApplicationHelpers } from '../../lib/procfs/application-helpers'
import { parseExtendedStatistics } from '../../lib/procfs/extended-statistics'
import { parseKernelStatus } from '../../lib/procfs/kernel-status'
import type { TextSource } from '../../lib/procfs/lines'
import { parseCpuStatistics, parseTrafficStatistics } from '../../lib/procfs/traffic-statistics'
// @ts-expect-error: a script without types
import { PAGE, withTables } from '../../scripts/gen-extended-counters.mjs'
import { goldenFile, goldenNames } from './support/golden-proc'

const SOURCE: TextSource = { file: '/proc/net/x', operation: 'stats' }

interface Parser {
  readonly file: string
  parse(text: string, source: TextSource): unknown
}

const PARSERS: readonly Parser[] = [
  { file: 'ip_vs_stats', parse: parseTrafficStatistics },
  { file: 'ip_vs_stats_percpu', parse: parseCpuStatistics },
  { file: 'ip_vs_ext_stats', parse: parseExtendedStatistics },
  { file: 'ip_vs_app', parse: parseApplicationHelpers },
  { file: 'ip_vs_status', parse: parseKernelStatus },
]
const GOLDEN = PARSERS.flatMap(({ file, parse }) => goldenNames(file).map((name) => ({ name, file, parse })))

function failureOf(parse: Parser['parse'], text: string): IpvsError | undefined {
  try {
    parse(text, SOURCE)
    return undefined
  } catch (error) {
    if (error instanceof IpvsError && error.code === 'ERR_IPVS_MALFORMED_FILE') return error
    throw error
  }
}

/** Files whose number of rows nothing in them tells: cut between two rows they are shorter files. */
const isOpenEnded = (file: string, text: string) =>
  file === 'ip_vs_ext_stats' || file === 'ip_vs_app' || (file === 'ip_vs_stats' && text.startsWith('\t'))

const big = (text: string) => BigInt(text)
const totals = (...counts: (number | string)[]) => {
  const [connections, inPackets, outPackets, inBytes, outBytes] = counts.map((count) => BigInt(count))
  return { connections, inPackets, outPackets, inBytes, outBytes }
}
const onFour = (...counts: (number | string)[]) => [0, 1, 2, 3].map((cpu) => ({ cpu, ...totals(...counts) }))
const NOTHING = totals(0, 0, 0, 0, 0)
const table = (
  buckets: number,
  bits: number,
  loadFactor: number,
  emptyBuckets?: number,
  ...chains: number[]
) => ({
  buckets,
  bits,
  loadFactor,
  emptyBuckets,
  chains: chains.map((count, i) => ({ length: i + 1, buckets: count })),
})
const estimation = { threads: 1, threadsMax: 16, chainLength: 89, perThread: 213600 }
const small = { threads: 1, threadsMax: 4, chainLength: 151, perThread: 362400 }
const row = (name: string, ...perCpu: number[]) => ({ name, perCpu: perCpu.map(BigInt) })

/** What stands in them, by eye. */
const EXPECTED: { readonly [name: string]: unknown } = {
  'ip_vs_stats-fullnat-v2': { total: NOTHING, cpus: [{ cpu: 0, ...NOTHING }], rates: undefined },
  'ip_vs_stats-fullnat-v3': { total: NOTHING, cpus: [{ cpu: 0, ...NOTHING }], rates: undefined },
  'ip_vs_stats-fullnat-v2-traffic': {
    total: totals(206, 3454, 6787, 159922, 8709349),
    cpus: [{ cpu: 0, ...totals(206, 3454, 6787, 159922, 8709349) }],
    rates: undefined,
  },
  'ip_vs_stats-fullnat-v3-traffic': {
    total: totals(206, 5732, 7186, 251042, 8725041),
    cpus: [{ cpu: 0, ...totals(206, 5732, 7186, 251042, 8725041) }],
    rates: undefined,
  },
  'ip_vs_stats-fullnat-v2-smp4': {
    total: totals(12, 12, 0, 720, 0),
    cpus: onFour(3, 3, 0, 180, 0),
    rates: undefined,
  },
  'ip_vs_stats-mainline-7.2-smp4': {
    total: totals(12, 12, 12, 720, 480),
    cpus: [],
    rates: totals(1, 1, 1, 51, 34),
  },
  'ip_vs_stats_percpu-mainline-7.2-smp4': {
    total: totals(12, 12, 12, 720, 480),
    cpus: onFour(3, 3, 3, 180, 120),
    rates: totals(1, 1, 1, 51, 34),
  },
  'ip_vs_stats_percpu-mainline-7.2-zeroed': {
    total: NOTHING,
    cpus: onFour(3, 3, 3, 180, 120),
    rates: NOTHING,
  },
  'ip_vs_ext_stats-fullnat-v2': { cpus: [0], rows: expect.arrayContaining([row('conn_sched_unreach', 0)]) },
  'ip_vs_ext_stats-fullnat-v3': { cpus: [0], rows: expect.arrayContaining([row('conn_exceeded', 0)]) },
  'ip_vs_ext_stats-fullnat-v2-traffic': {
    cpus: [0],
    rows: expect.arrayContaining([
      row('fullnat_add_toa_ok', 619),
      row('fullnat_conn_reused_closewait', 0),
      row('fast_xmit_pass', 6787),
      row('fast_xmit_skb_copy', 6364),
    ]),
  },
  'ip_vs_ext_stats-fullnat-v3-traffic': {
    cpus: [0],
    rows: expect.arrayContaining([row('fast_xmit_synproxy_save_inside', 0)]),
  },
  'ip_vs_ext_stats-fullnat-v2-smp4': {
    cpus: [0, 1, 2, 3],
    rows: expect.arrayContaining([row('defence_tcp_drop', 3, 3, 3, 3), row('defence_udp_drop', 0, 0, 0, 0)]),
  },
  'ip_vs_app-mainline': [{ protocol: 'tcp', port: 21, uses: 0, name: 'ftp' }],
  'ip_vs_status-mainline-7.2-idle': {
    connections: 0,
    connectionTable: table(256, 8, -4),
    services: 4,
    serviceTable: table(32, 5, -3, 29, 2, 1),
    estimation: small,
    other: [],
  },
  'ip_vs_status-mainline-7.2': {
    connections: 1,
    connectionTable: table(256, 8, -4, 254, 2),
    services: 4,
    serviceTable: table(32, 5, -3, 29, 2, 1),
    estimation: small,
    other: [],
  },
  'ip_vs_status-mainline-7.2-smp4': {
    connections: 12,
    connectionTable: table(256, 8, -4, 232, 24),
    services: 6,
    serviceTable: table(64, 6, -3, 58, 6),
    estimation,
    other: [],
  },
  'ip_vs_status-mainline-7.2-flushed': {
    connections: 12,
    connectionTable: table(256, 8, -4, 232, 24),
    services: 0,
    serviceTable: table(0, 0, 0),
    estimation,
    other: [],
  },
}

describe.each(GOLDEN)('$name', ({ name, file, parse }) => {
  const text = goldenFile(name)
  const lines = text.split('\n').slice(0, -1)

  it('is read', () => {
    expect(EXPECTED).toHaveProperty([name])
    expect(parse(text, SOURCE)).toEqual(EXPECTED[name])
  })

  it('every prefix is refused, at the line where it ends; but those that are a shorter file', () => {
    const shorter: number[] = []
    for (let length = 0; length < text.length; length++) {
      const prefix = text.slice(0, length)
      const error = failureOf(parse, prefix)
      if (!error) {
        shorter.push(length)
        continue
      }
      const line = prefix.split('\n').length
      expect(error).toMatchObject({ file: SOURCE.file, line, operation: 'stats' })
      expect(error.text).toBe(prefix.split('\n')[line - 1])
    }
    const ends = lines.map((_, i) => lines.slice(0, i + 1).join('\n').length + 1).slice(0, -1)
    // After the captions alone only ip_vs_app is whole.
    const captions = file === 'ip_vs_app' ? 0 : file === 'ip_vs_stats' ? 2 : 1
    expect(shorter).toEqual(isOpenEnded(file, text) ? ends.slice(captions) : [])
  })

  it('a line that is missing, doubled, followed by another or joined with the next is refused', () => {
    const broken = lines.flatMap((line, i) => {
      const before = lines.slice(0, i)
      const after = lines.slice(i + 1)
      return [
        [...before, line, line, ...after],
        [...before, line, 'nonsense', ...after],
        [...before, `${line}${after[0] ?? 'x'}`, ...after.slice(1)],
        [...before, ` ${line} 1`, ...after],
        [...before, line.replace(/\d/, 'x').replace(/:/, ';'), ...after],
      ].map((all, kind) => ({ i, kind, all: `${all.join('\n')}\n` }))
    })
    for (const { all, i, kind } of broken) {
      if (all === text) continue
      expect({ i, kind, refused: failureOf(parse, all) !== undefined }).toEqual({ i, kind, refused: true })
    }
  })

  it('a character that is lost, added or changed is refused, or seen in the result', () => {
    const whole = parse(text, SOURCE)
    fc.assert(
      fc.property(
        fc.nat(text.length - 1),
        fc.constantFrom('', '\n', '\0', ' ', '\t', ':', 'x', '7', '-', 'CPU9', '\ufffd'),
        fc.boolean(),
        (at, piece, insert) => {
          const changed = text.slice(0, at) + piece + text.slice(insert ? at : at + 1)
          if (changed === text || failureOf(parse, changed)) return
          const seen = parse(changed, SOURCE)
          // Blanks of columns, and percentages, which say nothing that the counts do not.
          const tidy = (one: string) => one.replace(/[ \t]+/g, '').replace(/\d+%/g, '%')
          if (tidy(changed) !== tidy(text)) expect(seen).not.toEqual(whole)
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe.each(PARSERS)('$file', ({ parse }) => {
  it('random bytes are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(failureOf(parse, Buffer.from(bytes).toString('utf8'))).toBeDefined()
      }),
    )
  })

  it('long lines of what its rows are made of neither hang nor pass', () => {
    for (const piece of ['7', ' ', '7 ', ' 7', 'CPU7 ', '7:', ':\t', 'F', '~ ', 'a', '-']) {
      const long = piece.repeat(200_000)
      for (const text of [long, `${long}\n`, `\t${long}\n`, `${' '.repeat(34)}${long}\n`]) {
        const error = failureOf(parse, text)
        expect(error?.text?.length).toBeLessThanOrEqual(200)
      }
    }
  })

  it('says which file, which line and what stands there', () => {
    const error = failureOf(parse, 'nonsense\n')
    expect(error?.message).toBe('ERR_IPVS_MALFORMED_FILE: /proc/net/x cannot be read at line 1, stats')
    expect(error).toMatchObject({ file: '/proc/net/x', line: 1, text: 'nonsense', sent: false })
    expect(error?.hint).toMatch(/report it/)
    expect(failureOf(parse, '')?.message).toContain('ends before line 1')
  })
})

const FULLNAT_CAPTIONS = goldenFile('ip_vs_stats-fullnat-v2').split('\n').slice(0, 2).join('\n')
const fullnat = (...rows: string[]) => `${[FULLNAT_CAPTIONS, ...rows].join('\n')}\n`

describe('ip_vs_stats of FULLNAT kernels', () => {
  it('one row for each CPU that is online, numbers with gaps, and the sum', () => {
    const text = fullnat(
      'CPU 0:                1                    2                    3                    4                    5',
      'CPU 2:               10                   20                   30                   40                   50',
      'CPU17:              100                  200                  300                  400                  500',
      'CPU100:             1000                 2000                 3000                 4000                 5000',
    )
    const statistics = parseTrafficStatistics(text, SOURCE)
    expect(statistics.cpus.map(({ cpu }) => cpu)).toEqual([0, 2, 17, 100])
    expect(statistics.total).toEqual({
      connections: big('1111'),
      inPackets: big('2222'),
      outPackets: big('3333'),
      inBytes: big('4444'),
      outBytes: big('5555'),
    })
    expect(statistics.rates).toBeUndefined()
  })

  it('counters above 2^63 are printed as negative numbers (%Ld)', () => {
    const zero = '                   0'
    const text = fullnat(
      `CPU 0:               -1 ${zero} ${zero} ${zero} ${zero}`.replace(/ {21}0/g, '                    0'),
    ).replace(
      /-1 .*/,
      '-1                    0                    0                    0 -9223372036854775808',
    )
    expect(failureOf(parseTrafficStatistics, text)).toBeDefined()
    const right = fullnat(
      'CPU 0:               -1                    0                    0                    0    -9223372036854775808',
      'CPU 1:                2                    0                    0                    0                    0',
    )
    const { cpus, total } = parseTrafficStatistics(right, SOURCE)
    expect(cpus[0]).toMatchObject({
      connections: big('18446744073709551615'),
      outBytes: big('9223372036854775808'),
    })
    // Modulo 2^64, as each of them.
    expect(total.connections).toBe(big('1'))
  })

  it.each([
    [
      'the same CPU twice',
      [
        'CPU 1:                1                    2                    3                    4                    5',
        'CPU 1:                1                    2                    3                    4                    5',
      ],
    ],
    [
      'CPUs out of order',
      [
        'CPU 2:                1                    2                    3                    4                    5',
        'CPU 1:                1                    2                    3                    4                    5',
      ],
    ],
    [
      'a number beyond 64 bits',
      [
        'CPU 0:                1                    2                    3                    4    9223372036854775808',
      ],
    ],
    [
      'four numbers',
      ['CPU 0:                1                    2                    3                    4'],
    ],
    ['no CPU at all', []],
  ])('%s is refused', (_, rows) => {
    expect(failureOf(parseTrafficStatistics, fullnat(...rows))).toBeDefined()
  })
})

describe('ip_vs_stats of mainline', () => {
  const text = (total: string, rates: string) =>
    `   Total Incoming Outgoing         Incoming         Outgoing\n   Conns  Packets  Packets            Bytes            Bytes\n${total}\n\n Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n${rates}\n`

  it('numbers are hexadecimal, and wider than their columns where they must be', () => {
    const { total, rates, cpus } = parseTrafficStatistics(
      text(
        '      10       2A FFFFFFFFFFFFFFFF               1F  ABCDEF012345678'.replace('  ABC', '  ABC'),
        '       1        0       FF                0                A',
      ),
      SOURCE,
    )
    expect(total).toEqual({
      connections: big('16'),
      inPackets: big('42'),
      outPackets: big('18446744073709551615'),
      inBytes: big('31'),
      outBytes: big('0xABCDEF012345678'),
    })
    expect(rates).toMatchObject({ connections: big('1'), outPackets: big('255'), outBytes: big('10') })
    expect(cpus).toEqual([])
  })

  it('17 hexadecimal digits are refused', () => {
    const wide = '       0        0        0 10000000000000000                0'
    expect(failureOf(parseTrafficStatistics, text(wide, wide))).toMatchObject({ line: 3 })
  })

  it('CPU numbers of ip_vs_stats_percpu are hexadecimal, too, and can have gaps', () => {
    const row = '       1        2        3                4                5'
    const statistics = parseCpuStatistics(
      `       Total Incoming Outgoing         Incoming         Outgoing\nCPU    Conns  Packets  Packets            Bytes            Bytes\n  9 ${row}\n  A ${row}\n 1F ${row}\n  ~ ${row}\n\n     Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n    ${row}\n`,
      SOURCE,
    )
    expect(statistics.cpus.map(({ cpu }) => cpu)).toEqual([9, 10, 31])
  })
})

describe('ip_vs_ext_stats', () => {
  const caption = (...cpus: number[]) => ' '.repeat(34) + cpus.map((cpu) => `CPU${cpu}       `).join('')
  const row = (name: string, ...counts: (number | string)[]) =>
    `${name.padEnd(25)}:${counts.map((count) => `${String(count).padStart(10)} `).join('')}`

  it('CPU numbers are those of the caption; rows that nobody knows are kept, and so are long names', () => {
    const long = 'fast_xmit_synproxy_save_inside_and_a_name_that_goes_on'
    const text = `${caption(0, 3, 12)}\n${row('brand_new_2', 1, 2, 3)}\n${row(long, 4, 5, '18446744073709551615')}\n`
    expect(parseExtendedStatistics(text, SOURCE)).toEqual({
      cpus: [0, 3, 12],
      rows: [
        { name: 'brand_new_2', perCpu: [big('1'), big('2'), big('3')] },
        { name: long, perCpu: [big('4'), big('5'), big('18446744073709551615')] },
      ],
    })
  })

  it.each([
    ['fewer numbers than CPUs', caption(0, 1), row('a', 1)],
    ['more numbers than CPUs', caption(0), row('a', 1, 2)],
    ['beyond 64 bits', caption(0), row('a', '18446744073709551616')],
    ['a row twice', caption(0), `${row('a', 1)}\n${row('a', 1)}`],
    ['a negative number', caption(0), row('a', -1)],
    ['CPUs out of order', caption(1, 0), row('a', 1, 2)],
    ['a CPU twice', caption(1, 1), row('a', 1, 2)],
    ['no name', caption(0), ':         1 '],
    ['no row', caption(0), ''],
  ])('%s is refused', (_, first, rows) => {
    expect(failureOf(parseExtendedStatistics, `${first}\n${rows}${rows === '' ? '' : '\n'}`)).toBeDefined()
  })

  it.each(['fullnat-v2', 'fullnat-v3'] as const)('the table has the rows of %s, in its order', (dialect) => {
    const { rows } = parseExtendedStatistics(goldenFile(`ip_vs_ext_stats-${dialect}`), SOURCE)
    expect(extendedCounterNames(dialect)).toEqual(rows.map(({ name }) => name))
    expect(rows).toHaveLength(dialect === 'fullnat-v2' ? 43 : 47)
  })

  it('every row of the table has a meaning, and advice is a sentence', () => {
    for (const name of EXTENDED_COUNTER_NAMES) {
      const { meaning, advice } = EXTENDED_COUNTERS[name]
      expect(meaning).toMatch(/^[a-zA-Z4-6].*[^.]$/)
      if (advice !== undefined) expect(advice).toMatch(/^[A-Z].*\.$/)
    }
    const meanings = EXTENDED_COUNTER_NAMES.map((name) => EXTENDED_COUNTERS[name].meaning)
    expect(new Set(meanings).size).toBe(meanings.length)
  })
})

describe('ip_vs_status', () => {
  const whole = goldenFile('ip_vs_status-mainline-7.2')

  it('lines that nobody knows are kept, wherever they are', () => {
    const lines = whole.split('\n').slice(0, -1)
    const extra = 'Conn rehash:\t7 (max 9)'
    for (let at = 0; at <= lines.length; at++) {
      const text = `${[...lines.slice(0, at), extra, ...lines.slice(at)].join('\n')}\n`
      // Between a size and what is said of its buckets, it is neither.
      const { other, ...rest } = parseKernelStatus(text, SOURCE)
      expect(other).toEqual([{ name: 'Conn rehash', value: '7 (max 9)' }])
      expect({ ...rest, other: [] }).toEqual(parseKernelStatus(whole, SOURCE))
    }
  })

  it('an empty table has no chains, and a factor can be positive', () => {
    const idle = goldenFile('ip_vs_status-mainline-7.2-idle').replace('lfactor -4', 'lfactor 2')
    expect(parseKernelStatus(idle, SOURCE).connectionTable).toEqual({
      buckets: 256,
      bits: 8,
      loadFactor: 2,
      emptyBuckets: undefined,
      chains: [],
    })
  })
})

describe('ip_vs_app', () => {
  it('protocols have the names of the API where it has one', () => {
    const text =
      'prot port    usecnt name\nTCP  21      3      ftp              \nSCTP  65535   -1     a_name_longer_than_17\nIP_50  0       0      x                \nCONSTRUCTOR  1       0      y                \n'
    expect(parseApplicationHelpers(text, SOURCE)).toEqual([
      { protocol: 'tcp', port: 21, uses: 3, name: 'ftp' },
      { protocol: 'sctp', port: 65535, uses: -1, name: 'a_name_longer_than_17' },
      { protocol: 'IP_50', port: 0, uses: 0, name: 'x' },
      { protocol: 'CONSTRUCTOR', port: 1, uses: 0, name: 'y' },
    ])
  })

  it('a port above 65535 is refused', () => {
    const text = 'prot port    usecnt name\nTCP  65536   0      ftp              \n'
    expect(failureOf(parseApplicationHelpers, text)).toMatchObject({ line: 2 })
  })
})

describe(PAGE, () => {
  const page = readFileSync(new URL(`../../${PAGE}`, import.meta.url), 'utf8')

  it('has every extended counter, as the library knows it', () => {
    expect(withTables(page, { EXTENDED_COUNTERS })).toBe(page)
    for (const name of EXTENDED_COUNTER_NAMES) expect(page).toContain(`| \`${name}\` |`)
  })

  it('a changed meaning makes another page', () => {
    const gro_pass = { ...EXTENDED_COUNTERS.gro_pass, meaning: 'something else' }
    expect(withTables(page, { EXTENDED_COUNTERS: { ...EXTENDED_COUNTERS, gro_pass } })).not.toBe(page)
  })
})
