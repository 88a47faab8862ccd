import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IpvsTextError, MOST_PROBLEMS, Problems } from '../../lib/formats/text/problems'
import { MOST_LINE, MOST_TEXT, readText } from '../../lib/formats/text/read-text'
import { SourceText } from '../../lib/formats/text/source-text'

const thrown = (run: () => unknown): IpvsTextError => {
  try {
    run()
  } catch (error) {
    return error as IpvsTextError
  }
  throw new Error('nothing was thrown')
}

describe('positions', () => {
  it('are those that splitting the text gives', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ab\r\n]{0,30}$/), (text) => {
        const source = new SourceText(text)
        for (let offset = 0; offset < text.length; offset++) {
          const before = text.slice(0, offset).split('\n')
          const position = source.position(offset)
          expect(position).toEqual({ line: before.length, column: (before.at(-1) as string).length + 1 })
          const line = text.split('\n')[position.line - 1] as string
          expect(source.lineText(position.line)).toBe(line.replace(/\r$/, ''))
        }
      }),
    )
  })
})

describe('IpvsTextError', () => {
  const problem = (text: string, offset: number, length: number) =>
    new IpvsTextError(
      'error',
      { code: 'unknown-option', description: "no option '-Y'", hint: 'Leave it out.' },
      new SourceText(text, 'rules').span(offset, length),
    )

  it('says where, and shows the place', () => {
    const error = problem('-A -t 1.2.3.4:80\n-a\t-Y 7\n', 20, 2)
    expect(error).toMatchObject({ file: 'rules', line: 2, column: 4, code: 'unknown-option' })
    expect(error.message).toBe("rules:2:4: no option '-Y'")
    expect(inspect(error)).toBe(
      "error: rules:2:4: no option '-Y' [unknown-option]\n2 | -a -Y 7\n       ^^\n  Leave it out.",
    )
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ name: 'IpvsTextError', line: 2, column: 4 })
  })

  it('shows a part of a long line, with the place in it', () => {
    const error = problem(`${'x'.repeat(5000)}!${'y'.repeat(5000)}`, 5000, 1)
    const [line, marks] = error.frame.split('\n') as [string, string]
    expect(line.length).toBeLessThan(120)
    expect(line[marks.indexOf('^')]).toBe('!')
  })

  it('marks the end of a line without going beyond it', () => {
    expect(problem('-A', 2, 10).frame).toBe('1 | -A\n      ^')
  })
})

describe('Problems', () => {
  it('keeps so many, and counts the rest', () => {
    const problems = new Problems()
    const span = new SourceText('x').span(0, 1)
    for (let i = 0; i < MOST_PROBLEMS + 5; i++) problems.error({ code: 'x', description: 'x' }, span)
    problems.warn({ code: 'x', description: 'x' }, span)
    expect([problems.errors.length, problems.omitted, problems.warnings.length]).toEqual([
      MOST_PROBLEMS,
      5,
      1,
    ])
  })
})

describe('readText', () => {
  it('takes strings and bytes, without their byte-order mark', () => {
    expect(readText('\ufeff-A').text).toBe('-A')
    expect(readText(Buffer.from('\ufeff–A \ufffd')).text).toBe('–A \ufffd')
    expect(readText('x'.repeat(MOST_LINE)).text.length).toBe(MOST_LINE)
  })

  it.each([
    ['a NUL', 'a\nb\0', 'nul-character', 2, 2],
    ['bytes that are no UTF-8', Buffer.from([0x41, 0x0a, 0x80]), 'not-utf8', 2, 1],
    ['a long line', `a\n${'x'.repeat(MOST_LINE + 1)}`, 'line-too-long', 2, 1],
    ['a long line with an end', `${'x'.repeat(MOST_LINE + 1)}\na`, 'line-too-long', 1, 1],
    ['a long text', new Uint8Array(MOST_TEXT + 1), 'text-too-long', 1, 1],
  ])('refuses %s', (_, value, code, line, column) => {
    expect(thrown(() => readText(value, 'f'))).toMatchObject({ code, line, column, file: 'f' })
  })

  it('refuses what is no text at all', () => {
    expect(thrown(() => readText(7 as unknown as string)).code).toBe('ERR_INVALID_ARG_TYPE')
  })
})
