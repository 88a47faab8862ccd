// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is keepalived's
// Definitions, sequences, conditions, includes, and how much of each there may be.
import { describe, expect, it } from 'vitest'
import type { IncludeResolver, KeepalivedDialect, ParseKeepalivedOptions } from '../../lib/formats'
import {
  MOST_BLOCK_STATEMENTS,
  MOST_EXPANDED_LINES,
  MOST_INCLUDE_DEPTH,
  MOST_INCLUDES,
  MOST_SEQUENCE_VALUES,
  MOST_STATEMENTS,
  parseKeepalived,
} from '../../lib/formats'

function read(text: string, options: Partial<ParseKeepalivedOptions> = {}) {
  const parsed = parseKeepalived(text, { dialect: 'mainline', ...options })
  const at = ({
    code,
    line,
    column,
    file,
  }: {
    code: string
    line: number
    column: number
    file: string | undefined
  }) => `${code} ${file === undefined ? '' : `${file}:`}${line}:${column}`
  return {
    ...parsed,
    errors: parsed.errors.map(at),
    warnings: parsed.warnings.map(at),
    messages: [...parsed.errors, ...parsed.warnings].map(({ message }) => message),
    vips: (parsed.state.services ?? []).map(({ address, port }) => `${address} ${port}`),
    reals: (parsed.state.services?.[0]?.destinations ?? []).map(
      ({ address, port, weight }) => `${address} ${port} ${weight}`,
    ),
  }
}

const around = (inside: string) => `virtual_server 192.0.2.1 80 {\nprotocol TCP\n${inside}\n}\n`
const clean = { errors: [], warnings: [] }

describe('definitions', () => {
  it('stand for what they say, with braces and without, within quotes and within others', () => {
    const text = `$NET=10.9.0
$PORT=80
$HOST=\${NET}.5
$W=7   # a comment
virtual_server \${NET}.1 $PORT {
  protocol TCP
  quorum_up "up \${NET}"
  real_server $HOST $PORT {
    weight $W
  }
}
`
    expect(read(text)).toMatchObject({ ...clean, vips: ['10.9.0.1 80'], reals: ['10.9.0.5 80 7'] })
    expect(read(text).serviceDetails[0]?.quorumUp).toBe('"up 10.9.0"')
    expect(read(text, { dialect: 'dpvs' })).toMatchObject({ ...clean, reals: ['10.9.0.5 80 7'] })
  })

  it('count as they are when they are used', () => {
    const text = `$A=\${B}\n$B=1\n${around('real_server 10.9.0.5 80 {\nweight $A\n}')}$B=2\n`
    expect(read(text).reals).toEqual(['10.9.0.5 80 1'])
  })

  it('have several lines, and then make several', () => {
    const text = `$REAL=real_server 10.9.0.5 80 { \\
  weight 3 \\
}
${around('$REAL')}`
    expect(read(text)).toMatchObject({ ...clean, reals: ['10.9.0.5 80 3'] })
    const within = read(`$REAL=a \\\n  b\n${around('quorum_up x$REAL\n${REAL} 7')}`)
    expect(within.errors[0]).toContain('definition-of-lines 6:1')
  })

  it('a definition of nothing but a backslash has the lines behind it', () => {
    const text = `$REAL= \\\nreal_server 10.9.0.5 80 { \\\n}\n${around('$REAL')}`
    expect(read(text)).toMatchObject({ ...clean, reals: ['10.9.0.5 80 1'] })
  })

  it('what is not defined is reported where it stands', () => {
    expect(read(around('real_server 10.9.0.5 80 {\nweight ${NO}\n}')).errors).toEqual([
      'undefined-definition 4:8',
      'not-a-number 4:8',
    ])
    expect(read('vrrp_instance V {\nauth_pass $ecret\n}\n')).toMatchObject({
      errors: [],
      warnings: ['undefined-definition 2:11'],
    })
    expect(read('global_defs {\nrouter_id ${_RANDOM}\n}\n').errors).toEqual([
      'definition-of-the-machine 2:11',
    ])
  })

  it('the environment is what the caller says', () => {
    const text = around('real_server 10.9.0.5 80 {\nweight ${_ENV W}\n}')
    expect(read(text, { env: { W: '9' } })).toMatchObject({ ...clean, reals: ['10.9.0.5 80 9'] })
    expect(read(text).errors).toContain('undefined-definition 4:8')
    expect(read(text, { env: {} }).errors).toContain('undefined-definition 4:8')
    expect(read(around('quorum_up "${_HASH}${_BANG}x"')).serviceDetails[0]?.quorumUp).toBe('"#!x"')
  })

  it('one that uses itself ends', () => {
    for (const text of [
      '$A=$A\nfoo $A\n',
      '$A=${B}x\n$B=${A}y\nfoo ${A}\n',
      '$A=x \\\n  $A\n$A\n',
      '$A=$A \\\n  $A \\\n $A\n$A\n',
    ]) {
      const { errors } = read(text)
      expect(errors.join()).toMatch(/definition-recursion|line-too-long/)
    }
  })

  it('a value that makes the line too long is left as its name', () => {
    expect(read(`$A=${'x'.repeat(900)}\nfoo \${A} \${A}\n`).errors).toEqual(['line-too-long 2:10'])
  })
})

describe('sequences', () => {
  const reals = (line: string, options: Partial<ParseKeepalivedOptions> = {}) => read(around(line), options)

  it.each([
    ['~SEQ(n, 3) real_server 10.9.0.$n 80 { }', ['1', '2', '3']],
    ['~SEQ(n, 3) real_server 10.9.0.${n} 80 { }', ['1', '2', '3']],
    ['~SEQ(n, 5, 7) real_server 10.9.0.${n} 80 { }', ['5', '6', '7']],
    ['~SEQ(n, 7, 5) real_server 10.9.0.${n} 80 { }', ['7', '6', '5']],
    ['~SEQ(n, 1, 3, 8) real_server 10.9.0.${n} 80 { }', ['1', '4', '7']],
    ['~SEQ(n, 0x10, 0x11) real_server 10.9.0.${n} 80 { }', ['16', '17']],
    ['~SEQ(n, 010, 9) real_server 10.9.0.${n} 80 { }', ['8', '9']],
    ['~LST(n, 4, 9) real_server 10.9.0.${n} 80 { }', ['4', '9']],
  ])('%s', (line, last) => {
    expect(reals(line).reals).toEqual(last.map((n) => `10.9.0.${n} 80 1`))
  })

  it('in hexadecimal, within each other, of several names, of definitions', () => {
    const six = read(
      `virtual_server fd00::1 80 {\nprotocol TCP\n~SEQx(n, 9, 11) real_server fd09::\${n} 80 { }\n}\n`,
    )
    expect(six).toMatchObject({ ...clean, reals: ['fd09::9 80 1', 'fd09::a 80 1', 'fd09::b 80 1'] })
    const nested = reals('~SEQ(a, 2) ~SEQ(b, 2) real_server 10.${a}.0.${b} 80 { }')
    expect(nested.reals).toEqual(['10.1.0.1 80 1', '10.1.0.2 80 1', '10.2.0.1 80 1', '10.2.0.2 80 1'])
    const several = reals('~LST({a,w}, {1,7}, {2}) real_server 10.9.0.${a} 80 { weight ${w}0 }')
    expect(several.reals).toEqual(['10.9.0.1 80 70', '10.9.0.2 80 0'])
    const counted = read(`$N=2\n${around('~SEQ(n, $N) real_server 10.9.0.${n} 80 { }')}`)
    expect(counted.reals).toEqual(['10.9.0.1 80 1', '10.9.0.2 80 1'])
  })

  it('positions are those of the line', () => {
    const { errors, warnings } = reals('~SEQ(n, 2) real_server 10.9.0.${n} 80 { foo ${n} }')
    expect({ errors, warnings }).toEqual({
      errors: [],
      warnings: ['unknown-keyword 3:41', 'unknown-keyword 3:41'],
    })
  })

  it.each([
    '~SEQ',
    '~SEQ(n)',
    '~SEQ(n, ) x',
    '~SEQ(n, a) x',
    '~SEQ(n, 1, 2, 3, 4) x',
    '~SEQ(n, 1, 0, 3) x',
    '~SEQ(n, 1, -1, 3) x',
    '~SEQ(n, 1 x',
    '~SEQx(n, -1, 3) x',
    '~LST',
    '~LST(n) x',
    '~LST(n, 1',
    '~LST({a,b}, {1,2,3}) x',
    '~LST({a,b, {1,2}) x',
  ])('%s is reported and left out', (line) => {
    expect(reals(line).errors[0]).toBe('bad-sequence 3:1')
  })

  it('dpvs has the older form, and Alibaba none', () => {
    expect(reals('~SEQ(n, 2) real_server 10.9.0.${n} 80 { }', { dialect: 'dpvs' }).reals).toHaveLength(2)
    expect(reals('~LST(n, 4, 9) x', { dialect: 'dpvs' }).errors[0]).toBe('bad-sequence 3:1')
    expect(reals('~SEQx(n, 9) x', { dialect: 'dpvs' }).errors[0]).toBe('bad-sequence 3:1')
    expect(read('~SEQ(n, 2) x\n', { dialect: 'alibaba' }).warnings).toEqual(['unknown-keyword 1:1'])
  })

  it('too many values, and too many lines', () => {
    expect(reals('~SEQ(n, 1000000000) x').errors[0]).toBe('sequence-too-long 3:1')
    expect(reals(`~SEQ(n, ${MOST_SEQUENCE_VALUES + 1}) x`).errors[0]).toBe('sequence-too-long 3:1')
    expect(read(`~SEQ(n, ${MOST_SEQUENCE_VALUES}) vrrp_script \${n}\n`)).toMatchObject({ errors: [] })
    const lines = read('~SEQ(a, 2000) ~SEQ(b, 2000) vrrp_script x\n')
    expect(lines.errors).toEqual(['too-many-lines 1:29'])
    expect(lines.ignored.length).toBeLessThanOrEqual(MOST_EXPANDED_LINES)
    const deep = `${'~SEQ(a, 1) '.repeat(80)}x\n`
    expect(read(deep).errors[0]).toMatch(/definition-recursion|line-too-long/)
  })
})

describe('@id', () => {
  const text = around(
    '@one real_server 10.9.0.1 80 {\n@two real_server 10.9.0.2 80 {\n@^one weight 5\n@one weight 6\n}',
  )

  it('a line counts where the id is the one that is given', () => {
    expect(read(text, { configId: 'one' })).toMatchObject({ ...clean, reals: ['10.9.0.1 80 6'] })
    expect(read(text, { configId: 'two' })).toMatchObject({ ...clean, reals: ['10.9.0.2 80 5'] })
  })

  it('without one each of them is an error, and left out', () => {
    expect(read('@one foo\n@^one foo\n').errors).toEqual(['config-id 1:1', 'config-id 2:1'])
    expect(read('@one foo\n', { dialect: 'alibaba' }).warnings).toEqual(['unknown-keyword 1:1'])
  })

  it('what is wrong behind it is reported where it stands', () => {
    expect(read('@one router_id "x\n', { configId: 'one' }).errors).toEqual(['unclosed-quote 1:16'])
  })

  it('before definitions and sequences', () => {
    const conditioned = `@one $W=7\n@two $W=8\n${around('@one ~SEQ(n, 2) real_server 10.9.0.${n} 80 { weight ${W} }')}`
    expect(read(conditioned, { configId: 'one' }).reals).toEqual(['10.9.0.1 80 7', '10.9.0.2 80 7'])
  })
})

describe('include', () => {
  const files =
    (contents: Readonly<Record<string, string>>): IncludeResolver =>
    ({ path }) =>
      Object.keys(contents)
        .filter((file) => (path.endsWith('*') ? file.startsWith(path.slice(0, -1)) : file === path))
        .sort()
        .map((file) => ({ file, text: contents[file] as string }))

  it('is read where it stands, blocks and all, with positions of its own', () => {
    const include = files({
      'a.conf': 'real_server 10.9.0.5 80 {\nweight x\n}\n',
      'b.conf': 'real_server 10.9.0.6 80 {\n}\n',
    })
    const { reals, errors, files: read_ } = read(around('include *'), { include, file: 'k.conf' })
    expect(reals).toEqual(['10.9.0.5 80 1', '10.9.0.6 80 1'])
    expect(errors).toEqual(['not-a-number a.conf:2:8'])
    expect(read_).toEqual(['a.conf', 'b.conf'])
  })

  it('is asked for the path as it stands, and from where', () => {
    const asked: unknown[] = []
    const include: IncludeResolver = (request) => {
      asked.push(request)
      return request.path === 'b c.conf' ? [] : [{ file: 'x/a.conf', text: 'include b c.conf\n' }]
    }
    const { warnings } = read('include x/{a,b}.conf\n', { include, file: 'k.conf' })
    expect(asked).toEqual([
      { path: 'x/{a,b}.conf', from: 'k.conf' },
      { path: 'b c.conf', from: 'x/a.conf' },
    ])
    expect(warnings).toEqual(['include-empty x/a.conf:1:1'])
    // Two words and no more are an include for Alibaba's.
    expect(read('include b c.conf\n', { include, dialect: 'alibaba' }).warnings).toEqual([
      'unknown-keyword 1:1',
    ])
    expect(read('includea b c.conf\n', { include }).errors).toEqual(['include-empty 1:1'])
    expect(read('includea b c.conf\n', { include, dialect: 'dpvs' }).warnings).toEqual([
      'unknown-keyword 1:1',
    ])
  })

  it('no file is read by itself', () => {
    for (const dialect of ['mainline', 'alibaba', 'dpvs'] as readonly KeepalivedDialect[]) {
      expect(read('include /etc/passwd\n', { dialect }).errors).toEqual(['include-unresolved 1:1'])
    }
  })

  it('a file may stand twice, but not within itself', () => {
    const twice = files({ a: 'vrrp_script x\n' })
    expect(read('include a\ninclude a\n', { include: twice })).toMatchObject({ ...clean, files: ['a', 'a'] })
    const cycle = files({ a: 'include b\n', b: 'vrrp_script x\ninclude a\ninclude k\n', k: '' })
    expect(read('include a\n', { include: cycle, file: 'k' }).errors).toEqual([
      'include-cycle b:2:1',
      'include-cycle b:3:1',
    ])
    const siblings = files({ 'd/1': 'include d/2\n', 'd/2': 'vrrp_script x\n' })
    expect(read('include d/*\n', { include: siblings })).toMatchObject({
      ...clean,
      files: ['d/1', 'd/2', 'd/2'],
    })
  })

  it('not too deep, not too many, not too much', () => {
    let depth = 0
    const deep: IncludeResolver = () => [{ file: `f${depth++}`, text: 'include next\n' }]
    const { errors, files: read_ } = read('include next\n', { include: deep, file: 'k' })
    expect(errors).toEqual([`include-too-deep f${MOST_INCLUDE_DEPTH - 1}:1:1`])
    expect(read_).toHaveLength(MOST_INCLUDE_DEPTH)
    let count = 0
    const many: IncludeResolver = () => [{ file: `f${count++}`, text: 'vrrp_script x\n' }]
    const much = read('include x\n'.repeat(MOST_INCLUDES + 2), { include: many })
    expect(much.errors).toEqual([
      `too-many-includes ${MOST_INCLUDES + 1}:1`,
      `too-many-includes ${MOST_INCLUDES + 2}:1`,
    ])
    const text = `${'#'.repeat(1000)}\n`.repeat(20_000)
    let sizes = 0
    const large: IncludeResolver = () => [{ file: `f${sizes++}`, text }]
    expect(read('include x\n'.repeat(4), { include: large }).errors.slice(-1)).toEqual(['text-too-long 4:1'])
  })

  it('what the caller cannot bring, and what is no text, is an error where it stands', () => {
    const throws: IncludeResolver = () => {
      throw new Error('EACCES: permission denied')
    }
    const { errors, messages } = read('vrrp_script x\ninclude a\n', { include: throws })
    expect(errors).toEqual(['include-failed 2:1'])
    expect(messages[0]).toContain('EACCES')
    const binary: IncludeResolver = () => [{ file: 'a', text: 'x\0y' }]
    expect(read('include a\n', { include: binary }).errors).toEqual(['nul-character 1:1'])
  })
})

describe('sizes', () => {
  it('blocks are not deeper than 64', () => {
    const { errors } = read(`${'a {\n'.repeat(500)}${'}\n'.repeat(500)}vrrp_script x\n`)
    expect(errors).toEqual(['too-deep 65:3'])
    const { state, errors: none } = read(
      `${'a {\n'.repeat(64)}${'}\n'.repeat(64)}${around('real_server 10.9.0.5 80 {\n}')}`,
    )
    expect(none).toEqual([])
    expect(state.services).toHaveLength(1)
  })

  it('a block at the top has 200,000 keywords at most, and the next one is read all the same', () => {
    const { errors, reals, vips } = read(
      `virtual_server 192.0.2.9 80 {\nprotocol TCP\nreal_server 10.9.0.5 80 {\n}\n${'alpha\n'.repeat(MOST_BLOCK_STATEMENTS)}}\n${around('real_server 10.9.0.5 80 {\n}')}`,
    )
    expect(errors).toEqual([`block-too-large ${MOST_BLOCK_STATEMENTS + 3}:1`])
    expect(vips).toEqual(['192.0.2.9 80', '192.0.2.1 80'])
    expect(reals).toEqual(['10.9.0.5 80 1'])
  })

  it('a configuration has 2,000,000 keywords at most', () => {
    const { errors, omitted, ignored } = read('vrrp_script x\n'.repeat(MOST_STATEMENTS + 5))
    expect(errors).toEqual([`too-many-statements ${MOST_STATEMENTS + 1}:1`])
    expect([ignored.length, omitted]).toEqual([10_000, MOST_STATEMENTS - 10_000])
  })

  it('a configuration has 100,000 virtual servers at most', () => {
    const { errors, serviceDetails } = read(
      'virtual_server fwmark 1 {\nreal_server 10.9.0.5 80 { }\n}\n'.repeat(100_003),
    )
    expect(serviceDetails).toHaveLength(100_000)
    expect(errors.filter((text) => text.startsWith('too-many'))).toHaveLength(3)
  })

  it('a definition has 10,000 lines at most', () => {
    expect(read(`$A=x \\\n${'y \\\n'.repeat(10_001)}\n`).errors).toEqual(['definition-too-long 10001:1'])
  })
})
