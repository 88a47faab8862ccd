// `ipvs-fullnat top`, in this process; as a program it runs in test/package and on the real kernels.

import { EventEmitter } from 'node:events'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Ipvs, type WatchEvent, type WatchState } from '../../../lib'
import { command, readOptions } from '../../../lib/cli/commands/top'
import { GLOBAL_OPTIONS } from '../../../lib/cli/globals'
import type { CliIo } from '../../../lib/cli/io'
import { GivenOptions, scanArguments } from '../../../lib/cli/options'
import type { Line } from '../../../lib/cli/top/lines'
import { type CountedStates, SORTS, type SortName } from '../../../lib/cli/top/reading'
import { runTop, type TopOptions } from '../../../lib/cli/top/run-top'
import { openSimulation, SIMULATED_BANNER } from '../../../lib/cli/top/simulation'
import { short, whole } from '../../../lib/cli/top/text'
import { View } from '../../../lib/cli/top/view'
import { FakeKernel } from '../../../lib/testing'
import { until } from '../../vm/net/until'
import { Screen } from './screen'

const clients: Ipvs[] = []
afterEach(async () => {
  for (const one of clients.splice(0)) await one.close()
})

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const NONE = { counts: new Map<string, number>() }

async function open(dialect: 'mainline' | 'fullnat-v2' | 'fullnat-v3' = 'fullnat-v2') {
  const kernel = new FakeKernel({ dialect, localPorts: { min: 5000, max: 5001 } })
  const ipvs = await Ipvs.open({ transport: kernel.transport(), timeout: 60_000 })
  clients.push(ipvs)
  return { kernel, ipvs }
}

/** A service with two destinations and, where there are any, a local address. */
async function fill(ipvs: Ipvs) {
  const forwarding = ipvs.capabilities.fullnat ? 'fullnat' : 'masquerade'
  await ipvs.services.add({ ...WEB, scheduler: 'rr' })
  if (ipvs.capabilities.localAddresses) await ipvs.localAddresses.set(WEB, ['10.1.0.1'])
  for (const address of ['10.9.0.5', '10.9.0.10'])
    await ipvs.destinations.add(WEB, { address, port: 8080, forwarding })
}

const failure = (message: string): WatchEvent => ({
  error: Object.assign(new Error(message), { hint: 'look there' }),
  at: 0,
  failures: 3,
  retryIn: 4000,
})

/** One state after the other, as if so many seconds had gone by between them. */
class Polls {
  private readonly events
  constructor(
    ipvs: Ipvs,
    readonly view: View,
  ) {
    this.events = ipvs.watch({ interval: 1, jitter: 0, stopOnError: true })
  }

  async take(states: CountedStates = NONE): Promise<string[]> {
    const { value } = await this.events.next()
    this.view.take(value as WatchState, states)
    return this.view.block()
  }
}

const rowOf = (block: readonly string[], name: string): string[] => {
  const line = block.find((one) => one.startsWith(`${name} `))
  return line?.slice(name.length).trim().split(/\s+/) ?? []
}

describe('numbers', () => {
  it.each([
    [0, '0'],
    [0.01, '<0.1'],
    [0.05, '0.1'],
    [9.94, '9.9'],
    [9.96, '10'],
    [999, '999'],
    [999.5, '1.0k'],
    [12_345, '12k'],
    [1_234_567, '1.2M'],
    [2e21, '2000E'],
  ])('%d is %s', (value, text) => expect(short(value)).toBe(text))

  it('never takes more than five characters below 10^21', () => {
    fc.assert(fc.property(fc.double({ min: 0, max: 9e20, noNaN: true }), (value) => short(value).length <= 5))
  })

  it('counts are exact up to a million', () => {
    expect([whole(0), whole(999_999n), whole(1_000_000), whole(2n ** 64n - 1n)]).toEqual([
      '0',
      '999999',
      '1.0M',
      '18E',
    ])
  })
})

describe('a block', () => {
  it('has rates by the counters, and - where none is known', async () => {
    const { kernel, ipvs } = await open()
    await fill(ipvs)
    const world = { now: 0 }
    const polls = new Polls(ipvs, new View(ipvs, { world, banner: SIMULATED_BANNER }))
    const first = await polls.take()
    expect(first.slice(0, 5)).toEqual([
      'simulated 00:00:00  fullnat-v2  1 service, 2 destinations',
      'FakeKernel, NOT A REAL KERNEL: simulated traffic, 2 s of it between two polls',
      'Total     rates come with the second poll',
      'States    no connections',
      'Local     1 address, 0 connections, 0 port conflicts',
    ])
    expect(rowOf(first, 'tcp 192.0.2.1:80').slice(0, 5)).toEqual(['-', '-', '-', '-', '-'])
    const connection = kernel.connect({ client: '198.51.100.7:1', service: WEB })
    connection.traffic({ inPackets: 30, inBytes: 3000, outPackets: 10, outBytes: 50_000 })
    world.now = 10
    const second = await polls.take({
      counts: new Map([
        ['close', 3],
        ['established', 12],
        ['fin-wait', 3],
      ]),
    })
    expect(second[2]).toBe('Total     0.1 conns/s   in 300 B/s 3.0 p/s   out 5.0k B/s 1.0 p/s   over 10.00 s')
    expect(second[3]).toBe('States    established 12, close 3, fin-wait 3')
    expect(second[4]).toBe('Local     1 address, 1 connection, 0 port conflicts (0/s)')
    expect(rowOf(second, 'tcp 192.0.2.1:80')).toEqual([
      '0.1',
      '300',
      '5.0k',
      '3.0',
      '1.0',
      '1',
      '0',
      '1',
      'rr',
    ])
    // The one that got it is before the other, which would be first by name.
    const names = second.filter((line) => line.startsWith('  -> ')).map((line) => line.trim().split(' ')[1])
    const { address } = connection.destination
    expect(names[0]).toBe(`${address}:8080`)
    expect(rowOf(second, `  -> ${address}:8080`)).toEqual([
      '0.1',
      '300',
      '5.0k',
      '3.0',
      '1.0',
      '1',
      '0',
      '1',
      '1',
      'fullnat',
    ])
    expect(second).toContain('  via 10.1.0.1   1 connection, 0 port conflicts, 0/s')
  })

  it('tells of changes, resets and what is new', async () => {
    const { kernel, ipvs } = await open()
    await fill(ipvs)
    for (let i = 1; i < 5; i++) kernel.connect({ client: `198.51.100.7:${i}`, service: WEB })
    const polls = new Polls(ipvs, new View(ipvs))
    await polls.take()
    await ipvs.destinations.update(WEB, { address: '10.9.0.5', port: 8080 }, { weight: 7 })
    await ipvs.localAddresses.add(WEB, '10.1.0.2')
    await ipvs.services.add({ fwmark: 7, persistence: { timeout: 60 } })
    await ipvs.zero(WEB)
    const block = await polls.take()
    expect(block).toContain('changed destination tcp 192.0.2.1:80 -> 10.9.0.5:8080: weight 1 -> 7')
    expect(block).toContain('appeared local-address tcp 192.0.2.1:80 via 10.1.0.2')
    expect(block).toContain('appeared service fwmark 7')
    expect(block[1]).toContain('counters were reset')
    expect(rowOf(block, 'tcp 192.0.2.1:80').slice(0, 2)).toEqual(['reset', '-'])
    expect(rowOf(block, 'fwmark 7')[0]).toBe('-')
    await ipvs.services.update({ fwmark: 7 }, { persistence: { timeout: 90 } })
    expect((await polls.take()).join('\n')).toMatch(
      /changed service fwmark 7: persistence \{"timeout":60.*\} -> \{"timeout":90/,
    )
    await ipvs.flush()
    const last = await polls.take()
    expect(last).toContain('vanished destination tcp 192.0.2.1:80 -> 10.9.0.10:8080')
    expect(last[0]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ {2}fullnat-v2 {2}0 services, 0 destinations$/)
    for (let i = 1; i <= 30; i++) await ipvs.services.add({ fwmark: i })
    expect((await polls.take()).at(-1)).toBe('and 10 more changes')
  })

  it('stands still in a pause, and then shows the latest', async () => {
    const { ipvs } = await open('mainline')
    const view = new View(ipvs)
    const polls = new Polls(ipvs, view)
    const before = await polls.take()
    view.pause(true)
    await ipvs.services.add({ fwmark: 7 })
    expect((await polls.take())[0]).toBe(before[0])
    view.pause(false)
    expect(view.block()[0]).toContain('1 service')
  })

  it('port conflicts have a rate of their own', async () => {
    const { kernel, ipvs } = await open()
    await fill(ipvs)
    const world = { now: 0 }
    const polls = new Polls(ipvs, new View(ipvs, { world, banner: SIMULATED_BANNER }))
    await polls.take()
    // Two ports and two destinations: what comes after the fourth finds all taken.
    for (let i = 1; i < 10; i++) kernel.attempt({ client: `198.51.100.7:${i}`, service: WEB })
    const [{ portConflicts }] = await ipvs.localAddresses.list(WEB)
    expect(portConflicts).toBeGreaterThan(0n)
    world.now = 10
    const block = await polls.take()
    const rate = short(Number(portConflicts) / 10)
    expect(block[4]).toBe(`Local     1 address, 4 connections, ${portConflicts} port conflicts (${rate}/s)`)
    expect(block).toContain(`  via 10.1.0.1   4 connections, ${portConflicts} port conflicts, ${rate}/s`)
    await ipvs.localAddresses.remove(WEB, '10.1.0.1')
    await ipvs.localAddresses.add(WEB, '10.1.0.1')
    world.now = 20
    expect((await polls.take())[4]).toBe('Local     1 address, 0 connections, 0 port conflicts (0/s)')
  })

  it('a poll that failed is told, and the next one is whole again', async () => {
    const { ipvs } = await open('mainline')
    await fill(ipvs)
    const view = new View(ipvs)
    const polls = new Polls(ipvs, view)
    await polls.take()
    view.take(failure('EPERM: \u001b[2Jnot\nfor you 値'), NONE)
    expect(view.block()).toEqual([
      '1970-01-01 00:00:00Z  mainline',
      'poll failed (3 in a row), again in 4.0 s: EPERM:  [2Jnot for you ?',
      'look there',
    ])
    // The table stays on the screen.
    const lines: Line[] = view.screen({ columns: 80, rows: 24 })
    expect(lines.filter(({ style }) => style === 'error')).toHaveLength(2)
    expect(lines.some(({ text }) => text.startsWith('tcp 192.0.2.1:80'))).toBe(true)
    expect((await polls.take())[1]).toMatch(/^Total {5}0 conns\/s/)
  })

  it.each(Object.keys(SORTS) as SortName[])('is sorted by %s', async (sort) => {
    const { kernel, ipvs } = await open('mainline')
    const traffic = { 1: [9, 1, 5], 2: [1, 9, 1], 10: [5, 5, 9] } as const
    for (const i of Object.keys(traffic)) {
      const service = { fwmark: Number(i) }
      await ipvs.services.add(service)
      await ipvs.destinations.add(service, { address: '10.9.0.5', port: 80, forwarding: 'masquerade' })
    }
    const polls = new Polls(ipvs, new View(ipvs, { sort }))
    await polls.take()
    let port = 1
    for (const [i, [conns, bytes, out]] of Object.entries(traffic)) {
      const service = { fwmark: Number(i) }
      const to = { address: '192.0.2.1', port: 80 }
      const list = Array.from({ length: conns }, () =>
        kernel.connect({ client: `198.51.100.7:${port++}`, service, to }),
      )
      list[0]?.traffic({ inBytes: bytes * 1000, inPackets: 1, outBytes: out * 1000, outPackets: 1 })
      // Of the nine of the first, one stays active.
      if (i === '1') for (const one of list.slice(1)) one.close()
    }
    kernel.advance(2)
    const block = await polls.take()
    const order = block.filter((line) => line.startsWith('fwmark')).map((line) => line.split(/\s+/)[1])
    const expected = { conns: '1 10 2', in: '2 10 1', out: '10 1 2', active: '10 1 2', name: '1 2 10' }
    expect(order.join(' ')).toBe(expected[sort as keyof typeof expected])
  })
})

describe('a screen', () => {
  it('fits, whatever its size and what is done to it', async () => {
    const world = await openSimulation('fullnat-v2')
    clients.push(world.ipvs)
    const views = new Map<number, View>()
    for (const seen of [0, 1, 2]) {
      const view = new View(world.ipvs, { world, banner: SIMULATED_BANNER })
      const polls = new Polls(world.ipvs, view)
      for (let i = 0; i < seen; i++) {
        await polls.take({ counts: new Map([['established', 1]]) })
        await world.step()
      }
      views.set(seen, view)
    }
    const size = fc.record({
      columns: fc.integer({ min: 1, max: 200 }),
      rows: fc.integer({ min: 1, max: 60 }),
    })
    const how = fc.record({
      seen: fc.constantFrom(0, 1, 2),
      offset: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.constant(1e9)),
      sort: fc.constantFrom(...Object.keys(SORTS)),
      expanded: fc.boolean(),
      help: fc.boolean(),
      failed: fc.boolean(),
    })
    fc.assert(
      fc.property(size, how, ({ columns, rows }, { seen, failed, ...looks }) => {
        const view = views.get(seen) as View
        Object.assign(view, looks)
        if (failed) view.take(failure('x'.repeat(300)), NONE)
        const lines: Line[] = view.screen({ columns, rows })
        expect(lines).toHaveLength(rows)
        for (const { text } of lines) expect(text.length).toBeLessThanOrEqual(columns)
      }),
    )
  })

  it('every row is on one of the pages, in the order of the block', async () => {
    const world = await openSimulation('fullnat-v3')
    clients.push(world.ipvs)
    const view = new View(world.ipvs, { world, banner: SIMULATED_BANNER })
    await new Polls(world.ipvs, view).take()
    const isRow = (text: string) => /^(tcp|udp| {2}->| {2}via) /.test(text)
    const nameOf = (text: string) => text.trim().split(/ (?= )/)[0]
    const wanted = view.block().filter(isRow).map(nameOf)
    expect(wanted.length).toBe(4 + 7 + 7)
    const seen: string[] = []
    for (let i = 0; i < 30 && seen.length < wanted.length; i++) {
      view.offset = seen.length
      const lines: Line[] = view.screen({ columns: 100, rows: 14 })
      const rows = lines.map(({ text }) => text).filter(isRow)
      const last = view.offset + rows.length
      expect(lines.at(-1)?.text).toContain(`${view.offset + 1}-${last} of ${wanted.length}  `)
      // The last page is full, and begins before.
      seen.push(...rows.slice(seen.length - view.offset).map(nameOf))
    }
    expect(seen).toEqual(wanted)
  })

  it('columns go before names are cut', async () => {
    const world = await openSimulation('mainline')
    clients.push(world.ipvs)
    const view = new View(world.ipvs, { world, banner: SIMULATED_BANNER })
    await new Polls(world.ipvs, view).take()
    for (let columns = 26; columns < 130; columns++) {
      const lines: Line[] = view.screen({ columns, rows: 40 })
      expect(lines.some(({ text }) => text.startsWith('  -> [2001:db8:9::5]:8080'))).toBe(true)
    }
    const titles = (columns: number) =>
      view
        .screen({ columns, rows: 40 })
        [5 - 1].text.trim()
        .split(/ {2,}|(?<=s) /)
    expect(titles(50)).toEqual(['Service / destination', 'CONNS/S', 'In B/s', 'Out B/s'])
    expect(titles(140).at(-1)).toBe('Scheduler/method')
  })
})

/** What is written to it, on a screen. */
class FakeTerminal extends EventEmitter {
  readonly isTTY = true
  readonly screen = new Screen(80, 24)
  columns = 80
  rows = 24
  raw: boolean[] = []
  setRawMode(raw: boolean) {
    this.raw.push(raw)
  }
  write(text: string) {
    this.screen.write(text)
    return true
  }
  resume() {}
  pause() {}
  type(...keys: string[]) {
    for (const key of keys) this.emit('data', Buffer.from(key))
  }
  resize(columns: number, rows: number) {
    Object.assign(this, { columns, rows })
    this.screen.resize(columns, rows)
    this.emit('resize')
  }
}

const LIVE = {
  interval: 5,
  sort: 'conns',
  states: 10_000,
  plain: false,
  color: true,
  signals: process,
} as const

describe('on a terminal', () => {
  const listeners = () =>
    ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGCONT', 'exit'].map((name) => process.listenerCount(name))

  function start(ipvs: Ipvs, options: object = {}) {
    const terminal = new FakeTerminal()
    const before = listeners()
    const seen = { input: terminal, output: terminal } as unknown as Pick<TopOptions, 'input' | 'output'>
    const banner = SIMULATED_BANNER
    const ended = runTop(ipvs, { ...LIVE, banner, ...seen, ...options })
    ended.catch(() => {})
    return {
      terminal,
      ended,
      shows: (text: string | RegExp) =>
        until(
          `the screen shows ${text}`,
          () => terminal.screen.lines().join('\n'),
          (all) => (typeof text === 'string' ? all.includes(text) : text.test(all)),
        ),
      restored() {
        expect(terminal.screen).toMatchObject({ alternate: false, cursor: true, style: '' })
        expect(terminal.raw.at(-1)).toBe(false)
        expect(listeners()).toEqual(before)
        for (const name of ['resize', 'error']) expect(terminal.listenerCount(name)).toBe(0)
      },
    }
  }

  it('obeys the keys, and gives the terminal back', async () => {
    const world = await openSimulation('fullnat-v2')
    clients.push(world.ipvs)
    let steps = 0
    const { step } = world
    world.step = async () => {
      await step()
      steps++
    }
    const { terminal, ended, shows, restored } = start(world.ipvs, { world })
    await shows('NOT A REAL KERNEL')
    await shows(/States {4}.*established \d+/)
    expect(terminal.screen).toMatchObject({ alternate: true, cursor: false })
    await shows('CONNS/S')
    terminal.type('s')
    await shows('IN B/S')
    terminal.type('d')
    await shows(/^(?!.*->)/s)
    terminal.type('d')
    await shows(' -> ')
    terminal.type('?')
    await shows('expand or collapse services')
    terminal.type('?')
    await shows('1-1')
    const stepsBefore = steps
    terminal.type('p')
    await shows('PAUSED')
    // A poll was under way; it is not shown, and none comes after it.
    const { now } = world
    await until(
      'it waits',
      () => steps,
      (made) => made > stepsBefore,
    )
    const stands = terminal.screen.lines()
    terminal.type('\u001b[B')
    await shows(/^2-1\d of 18/m)
    terminal.type('\u001b[F')
    await shows(/^[2-9]-18 of 18/m)
    terminal.type('\u001b[6~')
    await shows(/^[2-9]-18 of 18/m)
    terminal.type('\u001b[H')
    expect(terminal.screen.lines()).toEqual(stands)
    expect(world.now - now).toBeLessThanOrEqual(2)
    terminal.resize(120, 40)
    await shows('Scheduler/method')
    terminal.type('p')
    await until(
      'it goes on',
      () => world.now,
      (later) => later > now + 4,
    )
    expect(terminal.screen.lines().join('\n')).not.toContain('PAUSED')
    terminal.type('q')
    await ended
    restored()
  })

  it.each(['\u0003', 'SIGINT', 'SIGTERM'])('ends by %j, in a pause as well', async (how) => {
    const { ipvs } = await open('mainline')
    let steps = 0
    const world = { now: 0, step: () => steps++ }
    const { terminal, ended, shows, restored } = start(ipvs, { world })
    await shows('0 services')
    const before = steps
    terminal.type('p')
    await shows('PAUSED')
    await until(
      'it waits',
      () => steps,
      (made) => made > before,
    )
    if (how.startsWith('SIG')) process.emit(how as 'SIGINT')
    else terminal.type(how)
    await ended
    restored()
  })

  it('ends while the kernel says nothing', async () => {
    const { ipvs, kernel } = await open('fullnat-v3')
    const { terminal, ended, shows, restored } = start(ipvs)
    await shows('0 services')
    kernel.neverAnswer('*', { times: Number.POSITIVE_INFINITY })
    terminal.type('q')
    await ended
    restored()
    kernel.clearFaults()
  })

  it('gives the terminal back before an error is told', async () => {
    const { ipvs } = await open('mainline')
    const { ended, shows, restored } = start(ipvs)
    await shows('0 services')
    await ipvs.close()
    await expect(ended).rejects.toMatchObject({ code: 'ERR_IPVS_CLOSED' })
    restored()
  })

  it('goes on after errors', async () => {
    const { ipvs, kernel } = await open('mainline')
    const { terminal, ended, shows } = start(ipvs)
    await shows('0 services')
    const fault = kernel.fail('*', 'EPERM', { times: Number.POSITIVE_INFINITY })
    await shows(/poll failed \(\d+ in a row\), again in .*EPERM/)
    fault.remove()
    await shows(/^(?!.*poll failed)/s)
    terminal.type('q')
    await ended
  })

  it('ends after so many polls, quietly where the terminal has gone, and with any other error of it', async () => {
    const { ipvs } = await open('mainline')
    const counted = start(ipvs, { count: 2 })
    await counted.ended
    counted.restored()
    const gone = start(ipvs)
    await gone.shows('0 services')
    gone.terminal.emit('error', Object.assign(new Error('gone'), { code: 'EIO' }))
    await gone.ended
    const broken = start(ipvs)
    await broken.shows('0 services')
    broken.terminal.removeAllListeners('resize')
    broken.terminal.emit('error', Object.assign(new Error('full'), { code: 'ENOSPC' }))
    await expect(broken.ended).rejects.toThrow('full')
  })

  it('colour is nothing but colour', async () => {
    const { ipvs } = await open('mainline')
    await fill(ipvs)
    const pictures: string[][] = []
    for (const color of [true, false]) {
      const { terminal, ended, shows } = start(ipvs, { color, interval: 60_000 })
      await shows('rates come')
      pictures.push(terminal.screen.lines().map((line) => line.replace(/\d{4}-.*Z/, '')))
      expect(terminal.screen.styled).toBe(color)
      terminal.type('q')
      await ended
    }
    expect(pictures[0]).toEqual(pictures[1])
  })
})

describe('states', () => {
  async function statesLine(dialect: 'mainline' | 'fullnat-v3', states: number) {
    const { kernel, ipvs } = await open(dialect)
    await fill(ipvs)
    for (let i = 1; i < 4; i++) kernel.connect({ client: `198.51.100.7:${i}`, service: WEB })
    return statesOf(ipvs, states)
  }

  async function statesOf(ipvs: Ipvs, states: number) {
    let text = ''
    const output = Object.assign(new EventEmitter(), {
      write: (piece: string) => {
        text += piece
      },
    })
    const input = process.stdin
    await runTop(ipvs, { ...LIVE, states, plain: true, count: 1, input, output })
    return /^States {4}(.*)$/m.exec(text)?.[1]
  }

  it('are counted up to so many connections, and where there is a list', async () => {
    expect(await statesLine('mainline', 3)).toBe('established 3')
    expect(await statesLine('mainline', 2)).toBe('not counted: 3 connections are more than --states 2')
    expect(await statesLine('mainline', 0)).toBe('not asked for')
    expect(await statesLine('fullnat-v3', 10_000)).toBe('this kernel has no list of connections')
  })

  it('that cannot be counted are no failure of the poll', async () => {
    const { ipvs } = await open('mainline')
    await fill(ipvs)
    const refused = new Error('EACCES: ip_vs_conn cannot be read')
    vi.spyOn(ipvs.connections, 'count').mockRejectedValue(refused)
    expect(await statesOf(ipvs, 3)).toBe(refused.message)
  })
})

describe('options', () => {
  function at(args: readonly string[], env = {}, output = { isTTY: true }) {
    const options = new GivenOptions()
    const globals = new GivenOptions()
    for (const [given, specs] of [
      [options, command.options],
      [globals, GLOBAL_OPTIONS],
    ] as const) {
      scanArguments(args, given, { find: (name) => specs[name], other: () => {}, rest: () => {} })
    }
    const io = { stdin: process.stdin, stdout: { ...output, write: () => true }, env } as unknown as CliIo
    return readOptions({ io, options, globals })
  }

  it('have defaults, and are what was said', () => {
    expect(at([])).toMatchObject({
      interval: 2000,
      count: undefined,
      sort: 'conns',
      states: 10_000,
      plain: false,
      color: true,
    })
    expect(at(['--interval', '0.25', '--count', '3', '--sort', 'in', '--states', '0'])).toMatchObject({
      interval: 250,
      count: 3,
      sort: 'in',
      states: 0,
    })
  })

  it('know where there is no colour, and no terminal', () => {
    expect(at(['--no-color']).color).toBe(false)
    expect(at([], { NO_COLOR: '1' }).color).toBe(false)
    expect(at([], { NO_COLOR: '' }).color).toBe(true)
    expect(at(['--plain']).plain).toBe(true)
    expect(at([], { TERM: 'dumb' }).plain).toBe(true)
    expect(at([], {}, { isTTY: false }).plain).toBe(true)
  })

  it.each([
    ['--interval', '0'],
    ['--interval', '-1'],
    ['--interval', ''],
    ['--interval', 'NaN'],
    ['--interval', '2147484'],
    ['--count', '0'],
    ['--count', '1.5'],
    ['--states', '1e999'],
    ['--sort', 'toString'],
  ])('%s %s is refused', (name, value) => expect(() => at([`${name}=${value}`])).toThrow(name))
})
