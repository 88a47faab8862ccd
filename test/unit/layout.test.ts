import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { LAYOUT_HASH, ReplyHeaderLayout, RequestHeaderLayout, SECTIONS } from '../../lib/border/layout.gen'
// @ts-expect-error: a script without types
import { generate } from '../../scripts/gen-layout.mjs'
// @ts-expect-error: a script without types
import * as parse from '../../scripts/layout/parse.mjs'

interface Field {
  cpp: string
  kind: string
  offset: number
  size: number
  align: number
  struct?: Struct
}
interface Struct {
  name: string
  fields: Field[]
  size: number
  align: number
}

const textOf = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const SOURCE = textOf('native/abi/records.h')
const GENERATED: Record<string, string> = generate()
const structsOf = (source: string): Struct[] => parse.parseRecords(source).structs
const hashOf = (source: string): number => parse.layoutHash(parse.parseRecords(source))

describe('the generated files', () => {
  it.each([
    'native/abi/layout.gen.h',
    'lib/border/layout.gen.ts',
    'lib/model/records.gen.ts',
    'lib/border/records.gen.ts',
  ])('%s is what records.h says', (path) => {
    expect(Object.keys(GENERATED)).toContain(path)
    expect(textOf(path), 'run npm run build:ts').toBe(GENERATED[path])
  })

  it('are four, of one hash', () => {
    expect(Object.keys(GENERATED)).toHaveLength(4)
    expect(hashOf(SOURCE)).toBe(LAYOUT_HASH)
  })

  it('are those that the addon was built with', () => {
    const built = fileURLToPath(new URL('../../build/Release/ipvs_fullnat.node', import.meta.url))
    if (!existsSync(built)) throw new Error(`the addon is not built (npm run build:native): no ${built}`)
    expect(createRequire(import.meta.url)(built).layoutHash, 'run npm run build').toBe(LAYOUT_HASH)
  })
})

describe('the records', () => {
  it('have fields that lie in their record, without gaps and aligned', () => {
    const structs = structsOf(SOURCE)
    for (const { name, fields, size, align } of structs) {
      let end = 0
      for (const field of fields) {
        expect(field.offset, `${name}.${field.cpp}`).toBe(end)
        expect(field.offset % field.align, `${name}.${field.cpp} is not aligned`).toBe(0)
        end = field.offset + field.size
      }
      expect(end, name).toBe(size)
      expect(size % align, name).toBe(0)
    }
    expect(structs.length).toBeGreaterThanOrEqual(11)
  })

  it('have strides that keep what comes behind them in a buffer aligned', () => {
    expect(ReplyHeaderLayout.size % 8).toBe(0)
    for (const { name, record } of SECTIONS) expect(record.size % 8, name).toBe(0)
    // A request has nothing wider than 4 bytes.
    expect(RequestHeaderLayout.size % 4).toBe(0)
    const request = structsOf(SOURCE).find(({ name }) => name === 'Request')
    expect([request?.align, (request?.size ?? 1) % 4]).toEqual([4, 0])
  })

  /** Names and addresses at any depth, by their offset in the outermost record. */
  function wordsOf({ name, fields }: Struct, from = 0, path = name): [string, number][] {
    return fields.flatMap(({ cpp, kind, offset, struct }): [string, number][] => {
      const at = `${path}.${cpp}`
      const word: [string, number] = [at, from + offset]
      if (kind === 'name') return [word]
      if (!struct) return []
      return struct.name === 'Address' ? [word] : wordsOf(struct, from + offset, at)
    })
  }

  it('have names and addresses where RecordMemory reads them as words', () => {
    const whole = structsOf(SOURCE).filter(({ name }) => name === 'Request' || /Record$/.test(name))
    const words = whole.flatMap((struct) => wordsOf(struct))
    expect(words.length).toBeGreaterThan(10)
    expect(words.filter(([, offset]) => offset % 4 !== 0)).toEqual([])
  })
})

describe('the parser', () => {
  const CONSTANTS = 'constexpr std::size_t kNameSize = 16;\n'
  const struct = (...fields: string[]) => `${CONSTANTS}struct Thing {\n  ${fields.join('\n  ')}\n};\n`

  it('takes what lies close together', () => {
    const [thing] = structsOf(
      struct(
        'std::uint64_t one;',
        'char two[kNameSize];  // and why',
        'std::uint32_t three_four;',
        '',
        'std::int32_t five;',
      ),
    )
    expect(thing).toMatchObject({ name: 'Thing', size: 32, align: 8 })
    expect(thing?.fields.map(({ cpp, kind, offset, size }) => [cpp, kind, offset, size])).toEqual([
      ['one', 'u64', 0, 8],
      ['two', 'name', 8, 16],
      ['three_four', 'u32', 24, 4],
      ['five', 'i32', 28, 4],
    ])
  })

  it.each<[string, string, string]>([
    [
      'a gap between fields',
      struct('std::uint16_t one;', 'std::uint32_t two;'),
      'Thing.two leaves a gap, name it reserved',
    ],
    [
      'a gap before a record with wider fields',
      `${struct('std::uint32_t one;')}struct Outer {\n  std::uint16_t two;\n  Thing thing;\n};\n`,
      'Outer.thing leaves a gap',
    ],
    [
      'a gap at the end',
      struct('std::uint32_t one;', 'std::uint16_t two;'),
      'Thing ends in a gap, name it reserved',
    ],
    [
      'a single byte',
      struct('std::uint8_t one;'),
      'one is a single std::uint8_t, which TypeScript has no reader for',
    ],
    [
      'a struct that derives',
      `${struct('std::uint32_t one;')}struct Two : Thing {\n};\n`,
      'struct Two : Thing {',
    ],
    ['an enum of another size', 'enum class One : std::uint8_t { kOne };\n', 'enum class One : std::uint8_t'],
    [
      'an enum with a computed value',
      'enum class One : std::uint16_t { kOne = 1 << 2 };\n',
      'not an enumerator',
    ],
    [
      'bits of an unknown name',
      'namespace others {\nconstexpr std::uint32_t kOne = 1U << 0;\n}\n',
      'namespace others {',
    ],
    ['a bit that is none', 'namespace presence {\nconstexpr std::uint32_t kOne = 3;\n}\n', 'not a bit'],
    ['a computed number', 'constexpr std::size_t kOne = 2 * 8;\n', 'constexpr std::size_t kOne = 2 * 8;'],
    ['an unknown integer', struct('std::int64_t one;'), 'unknown type std::int64_t'],
    ['an unknown record', struct('Nothing one;'), 'unknown type Nothing'],
    ['an array of numbers', struct('std::uint32_t one[kNameSize];'), 'an array of std::uint32_t'],
    [
      'an array of records',
      `${struct('std::uint32_t one;')}struct Outer {\n  Thing things[kNameSize];\n};\n`,
      'an array of Thing',
    ],
    ['a type of its own', struct('bool one;'), 'not a field: bool one;'],
    ['a default', struct('std::uint32_t one = 1;'), 'not a field: std::uint32_t one = 1;'],
    ['two fields in a line', struct('std::uint32_t one, two;'), 'not a field'],
    [
      'a name that TypeScript cannot read word by word',
      struct('std::uint16_t one;', 'char two[kNameSize];', 'std::uint16_t three;'),
      'Thing.two must lie at a multiple of 4',
    ],
    [
      'bytes that it cannot',
      struct('std::uint16_t one;', 'std::uint8_t two[kNameSize];', 'std::uint16_t three;'),
      'Thing.two must lie at a multiple of 4',
    ],
    [
      'a name in a record that lies so',
      `${struct('char one[kNameSize];')}struct Outer {\n  std::uint16_t two;\n  Thing thing;\n  std::uint16_t three;\n};\n`,
      'Outer.thing.one must lie at a multiple of 4',
    ],
    [
      'records that follow each other at less than 8',
      `${struct('std::uint32_t one;')}struct ReplyHeader {\n  std::uint32_t things;  // count of Thing\n};\n`,
      'the size of Thing must be a multiple of 8',
    ],
    ['a count of nothing', struct('std::uint32_t others;  // count of Other'), 'no record Other to count'],
  ])('refuses %s', (_, source, message) => {
    expect(() => parse.parseRecords(source)).toThrow(message)
  })
})

describe('the generator', () => {
  it('refuses bytes that are no address: nothing in TypeScript reads them', () => {
    const bytes = SOURCE.replace('char engine[', 'std::uint8_t engine[')
    expect(() => generate(bytes)).toThrow('ServiceConfig.engine is bytes, which TypeScript cannot read')
  })
})

describe('the hash', () => {
  /** records.h with something changed behind the head of a struct. */
  function changed(struct: string, from: RegExp, to: string): string {
    const start = SOURCE.indexOf(`struct ${struct} {`)
    const behind = SOURCE.slice(start).replace(from, to)
    expect(start, struct).toBeGreaterThan(0)
    expect(behind, `${struct} ${from}`).not.toBe(SOURCE.slice(start))
    return SOURCE.slice(0, start) + behind
  }

  it('is another one for every field with another name', () => {
    const hashes = structsOf(SOURCE).flatMap(({ name, fields }) =>
      fields.map(({ cpp }) => hashOf(changed(name, new RegExp(`\\b${cpp}(?=[;[])`), `${cpp}_2`))),
    )
    expect(hashes).not.toContain(LAYOUT_HASH)
    expect(new Set(hashes).size).toBe(hashes.length)
  })

  it.each<[string, string]>([
    ['type', changed('DestinationConfig', /std::int32_t weight;/, 'std::uint32_t weight;')],
    ['kind', changed('ServiceConfig', /char engine\[/, 'std::uint8_t engine[')],
    ['width', changed('InfoRecord', /.*version;\n.*connection_table_size;/, 'std::uint64_t version;')],
    ['offset', changed('TimeoutConfig', /(.*tcp;)\n(.*tcp_fin;)/, '$2\n$1')],
    [
      'number of fields',
      changed('InfoRecord', /(.*service_count;)/, '$1\n  std::uint32_t one;\n  std::uint32_t two;'),
    ],
    ['section', SOURCE.replace('count of DaemonRecord', 'count of InfoRecord')],
    ['number of an operation', SOURCE.replace('kProbe = 1,', 'kProbe = 2,')],
    ['presence bit', SOURCE.replace('kTunnel = 1U << 4', 'kTunnel = 1U << 24')],
  ])('is another one for another %s', (_, source) => {
    expect(source).not.toBe(SOURCE)
    expect(hashOf(source)).not.toBe(LAYOUT_HASH)
  })

  it('is the same with other comments', () => {
    expect(hashOf(SOURCE.replace(/\/\/ A destination.*/, '// Anything.'))).toBe(LAYOUT_HASH)
  })
})
