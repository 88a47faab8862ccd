// What the director does now: services and destinations by rate, use of the local addresses, states of connections.
//
//   node examples/top.mjs [--interval 2] [--count N] [--sort conns|in|out|active|name] [--states 10000] [--timeout SECONDS]
//                         [--plain] [--no-color] [--fake mainline|fullnat-v2|fullnat-v3]
//
// On a terminal it is a live view (the key ? says which keys there are); in a pipe, on TERM=dumb and with --plain a block of plain
// lines for each poll. --count N ends after N polls. --states N counts the states of connections where there are at most N: the
// kernel's work for its list grows with the square of it; 0 is never. --fake shows simulated traffic on a kernel in the memory of
// this process: nothing in it is real.
import { emitKeypressEvents } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { formatDestinationKey, formatServiceKey, Ipvs } from 'ipvs-fullnat'

// ---- numbers and text

const UNITS = ['', 'k', 'M', 'G', 'T', 'P', 'E']

/** 0.02 is '<0.1', 1234567 is '1.2M'. */
export function short(value) {
  if (value === 0) return '0'
  if (value < 0.05) return '<0.1'
  let size = value
  let unit = 0
  while (size >= 999.5 && unit < UNITS.length - 1) {
    size /= 1000
    unit++
  }
  return `${size.toFixed(size < 9.95 ? 1 : 0)}${UNITS[unit]}`
}

/** Counts: exact up to a million. */
export const whole = (value) => (value < 1_000_000 ? String(value) : short(Number(value)))

const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`

/** Names and messages can come from anybody; what moves the cursor must not get to the terminal, nor what has another width. */
const printable = (text) => text.replace(/\p{Cc}+/gu, ' ').replace(/[^ -~]/gu, '?')

const clip = (text, width) =>
  text.length > width ? `${text.slice(0, Math.max(0, width - 1))}~`.slice(0, width) : text

const byName = new Intl.Collator('en', { numeric: true })

function shown(value) {
  if (value === undefined || value === null) return 'none'
  if (typeof value === 'string') return value
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part))
}

function describeChange({ kind, object, service, destination, localAddress, property, from, to }) {
  const place = destination
    ? ` -> ${formatDestinationKey(destination)}`
    : localAddress
      ? ` via ${localAddress}`
      : ''
  const what = kind === 'changed' ? `: ${property} ${shown(from)} -> ${shown(to)}` : ''
  return `${kind} ${object} ${formatServiceKey(service)}${place}${what}`
}

const CHANGES_TOLD = 20

function describeChanges(changes) {
  const lines = changes.slice(0, CHANGES_TOLD).map(describeChange)
  if (changes.length > CHANGES_TOLD) lines.push(`and ${changes.length - CHANGES_TOLD} more changes`)
  return lines
}

const explain = ({ message, hint }) => [message, hint].filter(Boolean)

// ---- what one poll has shown

const sum = (list, value) => list.reduce((all, one) => all + value(one), 0)

/** Rates over other seconds than those of the watch; without what floating point adds to them. */
function scaled(rates, factor) {
  if (!rates || factor === 1) return rates
  const entries = Object.entries(rates).map(([name, value]) => [
    name,
    typeof value === 'number' ? Number((value * factor).toPrecision(12)) : value,
  ])
  return Object.fromEntries(entries)
}

export const SORTS = {
  conns: { title: 'Conns/s', value: ({ rates }) => rates?.connections ?? 0 },
  in: { title: 'In B/s', value: ({ rates }) => rates?.inBytes ?? 0 },
  out: { title: 'Out B/s', value: ({ rates }) => rates?.outBytes ?? 0 },
  active: { title: 'Active', value: ({ active }) => active },
  name: { title: 'name', value: () => 0 },
}

const sorted = (rows, sort) =>
  rows.sort((a, b) => SORTS[sort].value(b) - SORTS[sort].value(a) || byName.compare(a.name, b.name))

/** A state of the watch, and what has become of the port conflicts since the one before. */
class Reading {
  #state
  #factor
  #sort

  /** `world`: of a fake kernel, whose time is not ours. */
  constructor(state, states, before, world) {
    this.#state = state
    this.states = states
    this.stamp = world
      ? `simulated ${new Date(world.now * 1000).toISOString().slice(11, 19)}`
      : new Date(state.at).toISOString().replace('T', ' ').replace(/\.\d+/, '')
    this.now = world?.now
    this.seconds = world ? this.now - (before?.now ?? this.now) : (state.elapsed ?? 0) / 1000
    this.#factor = world && this.seconds > 0 ? state.elapsed / 1000 / this.seconds : 1
    this.total = scaled(state.rates?.total, this.#factor)
    this.services = state.snapshot.services.map((entry) => this.#service(entry))
    this.destinationCount = sum(state.snapshot.services, ({ destinations }) => destinations.length)
    this.#readLocals(before)
  }

  #service({ service, destinations, localAddresses }) {
    return {
      kind: 'service',
      name: formatServiceKey(service),
      method: service.scheduler,
      rates: scaled(this.#state.rates?.service(service), this.#factor),
      active: sum(destinations, (one) => one.activeConnections),
      inactive: sum(destinations, (one) => one.inactiveConnections),
      connections: service.stats.connections,
      entry: { service, destinations, localAddresses },
    }
  }

  #readLocals(before) {
    this.conflicts = new Map()
    this.locals = { count: 0, connections: 0, conflicts: 0n, conflictRate: before ? 0 : undefined }
    for (const { name, entry } of this.services) {
      for (const { address, connections, portConflicts } of entry.localAddresses) {
        const id = `${name} ${address}`
        const gained = portConflicts - (before?.conflicts.get(id)?.total ?? portConflicts)
        // A counter that went back is another one.
        const rate =
          before?.conflicts.has(id) && gained >= 0n && this.seconds > 0
            ? Number(gained) / this.seconds
            : undefined
        this.conflicts.set(id, { total: portConflicts, rate })
        this.locals.count++
        this.locals.connections += connections
        this.locals.conflicts += portConflicts
        if (before) this.locals.conflictRate += rate ?? 0
      }
    }
  }

  sorted(sort) {
    if (this.#sort !== sort) sorted(this.services, sort)
    this.#sort = sort
    return this.services
  }

  /** The rows below a service: made for those that are looked at. */
  rowsIn({ name, entry: { service, destinations, localAddresses } }, sort) {
    const targets = destinations.map((one) => ({
      kind: 'destination',
      name: `  -> ${formatDestinationKey(one)}`,
      method: String(one.forwarding),
      weight: String(one.weight),
      rates: scaled(this.#state.rates?.destination(service, one), this.#factor),
      active: one.activeConnections,
      inactive: one.inactiveConnections,
      connections: one.stats.connections,
    }))
    const locals = localAddresses
      .map(({ address, connections, portConflicts }) => {
        const { rate } = this.conflicts.get(`${name} ${address}`)
        const grow = rate === undefined ? '' : `, ${short(rate)}/s`
        const use = `${plural(connections, 'connection')}, ${plural(Number(portConflicts), 'port conflict')}${grow}`
        return { kind: 'local', name: `  via ${address}`, text: `  via ${address}   ${use}` }
      })
      .sort((a, b) => byName.compare(a.name, b.name))
    return [...sorted(targets, sort), ...locals]
  }
}

// ---- lines: { text, style }

/** What the rates of a row are, or why there are none. */
const rateCell = (name) => (row) => (row.rates && !row.rates.reset ? short(row.rates[name]) : '-')

/** From left to right; the first in `need` are there on a narrow screen. */
const COLUMNS = [
  { title: 'Conns/s', need: 1, cell: (row) => (row.rates?.reset ? 'reset' : rateCell('connections')(row)) },
  { title: 'In B/s', need: 2, cell: rateCell('inBytes') },
  { title: 'Out B/s', need: 3, cell: rateCell('outBytes') },
  { title: 'In p/s', need: 7, cell: rateCell('inPackets') },
  { title: 'Out p/s', need: 8, cell: rateCell('outPackets') },
  { title: 'Active', need: 4, cell: ({ active }) => whole(active) },
  { title: 'Inactive', need: 6, cell: ({ inactive }) => whole(inactive) },
  { title: 'Weight', need: 5, cell: ({ weight = '' }) => weight },
  { title: 'Conns', need: 9, cell: ({ connections }) => whole(connections) },
  { title: 'Scheduler/method', need: 10, cell: ({ method }) => printable(method) },
]
const CELL = 7
const NAME_TITLE = 'Service / destination'
const widthOf = ({ title }) => Math.max(CELL, title.length) + 1

/** Names are never cut before the last columns have gone. `width`: undefined for all that there is. */
function table(rows, width, sort) {
  const natural = Math.max(
    NAME_TITLE.length,
    ...rows.filter(({ text }) => !text).map(({ name }) => name.length),
  )
  let left = width === undefined ? Number.POSITIVE_INFINITY : width - natural
  const columns = new Set()
  for (const column of [...COLUMNS].sort((a, b) => a.need - b.need)) {
    left -= widthOf(column)
    if (left < 0) break
    columns.add(column)
  }
  const chosen = COLUMNS.filter((column) => columns.has(column))
  const taken = sum(chosen, widthOf)
  const nameWidth = width === undefined ? natural : Math.max(0, width - taken)
  const line = (name, cellOf) =>
    clip(name, nameWidth).padEnd(nameWidth) +
    chosen.map((column) => cellOf(column).padStart(widthOf(column))).join('')
  const title = ({ title: text }) => (text === SORTS[sort].title ? text.toUpperCase() : text)
  return [
    { text: line(NAME_TITLE, title), style: 'titles' },
    ...rows.map((row) => ({ text: row.text ?? line(row.name, ({ cell }) => cell(row)), style: row.kind })),
  ]
}

function totalLine({ total, seconds }) {
  if (!total) return 'Total     rates come with the second poll'
  const way = (name, bytes, packets) => `${name} ${short(bytes)} B/s ${short(packets)} p/s`
  const parts = [
    `${short(total.connections)} conns/s`,
    way('in', total.inBytes, total.inPackets),
    way('out', total.outBytes, total.outPackets),
    `over ${seconds.toFixed(2)} s`,
  ]
  if (total.reset) parts.push('counters were reset')
  return `Total     ${parts.join('   ')}`
}

function statesLine({ counts, problem }) {
  if (!counts) return `States    ${problem}`
  const list = [...counts].sort(([a, x], [b, y]) => y - x || byName.compare(a, b))
  return `States    ${list.map(([state, count]) => `${state} ${whole(count)}`).join(', ') || 'no connections'}`
}

function localsLine({ locals: { count, connections, conflicts, conflictRate } }) {
  const grow = conflictRate === undefined ? '' : ` (${short(conflictRate)}/s)`
  const conflicted = plural(Number(conflicts), 'port conflict')
  return `Local     ${plural(count, 'address', 'addresses')}, ${plural(connections, 'connection')}, ${conflicted}${grow}`
}

const failureLines = ({ error, failures, retryIn }) => {
  const [message, ...hint] = explain(error)
  const again = `again in ${(retryIn / 1000).toFixed(1)} s`
  return [`poll failed (${failures} in a row), ${again}: ${message}`, ...hint]
}

const FAKE = 'FakeKernel, NOT A REAL KERNEL: simulated traffic, 2 s of it between two polls'

const HELP = [
  'q              quit',
  's              sort by the next column',
  'p              pause: nothing is read; rates then span the pause',
  'd              expand or collapse services',
  '?              this help, and back',
  'arrows, page up, page down, home, end: scroll',
  '',
  'Rates are differences of counters. "-": not known yet,',
  '"reset": the counters began again. Mainline counts every two',
  'seconds: a shorter interval shows 0, and then much.',
  'Active and Inactive of a service are sums over destinations.',
  '"via": a local address. Port conflicts that grow mean that',
  'its ports run out.',
]

const LOG_LINES = 3
/** On a screen that is lower only the first fact is told. */
const ROWS_FOR_FACTS = 12

/** Everything that is known, and how it is looked at. */
export class View {
  sort = 'conns'
  expanded = true
  paused = false
  help = false
  offset = 0
  /** Rows that the screen has for the table. */
  page = 1
  #reading
  /** Newer than what is shown, during a pause. */
  #latest
  #failure
  #changes = []
  #log = []

  /** `world`: of a fake kernel. */
  constructor({ dialect, capabilities }, { world, sort = 'conns' } = {}) {
    this.dialect = dialect
    this.capabilities = capabilities
    this.world = world
    this.sort = sort
  }

  /** `states`: of `countStates`. */
  take(event, states) {
    if (event.error) {
      this.#failure = event
      return
    }
    this.#failure = undefined
    this.#latest = new Reading(event, states, this.#latest, this.world)
    this.#changes = describeChanges(event.changes)
    const time = this.#latest.stamp.split(' ')[1]
    this.#log = [...this.#log, ...this.#changes.map((text) => `${time} ${text}`)].slice(-LOG_LINES)
    if (!this.paused) this.#reading = this.#latest
  }

  pause(paused) {
    this.paused = paused
    if (!paused) this.#reading = this.#latest
  }

  nextSort() {
    const names = Object.keys(SORTS)
    this.sort = names[(names.indexOf(this.sort) + 1) % names.length]
  }

  #size({ services, destinationCount }) {
    return `${plural(services.length, 'service')}, ${plural(destinationCount, 'destination')}`
  }

  #facts(reading) {
    const lines = [totalLine(reading), statesLine(reading.states)]
    if (this.capabilities.localAddresses) lines.push(localsLine(reading))
    return lines.map((text) => ({ text, style: 'fact' }))
  }

  /** The rows from `offset` on, as many as there is room for; and how many there are. */
  #rows(reading, offset, room) {
    const rows = []
    let at = 0
    for (const service of reading.sorted(this.sort)) {
      const { destinations, localAddresses } = service.entry
      const size = this.expanded ? 1 + destinations.length + localAddresses.length : 1
      if (at + size > offset && at < offset + room) {
        const all = this.expanded ? [service, ...reading.rowsIn(service, this.sort)] : [service]
        rows.push(...all.slice(Math.max(0, offset - at), offset + room - at))
      }
      at += size
    }
    return { rows, count: at }
  }

  /** A block for who reads line by line: what the last poll has shown, everything in it. */
  block() {
    if (this.#failure) {
      const time = new Date(this.#failure.at).toISOString().replace('T', ' ').replace(/\.\d+/, '')
      return [`${time}  ${this.dialect}`, ...failureLines(this.#failure)].map(printable)
    }
    const reading = this.#reading
    const { rows } = this.#rows(reading, 0, Number.POSITIVE_INFINITY)
    const lines = [
      `${reading.stamp}  ${this.dialect}  ${this.#size(reading)}`,
      ...(this.world ? [FAKE] : []),
      ...this.#facts(reading).map(({ text }) => text),
      ...table(rows, undefined, this.sort).map(({ text }) => text.trimEnd()),
      ...this.#changes,
    ]
    return lines.map(printable)
  }

  /** Exactly `rows` lines of at most `columns` characters. */
  screen({ columns, rows }) {
    const reading = this.#reading
    const head = [
      {
        text: [
          `IPVS ${this.dialect}`,
          ...(this.paused ? ['PAUSED'] : []),
          ...(reading ? [reading.stamp, this.#size(reading)] : ['waiting for the first poll']),
        ].join('  '),
        style: 'head',
      },
    ]
    if (this.world) head.push({ text: FAKE, style: 'warning' })
    if (this.#failure) head.push(...failureLines(this.#failure).map((text) => ({ text, style: 'error' })))
    if (reading) head.push(...this.#facts(reading).slice(0, rows < ROWS_FOR_FACTS ? 1 : undefined))
    // What is left for the table decides what else there is room for.
    const log = this.#log.slice(rows >= head.length + 8 + LOG_LINES ? 0 : LOG_LINES)
    const foot = log.map((text) => ({ text, style: 'log' }))
    this.page = Math.max(1, rows - head.length - foot.length - 2)
    let keys = `q quit  s sort (${SORTS[this.sort].title})  p ${this.paused ? 'go on' : 'pause'}  d destinations  ? help`
    let body = []
    if (this.help) {
      body = HELP.map((text) => ({ text, style: 'plain' }))
    } else if (reading) {
      const { count } = this.#rows(reading, 0, 0)
      this.offset = Math.max(0, Math.min(this.offset, count - this.page))
      const seen = this.#rows(reading, this.offset, this.page)
      body = table(seen.rows, columns, this.sort)
      if (count > this.page)
        keys = `${this.offset + 1}-${this.offset + seen.rows.length} of ${count}  ${keys}`
    }
    const room = Math.max(0, rows - head.length - foot.length - 1)
    const filler = Array.from({ length: Math.max(0, room - body.length) }, () => ({
      text: '',
      style: 'plain',
    }))
    const lines = [...head, ...body.slice(0, room), ...filler, ...foot, { text: keys, style: 'keys' }]
    return lines.slice(0, rows).map(({ text, style }) => ({ text: clip(printable(text), columns), style }))
  }
}

// ---- the terminal

const ESC = '\x1b['
const STYLES = {
  head: '1',
  warning: '1;33',
  error: '1;31',
  titles: '7',
  service: '1',
  local: '36',
  log: '35',
  keys: '2',
}
const FALLBACK = { columns: 80, rows: 24 }

/** A screen of its own, given back as it was. */
class Terminal {
  #open = false

  constructor(input, output, color) {
    this.input = input
    this.output = output
    this.color = color
  }

  /** Not every terminal says how large it is. */
  get size() {
    return { columns: this.output.columns || FALLBACK.columns, rows: this.output.rows || FALLBACK.rows }
  }

  open() {
    this.#open = true
    if (this.input.isTTY) this.input.setRawMode(true)
    this.output.write(`${ESC}?1049h${ESC}?25l${ESC}2J`)
  }

  close() {
    if (!this.#open) return
    this.#open = false
    if (this.input.isTTY) this.input.setRawMode(false)
    this.output.write(`${ESC}0m${ESC}?25h${ESC}?1049l`)
  }

  draw(lines) {
    if (!this.#open) return
    const { columns } = this.size
    const text = lines.map(({ text, style }, i) => {
      const sgr = STYLES[style]
      const styled = this.color && sgr && text !== '' ? `${ESC}${sgr}m${text}${ESC}0m` : text
      // Behind the last column the cursor stands on it, and erasing would take the character away.
      return `${ESC}${i + 1};1H${styled}${text.length < columns ? `${ESC}K` : ''}`
    })
    this.output.write(text.join(''))
  }
}

/** What a key does to the view; 'quit' and 'stop' are for others to do. */
function press(view, name) {
  const moves = {
    up: -1,
    down: 1,
    pageup: -view.page,
    pagedown: view.page,
    home: Number.NEGATIVE_INFINITY,
    end: 1e9,
  }
  if (name in moves) view.offset = Math.max(0, view.offset + moves[name])
  else if (name === 's') view.nextSort()
  else if (name === 'p') view.pause(!view.paused)
  else if (name === 'd') view.expanded = !view.expanded
  else if (name === '?') view.help = !view.help
  else if (name === 'escape') view.help = false
}

const keyName = (text, { name, ctrl } = {}) => (ctrl ? `ctrl-${name}` : text === '?' ? '?' : name)

/** Shows a view on a terminal; `ended` is called by the keys that end it. Returns { update, resumed, close }. */
function onTerminal(view, { input, output, color }, ended) {
  const terminal = new Terminal(input, output, color)
  let wake
  const draw = () => terminal.draw(view.screen(terminal.size))
  const resumed = () =>
    new Promise((resolve) => {
      wake = resolve
      if (!view.paused) resolve()
    })
  const again = () => {
    terminal.close()
    terminal.open()
    draw()
  }
  const key = (text, about) => {
    const name = keyName(text, about)
    if (name === 'q' || name === 'ctrl-c') {
      ended()
    } else if (name === 'ctrl-z') {
      // The process stands still in the middle of this, until it is told to go on.
      terminal.close()
      process.kill(process.pid, 'SIGTSTP')
      again()
    } else {
      press(view, name)
      if (!view.paused) wake?.()
      draw()
    }
  }
  const close = () => {
    view.paused = false
    wake?.()
    terminal.close()
    input.off('keypress', key)
    input.off('error', ended)
    input.pause()
    output.off('resize', draw)
    process.off('SIGCONT', again)
    process.off('exit', close)
  }
  if (input.isTTY) {
    emitKeypressEvents(input)
    input.on('keypress', key)
    input.on('error', ended)
    input.resume()
  }
  output.on('resize', draw)
  process.on('SIGCONT', again)
  process.on('exit', close)
  terminal.open()
  draw()
  return { update: draw, resumed, close }
}

const inPipe = (view, { output }) => ({
  update: () => output.write(`${view.block().join('\n')}\n\n`),
  resumed: async () => {},
  close: () => {},
})

/** `{ counts }`, or `{ problem }` where the kernel has no list, or a long one. */
async function countStates(ipvs, { snapshot }, { most, signal }) {
  if (!ipvs.capabilities.connectionList) return { problem: 'this kernel has no list of connections' }
  const has = (one) => one.activeConnections + one.inactiveConnections + one.persistentConnections
  const there = sum(snapshot.services, ({ destinations }) => sum(destinations, has))
  if (most === 0) return { problem: 'not asked for' }
  if (there > most) return { problem: `not counted: ${there} connections are more than --states ${most}` }
  try {
    return { counts: await ipvs.connections.count({ by: 'state', signal }) }
  } catch (error) {
    return { problem: error.message }
  }
}

/** The reader of a pipe, or the terminal, has gone. */
const GONE = ['EPIPE', 'EIO']

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

/**
 * Until it is ended by a key, a signal, `count` polls or a reader that has gone. `options`: { interval (ms), count, sort, states
 * (how many connections at most), plain, color, world, input, output }.
 */
export async function runTop(ipvs, options) {
  const { interval, count = Number.POSITIVE_INFINITY, sort, states, plain, world, output } = options
  const view = new View(ipvs, { world, sort })
  const watch = ipvs.watch({ interval })
  const counting = new AbortController()
  let over = false
  let broken
  const end = () => {
    over = true
    show?.close()
    counting.abort()
    watch.return()
  }
  const failed = (error) => {
    if (!GONE.includes(error.code)) broken = error
    end()
  }
  let show
  output.on('error', failed)
  for (const name of SIGNALS) process.on(name, end)
  try {
    show = plain ? inPipe(view, options) : onTerminal(view, options, end)
    let polls = 0
    for await (const event of watch) {
      const { signal } = counting
      const counted = event.error ? undefined : await countStates(ipvs, event, { most: states, signal })
      if (over) break
      view.take(event, counted)
      show.update()
      if (++polls >= count) break
      await world?.step()
      await show.resumed()
      if (over) break
    }
  } finally {
    show?.close()
    for (const name of SIGNALS) process.off(name, end)
    output.off('error', failed)
  }
  if (broken) throw broken
}

// ---- a kernel in memory

const WAVE = [4, 6, 10, 16, 10, 6]
const SIMULATED_SECONDS = 2

/** A table with traffic that depends on nothing but the number of steps. */
export async function openFake(dialect) {
  const { FakeKernel } = await import('ipvs-fullnat/testing')
  const kernel = new FakeKernel({ dialect })
  const ipvs = await Ipvs.open({ transport: kernel.transport() })
  const { fullnat, udpFullnat, localAddresses } = ipvs.capabilities
  const method = (protocol) => ((protocol === 'udp' ? udpFullnat : fullnat) ? 'fullnat' : 'masquerade')
  const services = [
    {
      key: { protocol: 'tcp', address: '192.0.2.1', port: 80 },
      port: 8080,
      hosts: ['10.9.0.5', '10.9.0.6', '10.9.0.7'],
      load: 2,
    },
    {
      key: { protocol: 'tcp', address: '192.0.2.1', port: 443 },
      port: 8443,
      hosts: ['10.9.0.5', '10.9.0.6'],
      load: 3,
    },
    { key: { protocol: 'udp', address: '192.0.2.53', port: 53 }, port: 53, hosts: ['10.9.0.53'], load: 1 },
    {
      key: { protocol: 'tcp', address: '2001:db8::80', port: 80 },
      port: 8080,
      hosts: ['2001:db8:9::5'],
      load: 1,
    },
  ]
  for (const { key, port, hosts } of services) {
    await ipvs.services.add({ ...key, scheduler: 'wrr' })
    const locals = key.address.includes(':') ? ['2001:db8:1::1'] : ['10.1.0.1', '10.1.0.2']
    if (localAddresses) await ipvs.localAddresses.set(key, locals)
    const forwarding = method(key.protocol)
    for (const address of hosts) await ipvs.destinations.add(key, { address, port, forwarding, weight: 2 })
  }

  let steps = 0
  let port = 10000
  let open = []
  const connect = ({ key }) => {
    port = port < 60000 ? port + 1 : 10000
    const client = key.address.includes(':') ? `[2001:db8:7::7]:${port}` : `198.51.100.7:${port}`
    return kernel.attempt({ client, service: key }).connection
  }
  const world = {
    ipvs,
    get now() {
      return kernel.now
    },
    /** What goes on between two polls. */
    async step() {
      const ended = open
      open = []
      services.forEach((service, i) => {
        const count = service.load * WAVE[(steps + i) % WAVE.length]
        for (let n = 0; n < count; n++) {
          const connection = connect(service)
          connection?.traffic({ inPackets: 6, inBytes: 480, outPackets: 8, outBytes: 9600 })
          if (connection && service.key.protocol === 'tcp') open.push(connection)
        }
      })
      for (const connection of ended) connection.close()
      steps++
      if (steps % 5 === 0) {
        const weight = steps % 10 === 0 ? 2 : 0
        await ipvs.destinations.update(services[0].key, { address: '10.9.0.7', port: 8080 }, { weight })
      }
      // Mainline shows traffic when its estimator has come by.
      kernel.advance(SIMULATED_SECONDS)
    },
  }
  await world.step()
  return world
}

// ---- the program

const USAGE = `usage: top.mjs [--interval SECONDS] [--count POLLS] [--sort ${Object.keys(SORTS).join('|')}] [--states MOST]
               [--timeout SECONDS] [--plain] [--no-color] [--fake mainline|fullnat-v2|fullnat-v3]`

/** A timer takes no more. */
const SECONDS_MAX = 2147483

const SECONDS = { min: 0.001, max: SECONDS_MAX }
const WHOLE = { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true }

function number(name, text, { min, max, integer = false }) {
  const value = Number(text)
  if (text.trim() !== '' && value >= min && value <= max && (!integer || Number.isInteger(value)))
    return value
  throw new Error(
    `--${name} ${text}: must be ${integer ? 'a whole number' : 'seconds'} from ${min} to ${max}`,
  )
}

/** What the command line and the environment say, as options of `runTop`. */
export function readOptions(args, { env, output }) {
  const { values } = parseArgs({
    args,
    options: {
      interval: { type: 'string', default: '2' },
      count: { type: 'string' },
      sort: { type: 'string', default: 'conns' },
      states: { type: 'string', default: '10000' },
      timeout: { type: 'string' },
      fake: { type: 'string' },
      plain: { type: 'boolean', default: false },
      'no-color': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (!Object.hasOwn(SORTS, values.sort)) {
    throw new Error(`--sort ${values.sort}: must be one of ${Object.keys(SORTS).join(', ')}`)
  }
  const milliseconds = (name) => Math.round(1000 * number(name, values[name], SECONDS))
  return {
    help: values.help,
    interval: milliseconds('interval'),
    count: values.count === undefined ? undefined : number('count', values.count, { ...WHOLE, min: 1 }),
    sort: values.sort,
    states: number('states', values.states, WHOLE),
    timeout: values.timeout === undefined ? undefined : milliseconds('timeout'),
    fake: values.fake,
    plain: values.plain || !output.isTTY || env.TERM === 'dumb',
    // https://no-color.org: whatever it is, unless it is empty.
    color: !values['no-color'] && !env.NO_COLOR,
  }
}

const CLOSE_MS = 1000

async function main(args) {
  const options = readOptions(args, { env: process.env, output: process.stdout })
  if (options.help) return console.log(USAGE)
  const world = options.fake === undefined ? undefined : await openFake(options.fake)
  const ipvs = world?.ipvs ?? (await Ipvs.open({ timeout: options.timeout }))
  try {
    await runTop(ipvs, { ...options, world, input: process.stdin, output: process.stdout })
  } finally {
    // A kernel that hangs does not keep anybody from the prompt.
    await ipvs.close({ timeout: CLOSE_MS }).catch(() => {})
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(explain(error).join('\n'))
    process.exitCode = 1
  })
}
