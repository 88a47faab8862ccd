// Reading the list: what is asked of the file, when, and what becomes of it. The file is the test's own.

import { describe, expect, it } from 'vitest'
import type { ConnectionInfo, IpvsError, KernelFile, KernelFileName } from '../../lib'
import { Ipvs } from '../../lib'
import { FakeKernel } from '../../lib/testing'
import { collect, expectFailure, rejection } from '../contract/harness'

const HEADER = 'Pro FromIP   FPrt ToIP     TPrt LocalIP  LPrt DestIP   DPrt State       Expires\n'
const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, '0')
/** A FULLNAT connection of client port `port`. */
const line = (port: number, state = 'ESTABLISHED', local = 0x0a000064) =>
  `TCP C6336407 ${hex(port, 4)} C0000201 0050 ${hex(local, 8)} ${hex(port, 4)} 0A090005 1F90 ${state.padEnd(11)}      88\n`
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => line(from + i)).join('')

interface Script {
  /** One for each read; the end of the file comes behind them. An error is what that read rejects with. */
  readonly pieces: readonly (string | Error)[]
  /** Reads that are answered only when the test says so. */
  readonly manual?: boolean
}

/** Counts what happens to it. */
class ScriptedFile implements KernelFile {
  reads = 0
  closed = 0
  private busy = false
  private readonly held: (() => void)[] = []

  constructor(private readonly script: Script) {}

  async read(into: Uint8Array): Promise<number> {
    if (this.busy) throw new Error('two reads at a time')
    if (this.closed > 0) throw new Error('read after close')
    this.busy = true
    const piece = this.script.pieces[this.reads++] ?? ''
    if (this.script.manual) await new Promise<void>((resolve) => this.held.push(resolve))
    this.busy = false
    if (typeof piece !== 'string') throw piece
    into.set(Buffer.from(piece, 'latin1'))
    return piece.length
  }

  /** Lets the read that waits go on. */
  answer(): void {
    const next = this.held.shift()
    if (!next) throw new Error('no read waits')
    next()
  }

  close(): void {
    this.closed++
  }
}

async function clientOf(
  open: ScriptedFile | ((name: KernelFileName) => Promise<KernelFile>),
  options: { timeout?: number; dialect?: 'fullnat-v2' | 'mainline' } = {},
) {
  const { dialect = 'fullnat-v2', ...rest } = options
  const inner = new FakeKernel({ dialect }).transport()
  const files = {
    ...inner.files,
    open: (name: KernelFileName) => {
      if (!name.startsWith('ip_vs_conn')) return inner.files.open(name)
      return typeof open === 'function' ? open(name) : Promise.resolve(open)
    },
  }
  return Ipvs.open({ transport: { ...inner, files }, timeout: 60_000, ...rest })
}

const ports = (list: readonly ConnectionInfo[]) => list.map(({ client }) => client.port)
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
/** Whatever can happen now has happened. */
const settle = async () => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('reading', () => {
  it('goes on to the end, and closes the file once', async () => {
    const file = new ScriptedFile({ pieces: [HEADER + lines(1, 20), lines(20, 40), lines(40, 41)] })
    const ipvs = await clientOf(file)
    expect(ports(await ipvs.connections.list())).toEqual(range(1, 41))
    expect(file.closed).toBe(1)
    expect(file.reads).toBe(4)
  })

  it('opens nothing before the first next()', async () => {
    let opened = 0
    const ipvs = await clientOf(async () => {
      opened++
      return new ScriptedFile({ pieces: [HEADER] })
    })
    const iterator = ipvs.connections.iterate()
    await settle()
    expect(opened).toBe(0)
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
    expect(opened).toBe(1)
  })

  it('origin: the other file', async () => {
    const names: string[] = []
    const header = HEADER.replace('Expires', 'Origin Expires')
    const row = line(7).replace(/ {6}88\n/, ' SYNC        88\n')
    const ipvs = await clientOf(async (name) => {
      names.push(name)
      return new ScriptedFile({ pieces: [name === 'ip_vs_conn_sync' ? header + row : HEADER] })
    })
    expect(await ipvs.connections.list({ origin: true })).toMatchObject([{ origin: 'sync', expires: 88 }])
    expect(await ipvs.connections.list({ origin: false })).toEqual([])
    expect(names).toEqual(['ip_vs_conn_sync', 'ip_vs_conn'])
  })

  it('reads one piece ahead of a slow consumer, and no more', async () => {
    const pieces = [HEADER + lines(1, 11), ...range(1, 50).map((i) => lines(i * 100, i * 100 + 10))]
    const file = new ScriptedFile({ pieces })
    const ipvs = await clientOf(file)
    const iterator = ipvs.connections.iterate()
    await iterator.next()
    await settle()
    // That of the row, and the one behind it.
    expect(file.reads).toBe(2)
    for (let i = 1; i < 10; i++) await iterator.next()
    await settle()
    expect(file.reads).toBe(2)
    await iterator.next()
    await settle()
    expect(file.reads).toBe(3)
    await iterator.return?.()
    expect(file.closed).toBe(1)
  })

  it('the next piece is being read while the last is looked at', async () => {
    const file = new ScriptedFile({ pieces: [HEADER + lines(1, 11), lines(20, 30)], manual: true })
    const ipvs = await clientOf(file)
    const iterator = ipvs.connections.iterate()
    const first = iterator.next()
    await settle()
    file.answer()
    await first
    expect(file.reads).toBe(2)
    file.answer()
    const rest = collect(iterator)
    await settle()
    file.answer()
    expect(ports(await rest)).toEqual([...range(2, 11), ...range(20, 30)])
  })

  it('next() before the last was answered: in order', async () => {
    const file = new ScriptedFile({ pieces: [HEADER + lines(1, 3), lines(3, 5)] })
    const ipvs = await clientOf(file)
    const iterator = ipvs.connections.iterate()
    const results = await Promise.all(range(0, 6).map(() => iterator.next()))
    expect(results.map(({ value, done }) => (done ? 'done' : value?.client.port))).toEqual([
      1,
      2,
      3,
      4,
      'done',
      'done',
    ])
  })

  it('a list of pieces that are there at once does not hold the event loop', async () => {
    const pieces = [HEADER, ...range(0, 2000).map((i) => lines(1 + (i % 600) * 50, 51 + (i % 600) * 50))]
    const ipvs = await clientOf(new ScriptedFile({ pieces }))
    let turns = 0
    let counting = true
    const count = () => {
      turns++
      if (counting) setImmediate(count)
    }
    setImmediate(count)
    await ipvs.connections.count()
    counting = false
    // 100,000 rows: without a pause there would be none at all.
    expect(turns).toBeGreaterThan(3)
  })
})

describe('limit', () => {
  it('stops at once: the rest is not read, and not looked at', async () => {
    const file = new ScriptedFile({ pieces: [`${HEADER}${lines(1, 10)}this is no row\n`, lines(20, 30)] })
    const ipvs = await clientOf(file)
    expect(ports(await ipvs.connections.list({ limit: 9 }))).toEqual(range(1, 10))
    expect(file.reads).toBe(1)
    expect(file.closed).toBe(1)
  })

  it.each([1, 49, 50, 51, 99, 100, 101])('%i of a hundred', async (limit) => {
    const file = new ScriptedFile({ pieces: [HEADER + lines(1, 51), lines(51, 101)] })
    const ipvs = await clientOf(file)
    expect(await ipvs.connections.list({ limit })).toHaveLength(Math.min(limit, 100))
    expect(file.closed).toBe(1)
  })

  it('asks for a page at a time where few rows are wanted: what is read beyond them is work of the kernel for nothing', async () => {
    const sizes: number[] = []
    const pieces = [HEADER, ...range(0, 6).map((i) => lines(1 + i * 50, 51 + i * 50))]
    const file = new ScriptedFile({ pieces })
    const watched: KernelFile = {
      read(into) {
        sizes.push(into.length)
        return file.read(into)
      },
      close: () => file.close(),
    }
    const ipvs = await clientOf(async () => watched)
    expect(await ipvs.connections.list({ states: ['close'], limit: 2 })).toEqual([])
    expect(sizes).toEqual(range(0, 8).map(() => 4096))
    sizes.length = 0
    const all = new ScriptedFile({ pieces })
    watched.read = (into) => {
      sizes.push(into.length)
      return all.read(into)
    }
    await ipvs.connections.list()
    expect(sizes.slice(0, 5)).toEqual([4096, 8192, 16384, 32768, 65536])
  })

  it('counts what matches', async () => {
    const text = range(1, 41).map((port) => line(port, port % 2 ? 'CLOSE' : 'ESTABLISHED'))
    const ipvs = await clientOf(new ScriptedFile({ pieces: [HEADER + text.join('')] }))
    const list = await ipvs.connections.list({ states: ['close'], limit: 3 })
    expect(ports(list)).toEqual([1, 3, 5])
  })
})

describe('repeats', () => {
  it('what comes again is left out, also when state and timer have changed', async () => {
    const again = line(10, 'TIME_WAIT').replace('      88', '       3') + line(9)
    const pieces = [HEADER + lines(1, 11), again + lines(11, 20), line(19) + line(20)]
    for (const ask of ['list', 'count'] as const) {
      const ipvs = await clientOf(new ScriptedFile({ pieces }))
      if (ask === 'count') expect(await ipvs.connections.count()).toBe(20)
      else expect(ports(await ipvs.connections.list())).toEqual(range(1, 21))
    }
  })

  it('another connection of the same client is none', async () => {
    const other = line(1).replace('0A000064', '0A000065')
    const ipvs = await clientOf(new ScriptedFile({ pieces: [HEADER + line(1) + other] }))
    expect(await ipvs.connections.list()).toHaveLength(2)
  })

  it('templates of the same client differ by what the engine knows', async () => {
    const header = 'Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n'
    const template = (callId: string) =>
      `UDP C6336400 0000 C0000201 13C4 0A090005 13C4 NONE            300${callId}\n`
    const pieces = [header + ['', ' sip a', ' sip b', ' sip a', ' x a', ''].map(template).join('')]
    const ipvs = await clientOf(new ScriptedFile({ pieces }), { dialect: 'mainline' })
    const list = await ipvs.connections.list()
    expect(list.map(({ engine }) => engine && `${engine.name} ${engine.data}`)).toEqual([
      undefined,
      'sip a',
      'sip b',
      'x a',
    ])
  })

  it('so many rows back, and no further', async () => {
    const row = (i: number) =>
      `TCP ${hex(0x0b000000 + i, 8)} 0400 C0000201 0050 0A000064 0400 0A090005 1F90 ESTABLISHED      88\n`
    const many = range(0, 8192).map(row)
    const within = new ScriptedFile({ pieces: [HEADER, ...many, row(0), row(8191)] })
    expect(await (await clientOf(within)).connections.count()).toBe(8192)
    const beyond = new ScriptedFile({ pieces: [HEADER, ...many, row(8192), row(0), row(2)] })
    expect(await (await clientOf(beyond)).connections.count()).toBe(8194)
  })
})

describe('filters', () => {
  const six = (last: number) => `2001:0db8:0000:0000:0000:0000:0000:${hex(last, 4).toLowerCase()}`
  const text = [
    'TCP C6336407 0FA0 C0000201 0050 0A000064 1389 0A090005 1F90 ESTABLISHED      88',
    'TCP C6336408 0FA0 C0000201 01BB 0A000065 1389 0A090006 1F90 SYN_RECV          3',
    'UDP C6336407 0FA0 C0000201 0050 C6336407 0FA0 0A090005 1F90 UDP             300',
    'TCP C6336407 0FA1 C0000202 0050 0A000064 138A 0A090005 1F91 TIME_WAIT         2',
    'TCP C6336400 0000 C0000201 0050 C6336400 0000 0A090005 1F90 NONE            100',
    'IP  C6336400 0000 00000007 0000 C6336400 0000 0A090005 0000 NONE            100',
    `TCP ${six(7)} 0FA0 ${six(1)} 0050 fd00:0000:0000:0000:0000:0000:0000:0064 1389 ${six(0x99)} 1F90 ESTABLISHED      88`,
    `IP  ${six(0)} 0000 0000:0007:0000:0000:0000:0000:0000:0000 0000 ${six(0)} 0000 2001:0db8:0000:0000:0000:0000:0000:0000 0000 NONE            100`,
  ]
  const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const

  const cases: [string, object, number[]][] = [
    ['none', {}, [0, 1, 2, 3, 4, 5, 6, 7]],
    ['a service', { service: WEB }, [0, 4]],
    ['a service with configuration, as it is listed', { service: { ...WEB, scheduler: 'rr' } }, [0, 4]],
    ['every port of an address', { service: { ...WEB, port: 0 } }, [0, 1, 4]],
    ['a UDP service', { service: { ...WEB, protocol: 'udp' } }, [2]],
    ['an IPv6 service', { service: { ...WEB, address: '2001:db8::1' } }, [6]],
    ['a fwmark service', { service: { fwmark: 7 } }, [5]],
    ['a fwmark service, IPv6', { service: { fwmark: 7, family: 'ipv6' } }, [7]],
    ['another mark', { service: { fwmark: 8 } }, []],
    ['a client', { client: '198.51.100.7' }, [0, 2, 3]],
    ['a client and its port', { client: { address: '198.51.100.7', port: 4001 } }, [3]],
    ['a network of a template', { client: { address: '198.51.100.0', port: 0 } }, [4, 5]],
    ['a client, IPv6, in another form', { client: '2001:DB8:0::7' }, [6]],
    ['0.0.0.0 is not ::', { client: '::' }, []],
    ['a destination', { destination: '10.9.0.5' }, [0, 2, 3, 4, 5]],
    ['a destination and its port', { destination: { address: '10.9.0.5', port: 8080 } }, [0, 2, 4]],
    ['a local address', { localAddress: '10.0.0.100' }, [0, 3]],
    ['the client is no local address', { localAddress: '198.51.100.7' }, []],
    ['a local address, IPv6', { localAddress: 'fd00::64' }, [6]],
    ['states', { states: ['established', 'time-wait'] }, [0, 3, 6]],
    ['a state that no kernel has', { states: ['lost'] }, []],
    ['templates', { templates: true }, [4, 5, 7]],
    ['no templates', { templates: false }, [0, 1, 2, 3, 6]],
    ['several at once', { service: WEB, client: '198.51.100.7', states: ['established'] }, [0]],
  ]
  it.each(cases)('%s', async (_, filter, wanted) => {
    const pieces = [HEADER + text.map((row) => `${row}\n`).join('')]
    const open = () => clientOf(new ScriptedFile({ pieces }))
    const all = await (await open()).connections.list()
    expect(all).toHaveLength(text.length)
    expect(await (await open()).connections.list(filter)).toEqual(wanted.map((index) => all[index]))
    expect(await (await open()).connections.count(filter)).toBe(wanted.length)
  })

  it('counted apart', async () => {
    const pieces = [HEADER + text.map((row) => `${row}\n`).join('')]
    const count = async (by: 'state' | 'destination' | 'localAddress', filter = {}) => [
      ...(await (await clientOf(new ScriptedFile({ pieces }))).connections.count({ ...filter, by })),
    ]
    expect(await count('state')).toEqual([
      ['none', 3],
      ['established', 2],
      ['syn-recv', 1],
      ['udp', 1],
      ['time-wait', 1],
    ])
    expect(new Map(await count('destination', { templates: false }))).toEqual(
      new Map([
        ['10.9.0.5:8080', 2],
        ['10.9.0.6:8080', 1],
        ['10.9.0.5:8081', 1],
        ['[2001:db8::99]:8080', 1],
      ]),
    )
    expect(new Map(await count('localAddress'))).toEqual(
      new Map([
        ['10.0.0.100', 2],
        ['10.0.0.101', 1],
        ['fd00::64', 1],
      ]),
    )
  })

  it('0.0.0.0 is not ::, nor the other way round', async () => {
    const zero = 'TCP 00000000 0400 C0000201 0050 0A000064 0400 0A090005 1F90 ESTABLISHED      88\n'
    const open = () => clientOf(new ScriptedFile({ pieces: [HEADER + zero] }))
    expect(await (await open()).connections.count({ client: '0.0.0.0' })).toBe(1)
    expect(await (await open()).connections.count({ client: '::' })).toBe(0)
  })

  it('counted apart: every port of a destination', async () => {
    const row = (port: number) =>
      `TCP C6336407 ${hex(port, 4)} C0000201 0050 0A000064 1389 0A090005 ${hex(port, 4)} ESTABLISHED      88\n`
    const pieces = [
      HEADER,
      ...range(0, 60).map((page) =>
        range(page * 50, page * 50 + 50)
          .map(row)
          .join(''),
      ),
    ]
    const ipvs = await clientOf(new ScriptedFile({ pieces }))
    const counts = await ipvs.connections.count({ by: 'destination' })
    expect(counts).toEqual(new Map(range(0, 3000).map((port) => [`10.9.0.5:${port}`, 1])))
  })

  it('counted apart: a thousand destinations', async () => {
    const row = (i: number) =>
      `TCP C6336407 ${hex(i % 60000, 4)} C0000201 0050 ${hex(i, 8)} 1389 ${hex(0x0a000000 + (i % 1000), 8)} 1F90 ESTABLISHED      88\n`
    const pieces = [
      HEADER,
      ...range(0, 60).map((page) =>
        range(page * 50, page * 50 + 50)
          .map(row)
          .join(''),
      ),
    ]
    const open = () => clientOf(new ScriptedFile({ pieces }))
    const counts = await (await open()).connections.count({ by: 'destination' })
    expect(counts.size).toBe(1000)
    expect([...counts.values()].every((count) => count === 3)).toBe(true)
    expect(counts.get('10.0.3.231:8080')).toBe(3)
    expect((await (await open()).connections.count({ by: 'localAddress' })).size).toBe(3000)
  })
})

describe('what goes wrong', () => {
  const FILE = '/proc/net/ip_vs_conn'

  it('a line that is none: the rows before it, then the error', async () => {
    const file = new ScriptedFile({
      pieces: [HEADER + lines(1, 4), `${line(4)}TCP garbled\n${line(5)}`, lines(6, 9)],
    })
    const ipvs = await clientOf(file)
    const iterator = ipvs.connections.iterate()
    const seen: number[] = []
    const error = await rejection(
      (async () => {
        for await (const { client } of iterator) seen.push(client.port)
      })(),
    )
    expect(seen).toEqual([1, 2, 3, 4])
    expect(error).toMatchObject({
      code: 'ERR_IPVS_MALFORMED_FILE',
      operation: 'connections.iterate',
      file: FILE,
      line: 6,
      text: 'TCP garbled',
    })
    expect(file.closed).toBe(1)
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  it.each(['list', 'count'] as const)('%s rejects with it', async (method) => {
    const file = new ScriptedFile({ pieces: [`${HEADER}${lines(1, 4)}TCP`] })
    const ipvs = await clientOf(file)
    const wanted = {
      code: 'ERR_IPVS_MALFORMED_FILE',
      operation: `connections.${method}`,
      says: `${FILE}: the file ends within a line`,
    }
    const error = await expectFailure(ipvs.connections[method](), wanted)
    expect(error).toMatchObject({ line: 5, text: 'TCP' })
    expect(file.closed).toBe(1)
  })

  it('a read that fails in the middle', async () => {
    const broken = Object.assign(new Error('EIO: i/o error, read'), {
      code: 'EIO',
      errno: -5,
      syscall: 'read',
    })
    const file = new ScriptedFile({ pieces: [HEADER + lines(1, 3), broken] })
    const ipvs = await clientOf(file)
    const iterator = ipvs.connections.iterate()
    expect((await iterator.next()).value?.client.port).toBe(1)
    expect((await iterator.next()).value?.client.port).toBe(2)
    expect(await rejection(iterator.next())).toMatchObject({
      name: 'IpvsError',
      code: 'EIO',
      errno: -5,
      syscall: 'read',
      operation: 'connections.iterate',
      file: FILE,
      cause: broken,
    })
    expect(file.closed).toBe(1)
  })

  it('a file that cannot be opened', async () => {
    const missing = Object.assign(new Error('ENOENT'), { code: 'ENOENT', errno: -2, syscall: 'open' })
    const ipvs = await clientOf(() => Promise.reject(missing))
    const error = await rejection(ipvs.connections.count())
    expect(error).toMatchObject({ code: 'ERR_IPVS_UNSUPPORTED', operation: 'connections.count', file: FILE })
    expect(error.stack).toContain('connections.test.ts')
  })

  it('a transport that throws', async () => {
    const file = new ScriptedFile({ pieces: [] })
    file.read = () => {
      throw new Error('broken transport')
    }
    const ipvs = await clientOf(file)
    expect((await rejection(ipvs.connections.list())).message).toBe('broken transport')
    expect(file.closed).toBe(1)
  })

  it('the stack names the caller', async () => {
    const ipvs = await clientOf(new ScriptedFile({ pieces: ['no list\n'] }))
    const error = await rejection(collect(ipvs.connections.iterate()))
    expect(error.stack).toContain('ERR_IPVS_MALFORMED_FILE')
  })
})

describe('time and aborts', () => {
  it('timeout is for each read', async () => {
    const file = new ScriptedFile({ pieces: [HEADER + line(1)], manual: true })
    const ipvs = await clientOf(file)
    const list = ipvs.connections.list({ timeout: 20 })
    await expectFailure(list, { code: 'ERR_IPVS_TIMEOUT', operation: 'connections.list' })
    expect(file.closed).toBe(1)
    file.answer()
    await settle()
  })

  it('a file that takes too long to open is closed when it comes', async () => {
    const file = new ScriptedFile({ pieces: [HEADER] })
    let open: (file: KernelFile) => void = () => {}
    const ipvs = await clientOf(() => new Promise((resolve) => (open = resolve)))
    await expectFailure(ipvs.connections.count({ timeout: 20 }), {
      code: 'ERR_IPVS_TIMEOUT',
      operation: 'connections.count',
    })
    open(file)
    await settle()
    expect(file.closed).toBe(1)
    expect(file.reads).toBe(0)
  })

  it("the time that the consumer takes is not the kernel's", async () => {
    const file = new ScriptedFile({ pieces: [HEADER + line(1), line(2)] })
    const ipvs = await clientOf(file)
    const seen: number[] = []
    for await (const { client } of ipvs.connections.iterate({ timeout: 200 })) {
      seen.push(client.port)
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    expect(seen).toEqual([1, 2])
  })

  it.each(['list', 'count'] as const)('%s: an abort while a read runs', async (method) => {
    const file = new ScriptedFile({ pieces: [HEADER], manual: true })
    const ipvs = await clientOf(file)
    const controller = new AbortController()
    const call = ipvs.connections[method]({ signal: controller.signal })
    await settle()
    controller.abort(new Error('enough'))
    const error = await expectFailure(call, { code: 'ABORT_ERR', operation: `connections.${method}` })
    expect((error.cause as Error).message).toBe('enough')
    expect(file.closed).toBe(1)
    file.answer()
    await settle()
  })

  it('an abort ends an iteration at once, with what was read and not taken', async () => {
    const file = new ScriptedFile({ pieces: [HEADER + lines(1, 10), lines(10, 20)] })
    const ipvs = await clientOf(file)
    const controller = new AbortController()
    const iterator = ipvs.connections.iterate({ signal: controller.signal })
    await iterator.next()
    controller.abort()
    expect(file.closed).toBe(1)
    const error = await rejection<IpvsError>(iterator.next())
    expect(error).toMatchObject({ name: 'AbortError', operation: 'connections.iterate' })
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  it('closing the client ends what is being read', async () => {
    const file = new ScriptedFile({ pieces: [HEADER + lines(1, 3), lines(3, 5), lines(5, 7)] })
    const ipvs = await clientOf(file)
    const iterator = ipvs.connections.iterate()
    await iterator.next()
    await ipvs.close()
    const error = await rejection(collect(iterator))
    expect(error).toMatchObject({ code: 'ERR_IPVS_CLOSED', operation: 'connections.iterate' })
    expect(file.closed).toBe(1)
  })

  it('return() while a read runs: the file is closed, whoever waits hears that it is over', async () => {
    const file = new ScriptedFile({ pieces: [HEADER + lines(1, 3)], manual: true })
    const ipvs = await clientOf(file)
    const iterator = ipvs.connections.iterate()
    const waiting = iterator.next()
    await settle()
    expect(await iterator.return?.()).toEqual({ done: true, value: undefined })
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(file.closed).toBe(1)
    file.answer()
    await settle()
    expect(file.closed).toBe(1)
  })

  it('return() while the file is being opened: it is closed when it comes', async () => {
    const file = new ScriptedFile({ pieces: [HEADER + lines(1, 3)] })
    let open: (file: KernelFile) => void = () => {}
    const ipvs = await clientOf(() => new Promise((resolve) => (open = resolve)))
    const iterator = ipvs.connections.iterate()
    const waiting = iterator.next()
    await settle()
    await iterator.return?.()
    open(file)
    expect(await waiting).toEqual({ done: true, value: undefined })
    await settle()
    expect(file.closed).toBe(1)
    expect(file.reads).toBe(0)
  })

  it('a loop that is left closes the file', async () => {
    const file = new ScriptedFile({ pieces: [HEADER + lines(1, 10), lines(10, 20)] })
    const ipvs = await clientOf(file)
    for await (const _ of ipvs.connections.iterate()) break
    expect(file.closed).toBe(1)
  })

  it('a file that opens just as the call is aborted is closed', async () => {
    const kernel = new FakeKernel({ dialect: 'fullnat-v2' })
    const transport = kernel.transport()
    let open = 0
    const files = new Proxy(transport.files, {
      get: (target, name) =>
        name !== 'open'
          ? Reflect.get(target, name)
          : async (file: KernelFileName) => {
              if (file !== 'ip_vs_conn') return target.open(file)
              open++
              let closed = false
              const close = () => {
                if (!closed) open--
                closed = true
              }
              return { read: () => new Promise(() => {}), close }
            },
    })
    const watched = new Proxy(transport, {
      get(target, name) {
        const value = name === 'files' ? files : Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const ipvs = await Ipvs.open({ transport: watched })
    for (let ticks = 0; ticks < 12; ticks++) {
      const controller = new AbortController()
      const call = ipvs.connections.list({ signal: controller.signal })
      for (let i = 0; i < ticks; i++) await undefined
      controller.abort()
      await expect(call).rejects.toMatchObject({ code: 'ABORT_ERR' })
    }
    await new Promise((resolve) => setImmediate(resolve))
    expect(open).toBe(0)
    await ipvs.close()
  })

  it('a signal has no listener left when the reading is over', async () => {
    const ipvs = await clientOf(new ScriptedFile({ pieces: [HEADER + lines(1, 3)] }))
    const controller = new AbortController()
    let listeners = 0
    const { signal } = controller
    const watched = new Proxy(signal, {
      get: (target, name) => {
        if (name === 'addEventListener') return () => listeners++
        if (name === 'removeEventListener') return () => listeners--
        return Reflect.get(target, name)
      },
    })
    await ipvs.connections.list({ signal: watched })
    expect(listeners).toBe(0)
  })
})
