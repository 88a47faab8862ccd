// npm run bench:connections: what a listing of connections costs beside a program in C that reads the same file with the same
// buffer and does nothing else.
//
//   npm run bench:connections [-- --rows 1000000 --rounds 5 --only 'iterate()'] [--kernel mainline-6.1 --kernel mainline-newest]
//
// Without a kernel it is this machine: the list is a regular file, given page by page, so that the floor has next to nothing to
// do. In a guest the connections are the kernel's own.
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bootJob } from '../vm/index.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', multiple: true },
    kernel: { type: 'string', multiple: true, default: [] },
  },
})
const asked = { rows: Number(values.rows), rounds: Number(values.rounds), only: values.only }

const hex = (value, digits) => value.toString(16).toUpperCase().padStart(digits, '0')

/** As fullnat-v2 prints them. */
function writeList(path, rows) {
  const fd = openSync(path, 'w')
  let text = 'Pro FromIP   FPrt ToIP     TPrt LocalIP  LPrt DestIP   DPrt State       Expires\n'
  const states = ['ESTABLISHED', 'ESTABLISHED', 'ESTABLISHED', 'TIME_WAIT', 'SYN_RECV', 'FIN_WAIT']
  for (let i = 0; i < rows; i++) {
    const client = `${hex(0x0a100000 + (i >>> 4), 8)} ${hex(1024 + (i & 15), 4)}`
    const local = `${hex(0x0a000064 + (i % 20), 8)} ${hex(5000 + (i % 60_000), 4)}`
    const rest = `${hex(0x0a090000 + (i % 200), 8)} 1F90 ${states[i % states.length].padEnd(11)} ${String(i % 90).padStart(7)}`
    text += `TCP ${client} C0A86401 0050 ${local} ${rest}\n`
    if (text.length > 1 << 20) {
      writeSync(fd, text)
      text = ''
    }
  }
  writeSync(fd, text)
  closeSync(fd)
}

function show(title, { rows, reads, rounds, idle, node, results }) {
  console.log(
    `\n${title}: ${rows.toLocaleString('en')} rows, ${reads} reads, Node ${node}, median of ${rounds} rounds`,
  )
  console.log(`an idle loop stands still for ${idle.toFixed(1)} ms`)
  const width = Math.max(...results.map(({ name }) => name.length))
  console.log(`${''.padEnd(width)}        ms     best  x floor   CPU ms  block ms  MB more`)
  const { ms: floor } = results[0]
  for (const { name, ms, best, cpu, block, growth } of results) {
    const columns = [ms, best, ms / floor, cpu, block, growth].map((value, i) =>
      value.toFixed(i === 2 ? 2 : 1).padStart(9),
    )
    console.log(`${name.padEnd(width)} ${columns.join('')}`)
  }
}

const summaryOf = (text) => JSON.parse(/^connections: (.*)$/m.exec(text)[1])

const work = mkdtempSync(join(tmpdir(), 'ipvs-bench-'))
try {
  const program = join(root, 'test/bench/read-file')
  execFileSync('gcc', ['-O2', '-Wall', '-static', '-o', join(work, 'read-file'), `${program}.c`])
  if (values.kernel.length === 0) {
    const file = join(work, 'list')
    writeList(file, asked.rows)
    const env = {
      ...process.env,
      BENCH_CONNECTIONS: JSON.stringify({ ...asked, file }),
      BENCH_READ_FILE: join(work, 'read-file'),
    }
    const words = ['--expose-gc', join(root, 'test/bench/connections.cjs')]
    const { stdout, status } = spawnSync(process.execPath, words, {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    if (status !== 0) throw new Error(`status ${status}`)
    show('a regular file', summaryOf(stdout))
  }
  for (const name of values.kernel) {
    const lines = []
    const ended = await bootJob({
      ...{ kernel: name, project: root, smp: 2, memory: 3072, limitSeconds: 5400, packages: [] },
      // The kernel's count of connections is that of their slab, and SLUB merges slabs of one size.
      append: 'slab_nomerge',
      env: { BENCH_CONNECTIONS: JSON.stringify(asked), BENCH_READ_FILE: '/work/read-file' },
      script: 'node --expose-gc test/bench/connections.cjs',
      files: { 'read-file': join(work, 'read-file') },
      onLine: (line) => {
        lines.push(line)
        if (/bench: |error/i.test(line)) console.error(`${name}: ${line}`)
      },
    })
    if (ended.exitCode !== 0) throw new Error(`${name}: ${ended.status}, see ${ended.logFile}`)
    show(name, summaryOf(lines.join('\n')))
    ended.dispose()
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
