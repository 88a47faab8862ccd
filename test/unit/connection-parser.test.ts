import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ConnectionInfo, IpvsError } from '../../lib'
import { formatPacked } from '../../lib/model/address'
import { ConnectionObjects } from '../../lib/procfs/connection-row'
import { ConnectionParser } from '../../lib/procfs/connections'
import { anyLine, LAYOUTS, type Layout, print, read } from './support/connection-lines'

const FILE = '/proc/net/ip_vs_conn'

interface Parsed {
  readonly rows: ConnectionInfo[]
  readonly error: IpvsError | undefined
}

/** `cuts`: where the bytes are divided. One buffer serves for all pieces, as it does when a file is read. */
function parse(bytes: Uint8Array, cuts: readonly number[] = []): Parsed {
  const parser = new ConnectionParser(FILE, 'connections.list')
  const objects = new ConnectionObjects()
  const rows: ConnectionInfo[] = []
  const buffer = new Uint8Array(bytes.length)
  try {
    let from = 0
    for (const to of [...cuts, bytes.length]) {
      buffer.fill(0x39)
      buffer.set(bytes.subarray(from, to))
      parser.push(buffer.subarray(0, to - from), (row) => {
        rows.push(objects.of(row))
        return true
      })
      from = to
    }
    parser.end()
    return { rows, error: undefined }
  } catch (error) {
    return { rows, error: error as IpvsError }
  }
}

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'))

/** What must come of any text: the rows before the first line that is none, and the error about that line. */
function expected(text: string): { rows: ConnectionInfo[]; line: number | undefined } {
  const lines = text.split('\n')
  const last = lines.pop() as string
  const [header, ...others] = lines
  const layout = LAYOUTS.find((one) => one.header.replace(/ +/g, ' ') === header?.replace(/ +/g, ' '))
  if (!layout) return { rows: [], line: 1 }
  const rows: ConnectionInfo[] = []
  for (const [index, line] of others.entries()) {
    const row = read(line, layout)
    if (!row) return { rows, line: index + 2 }
    rows.push(row)
  }
  return { rows, line: last === '' ? undefined : others.length + 2 }
}

function check(text: string, cuts: readonly number[] = []): void {
  const { rows, error } = parse(bytesOf(text), cuts)
  const wanted = expected(text)
  expect(rows).toEqual(wanted.rows)
  expect(error?.line).toBe(wanted.line)
  if (error) {
    const line = text.split('\n')[(error.line as number) - 1] as string
    expect(error).toMatchObject({
      name: 'IpvsError',
      code: 'ERR_IPVS_MALFORMED_FILE',
      operation: 'connections.list',
      file: FILE,
      text: line.slice(0, 200),
    })
    expect(error.hint).toMatch(/\.$/)
  }
}

const folder = new URL('../golden/proc/', import.meta.url)
const golden = readdirSync(folder)
  .filter((name) => name.startsWith('ip_vs_conn'))
  .map((name) => ({ name, text: readFileSync(new URL(name, folder), 'latin1') }))

describe.each(golden)('what a kernel printed: $name', ({ text }) => {
  it('every line is a row', () => {
    const { rows, error } = parse(bytesOf(text))
    expect(error).toBeUndefined()
    expect(rows).toHaveLength(text.split('\n').length - 2)
    expect(rows.length).toBeGreaterThan(0)
    check(text)
  })

  it('every prefix gives the rows that are whole, and an error where it ends within a line', () => {
    for (let end = 0; end <= text.length; end++) check(text.slice(0, end))
  })

  it('wherever it is divided, the rows are the same', () => {
    for (let cut = 0; cut <= text.length; cut++) check(text, [cut])
    const everyByte = Array.from({ length: text.length }, (_, i) => i)
    check(text, everyByte)
  })

  it('with any byte changed it is an error, or what the changed text says', () => {
    const bytes = [0, 9, 10, 13, 32, 47, 48, 58, 64, 65, 71, 95, 97, 103, 127, 128, 255].map((byte) =>
      String.fromCharCode(byte),
    )
    for (let at = 0; at < Math.min(text.length, 600); at++) {
      for (const byte of bytes) check(text.slice(0, at) + byte + text.slice(at + 1))
    }
  })

  it('with any byte missing or twice, too', () => {
    for (let at = 0; at < text.length; at++) {
      check(text.slice(0, at) + text.slice(at + 1))
      check(text.slice(0, at) + text[at] + text.slice(at))
    }
  })
})

describe.each(LAYOUTS)('layout of $name', (layout: Layout) => {
  it('what was printed is read again, wherever the text was divided', () => {
    fc.assert(
      fc.property(
        fc.array(anyLine, { maxLength: 8 }),
        fc.array(fc.nat(2000), { maxLength: 5 }),
        (lines, cuts) => {
          const text = `${[layout.header, ...lines.map((line) => print(line, layout))].join('\n')}\n`
          const { rows, error } = parse(
            bytesOf(text),
            cuts.filter((cut) => cut <= text.length).sort((one, other) => one - other),
          )
          const wanted = lines.map((line) => read(print(line, layout), layout))
          // Lines of mixed families are none.
          if (!wanted.includes(undefined)) {
            expect(error).toBeUndefined()
            expect(rows).toEqual(wanted)
          }
          for (const [index, row] of rows.entries()) {
            const line = lines[index] as (typeof lines)[number]
            expect(row.client.port).toBe(line.client.port)
            expect(row.destination.port).toBe(line.destination.port)
            if (layout.engine) expect(row.engine).toEqual(line.engine)
          }
          check(text)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('a line that was changed is an error, or what it says now', () => {
    const change = fc.record({
      at: fc.nat(400),
      byte: fc.nat(255),
      kind: fc.constantFrom('set', 'insert', 'remove'),
    })
    fc.assert(
      fc.property(
        fc.array(anyLine, { minLength: 1, maxLength: 3 }),
        fc.array(change, { minLength: 1, maxLength: 3 }),
        (lines, changes) => {
          const printed = lines.map((line) => print(line, layout))
          let text = `${printed.join('\n')}\n`
          for (const { at, byte, kind } of changes) {
            const place = at % text.length
            const char = kind === 'remove' ? '' : String.fromCharCode(byte)
            text = text.slice(0, place) + char + text.slice(kind === 'insert' ? place : place + 1)
          }
          check(`${layout.header}\n${text}`)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('lines of another layout are errors', () => {
    fc.assert(
      fc.property(anyLine, fc.constantFrom(...LAYOUTS), (line, other) => {
        check(`${layout.header}\n${print(line, other)}\n`)
      }),
    )
  })
})

describe('lists of connections', () => {
  it('random bytes are an error, and quickly', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3000 }),
        fc.constantFrom('', ...LAYOUTS.map(({ header }) => `${header}\n`)),
        (noise, start) => {
          check(start + Buffer.from(noise).toString('latin1'))
        },
      ),
      { numRuns: 2000 },
    )
  })

  const v2 = LAYOUTS[0] as Layout
  const mainline = LAYOUTS[2] as Layout
  const one = (layout: Layout, line: string): ConnectionInfo => {
    const { rows, error } = parse(bytesOf(`${layout.header}\n${line}\n`))
    if (error) throw error
    expect(rows).toHaveLength(1)
    return rows[0] as ConnectionInfo
  }

  it('a FULLNAT connection: the four endpoints are where the header says', () => {
    expect(
      one(v2, 'TCP CB007105 C822 C0000201 0050 C0A86705 1393 C0A86762 1F90 ESTABLISHED      88'),
    ).toEqual({
      protocol: 'tcp',
      client: { address: '203.0.113.5', port: 51234 },
      virtual: { address: '192.0.2.1', port: 80 },
      fwmark: undefined,
      localAddress: { address: '192.168.103.5', port: 5011 },
      destination: { address: '192.168.103.98', port: 8080 },
      state: 'established',
      expires: 88,
      origin: undefined,
      engine: undefined,
      template: false,
    })
  })

  it.each([
    [
      'the client is repeated by other methods',
      'TCP CB007105 C822 C0000201 0050 CB007105 C822 C0A86762 1F90 ESTABLISHED      88',
      { localAddress: undefined, template: false },
    ],
    [
      'a template',
      'TCP CB007100 0000 C0000201 0050 CB007100 0000 C0A86762 1F90 NONE            300',
      { template: true, localAddress: undefined, state: 'none' },
    ],
    [
      'an invalidated template',
      'TCP CB007100 0000 C0000201 FFFF CB007100 0000 C0A86762 FFFF NONE            300',
      {
        template: true,
        virtual: { address: '192.0.2.1', port: 65535 },
        destination: { address: '192.168.103.98', port: 65535 },
      },
    ],
    [
      'a template of a fwmark service',
      'IP  CB007100 0000 00000007 0000 CB007100 0000 C0A86762 0000 NONE            300',
      { protocol: 'ip', fwmark: 7, virtual: undefined, template: true, localAddress: undefined },
    ],
    [
      'a template of UDP',
      'UDP CB007100 0000 C0000201 0035 CB007100 0000 C0A86762 0035 UDP             300',
      { template: true },
    ],
    [
      'passive FTP waits for its client',
      'TCP CB007105 0000 C0000201 0014 CB007105 0000 C0A86762 C350 LISTEN          120',
      { template: false, state: 'listen' },
    ],
    [
      'an overdue timer at HZ 1000',
      'TCP CB007105 C822 C0000201 0050 C0A86705 1393 C0A86762 1F90 CLOSE       18446744073709551',
      { expires: 0, state: 'close' },
    ],
    [
      'a protocol without a name',
      'IP_51 CB007105 01F4 C0000201 01F4 CB007105 01F4 C0A86762 01F4 ERR!            300',
      { protocol: 51, state: 'err!', template: false },
    ],
  ] as const)('%s', (_, line, wanted) => {
    expect(one(v2, line)).toMatchObject(wanted)
  })

  it('a destination of another family than the client (mainline)', () => {
    const six = '2001:0db8:0000:0000:0000:0000:0000:0007'
    expect(one(mainline, `TCP ${six} C822 ${six} 0050 0A000002 1F90 ESTABLISHED      88`)).toMatchObject({
      client: { address: '2001:db8::7', port: 51234 },
      destination: { address: '10.0.0.2', port: 8080 },
    })
  })

  it('what an engine knows is kept as it is', () => {
    const line = 'UDP CB007100 0000 C0000201 13C4 C0A86762 13C4 NONE            300 sip '
    for (const data of ['', ' ', 'a84b4c76e66710@pc33.example.org', 'TCP CB007105 C822  x', '\xe9\x7f\t']) {
      expect(one(mainline, line + data).engine).toEqual({ name: 'sip', data })
    }
    // Without the blank behind the name it is cut off.
    check(`${mainline.header}\n${line.trimEnd()}\n`)
  })

  it('the state of another TCP, with a longer word than the column', () => {
    const line = 'SCTP CB007105 C822 C0000201 0050 C0A86762 1F90 SHUTDOWN_ACK_SENT      88'
    expect(one(mainline, line)).toMatchObject({ protocol: 'sctp', state: 'shutdown-ack-sent' })
  })

  it('many different words are no burden', () => {
    const lines = Array.from(
      { length: 500 },
      (_, i) => `TCP CB007105 C822 C0000201 0050 C0A86762 1F90 ${`S${i}_X`.padEnd(11)}      88`,
    )
    const { rows, error } = parse(bytesOf(`${mainline.header}\n${lines.join('\n')}\n`))
    expect(error).toBeUndefined()
    expect(rows.map(({ state }) => state)).toEqual(lines.map((_, i) => `s${i}-x`))
  })

  it('addresses that differ in one word are not taken for each other', () => {
    const objects = new ConnectionObjects()
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 4000; i++) {
        for (let word = 0; word < 4; word++) {
          const [a, b, c, d] = [0, 1, 2, 3].map((at) => (at === word ? 0x10001 + i : 0x10000)) as [
            number,
            number,
            number,
            number,
          ]
          const words = new Int32Array([a, b, c, d, 0, 10])
          expect(objects.address(words, 0)).toBe(formatPacked({ family: 10, a, b, c, d }))
        }
        expect(objects.address(new Int32Array([i, 0, 0, 0, 0, 2]), 0)).toBe(
          formatPacked({ family: 2, a: i, b: 0, c: 0, d: 0 }),
        )
        expect(objects.address(new Int32Array([i, 0, 0, 0, 0, 10]), 0)).toBe(
          formatPacked({ family: 10, a: i, b: 0, c: 0, d: 0 }),
        )
      }
    }
  })

  it('an empty file is hidden', () => {
    const { error } = parse(new Uint8Array(0))
    expect(error).toMatchObject({ code: 'ERR_IPVS_MALFORMED_FILE', line: 1, text: '' })
    expect(error?.hint).toContain('/proc')
  })

  it('a line without an end is given up', () => {
    const parser = new ConnectionParser(FILE, 'connections.list')
    const piece = new Uint8Array(4096).fill(0x41)
    const fill = () => {
      for (let i = 0; i < 3; i++) parser.push(piece, () => true)
    }
    expect(fill).toThrow('ERR_IPVS_MALFORMED_FILE')
  })

  it('nothing more is read when no more is wanted', () => {
    const line = 'TCP CB007105 C822 C0000201 0050 C0A86762 1F90 ESTABLISHED      88'
    const parser = new ConnectionParser(FILE, 'connections.list')
    let seen = 0
    parser.push(bytesOf(`${mainline.header}\n${line}\n${line}\nthis is no row\n`), () => ++seen < 2)
    expect(seen).toBe(2)
  })
})
