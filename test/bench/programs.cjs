// What the library is measured beside, each a program of its own: the floor, the kernel's ipvsadm, moby/ipvs, pyroute2.
//
// A program is { command, input?, table?, operations, part?, tells?, lines? }. `part`: it does a part of the work, to be
// scaled; `table`: that part, where a reader wants no other table.
// `tells`: it prints its own milliseconds and how many operations or records they were for, so that its start does not
// count. `lines`: how many it must print at least.
const { spawnSync } = require('node:child_process')
const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { options } = require('./options.cjs')
const { partOf, restoreLines } = require('./table.cjs')

const floor = join(__dirname, 'floor')
const mobyPeer = join(__dirname, 'moby-peer')
const oracle = process.env.IPVS_ORACLE
const python = '/work/python'
/** Processes of `one ipvsadm per operation`: enough to see what one costs. */
const someProcesses = 50
/** Part of the table that pyroute2 writes, and reads. */
const pythonShare = 1 / 20

const words = (list) => list.map(String)

function pythonCommand(...args) {
  const libraries = [`${python}/usr/lib/x86_64-linux-gnu`, `${python}/lib/x86_64-linux-gnu`].join(':')
  return words([
    'env',
    `PYTHONHOME=${python}/usr`,
    `PYTHONPATH=${python}/usr/lib/python3/dist-packages`,
    `LD_LIBRARY_PATH=${libraries}`,
    `${python}/usr/bin/python3.11`,
    join(__dirname, 'pyroute2-peer.py'),
    ...args,
  ])
}

const floorWrite = (table) => ({
  command: words([
    ...[floor, 'write', table.services.length, table.destinations.length],
    ...[table.locals.length, table.fullnat ? 1 : 0],
  ]),
  operations: table.size,
  tells: true,
})

const floorRead = (table) => ({
  command: words([floor, 'read', table.services.length, table.locals.length]),
  operations: table.size,
  tells: true,
})

const restore = (table) => ({
  command: [oracle, '-R'],
  input: `${restoreLines(table).join('\n')}\n`,
  operations: table.size,
})

/** Prints services and destinations; local addresses are another command, where there are any. */
const listing = (table, flag) => ({
  command: [oracle, flag, '-n'],
  operations: table.services.length * (1 + table.destinations.length),
  lines: table.services.length * (1 + table.destinations.length),
})

function processEach(table) {
  const lines = restoreLines(table).slice(0, someProcesses)
  return {
    command: [process.execPath, join(__dirname, 'each.cjs'), oracle],
    input: lines.join('\n'),
    operations: lines.length,
    part: true,
    tells: true,
  }
}

function ipvsadm(table) {
  if (!oracle) return { missing: { ipvsadm: 'there is none for this kernel' } }
  return {
    writers: { 'ipvsadm -R': restore(table), 'one ipvsadm per operation': processEach(table) },
    readers: { 'ipvsadm -Ln': listing(table, '-L'), 'ipvsadm -Sn': listing(table, '-S') },
  }
}

/** It asks the kernel for what only mainline has. */
function moby(kernel, table) {
  if (kernel.dialect !== 'mainline') return {}
  if (!existsSync(mobyPeer)) return { missing: { 'moby/ipvs': options.mobyMissing } }
  const common = { operations: table.size, tells: true }
  const writes = words([mobyPeer, 'write', table.services.length, table.destinations.length])
  return {
    writers: { 'moby/ipvs': { command: writes, ...common } },
    readers: { 'moby/ipvs': { command: [mobyPeer, 'read'], ...common } },
  }
}

function pyroute2(kernel, table) {
  if (kernel.dialect !== 'mainline') return {}
  if (!existsSync(python)) return { missing: { pyroute2: options.pythonMissing } }
  const part = partOf(table, pythonShare)
  const writes = pythonCommand('write', part.services.length, part.destinations.length)
  const common = { operations: part.size, part: true, tells: true }
  return {
    writers: { pyroute2: { command: writes, ...common } },
    readers: { pyroute2: { command: pythonCommand('read'), table: part, ...common } },
  }
}

/** { writers: { name: program }, readers: …, missing: { name: reason } } */
function allPrograms(kernel, table) {
  const all = [
    { writers: { floor: floorWrite(table) }, readers: { floor: floorRead(table) } },
    moby(kernel, table),
    ipvsadm(table),
    pyroute2(kernel, table),
  ]
  const merged = (key) => Object.assign({}, ...all.map((one) => one[key] ?? {}))
  return { writers: merged('writers'), readers: merged('readers'), missing: merged('missing') }
}

const lastLine = (text) => text.trimEnd().split('\n').at(-1)

function wantExit({ error, status, signal, stderr }, limitMs) {
  if (error?.code === 'ETIMEDOUT') throw new Error(`takes more than ${limitMs / 1000} s`)
  if (error) throw error
  if (status === 0) return
  console.log(stderr)
  // What a program says last is what it died of; the line after it is that of `floor run`.
  const said = stderr.trimEnd().split('\n').at(-2) ?? ''
  throw new Error(`${signal ?? `status ${status}`}${said && `: ${said}`}`)
}

/** A sample of a program: { ms, operations, part, peakKb, version }. */
function runProgram(place, program, limitMs = 0) {
  const [file, ...args] = place.wrap([floor, 'run', ...program.command])
  const ended = spawnSync(file, args, {
    ...{ input: program.input ?? '', encoding: 'utf8', maxBuffer: 1 << 30 },
    ...{ timeout: limitMs, killSignal: 'SIGKILL' },
  })
  wantExit(ended, limitMs)
  const [wallMs, peakKb] = lastLine(ended.stderr).split(' ').map(Number)
  const { operations, part, tells, lines = 0 } = program
  if (!tells) {
    const count = ended.stdout.split('\n').length - 1
    if (count < lines) throw new Error(`${count} lines instead of ${lines} at least`)
    return { ms: wallMs, operations, part, peakKb }
  }
  const [ms, count, version] = lastLine(ended.stdout).split(' ')
  if (Number(count) !== operations) throw new Error(`${count} operations or records instead of ${operations}`)
  return { ms: Number(ms), operations, part, peakKb, version }
}

module.exports = { allPrograms, floorRead, floorWrite, listing, oracle, restore, runProgram }
