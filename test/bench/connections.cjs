// Listing connections beside a floor in C that reads the same file with the same buffer and does nothing else.
//
// BENCH_CONNECTIONS: { rows, rounds, only?, file? }: `only` are names of methods. With `file` the list is that regular file, read page by page as /proc would
// give it; without, it is that of the kernel this runs on, filled by messages to its own sync daemon. Prints JSON.
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const { Ipvs } = require('../../dist')
const { FakeKernel } = require('../../dist/testing')
const { timed } = require('./measure.cjs')

const { rows, rounds, only, file } = JSON.parse(process.env.BENCH_CONNECTIONS)
/** What fs/seq_file.c gives at once. */
const PAGE = 4096
const floorProgram = process.env.BENCH_READ_FILE

const read = (fd, into, size) =>
  new Promise((resolve, reject) => {
    fs.read(fd, into, 0, size, null, (error, count) => (error ? reject(error) : resolve(count)))
  })

/** The files of a kernel, but for this one. */
function withFile({ files, ...transport }) {
  const open = async (name) => {
    if (name !== 'ip_vs_conn') return files.open(name)
    const fd = fs.openSync(file, 'r')
    return { read: (into) => read(fd, into, PAGE), close: () => fs.close(fd, () => {}) }
  }
  return { ...transport, files: { ...files, open } }
}

function* connections(from, to) {
  for (let i = from; i < to; i++) {
    const client = [`10.${16 + (i >>> 20)}.${(i >>> 12) & 255}.${(i >>> 4) & 255}`, 1024 + (i & 15)]
    const destination = [`10.9.${(i >>> 4) & 3}.${i & 63}`, 8080]
    yield { protocol: 6, client, virtual: [`192.0.2.${i & 7}`, 80], destination, state: 1, timeout: 86_400 }
  }
}

const ip = (...words) => execFileSync('ip', words, { stdio: 'ignore' })

/** As many as the daemon takes: what its socket has no room for is sent again. */
async function fill(ipvs) {
  const { sendConnections } = await import('../vm/net/sync-messages.mjs')
  const address = '10.77.0.1'
  ip('link', 'set', 'dummy0', 'up', 'multicast', 'on')
  ip('addr', 'add', `${address}/24`, 'dev', 'dummy0')
  await ipvs.daemons.start({ state: 'backup', interface: 'dummy0', syncId: 7 })
  const pause = () => new Promise((resolve) => setTimeout(resolve, 4))
  const step = 50_000
  for (let from = 0; from < rows; from += step) {
    const to = Math.min(rows, from + step)
    for (let tries = 0; tries < 4; tries++) {
      await sendConnections(connections(from, to), { syncId: 7, address, every: 8, pause })
      const before = tries === 0 ? -1 : fill.last
      fill.last = Number(fs.readFileSync('/proc/slabinfo', 'utf8').match(/^ip_vs_conn\s+(\d+)/m)?.[1] ?? 0)
      if (fill.last >= to || fill.last === before) break
    }
    console.error(`bench: ${to} connections sent, ${fill.last} there`)
  }
  await ipvs.daemons.stop('backup')
}

const every = {
  'count()': (ipvs) => ipvs.connections.count(),
  'count({ client })': (ipvs) => ipvs.connections.count({ client: '10.16.0.1' }),
  "count({ by: 'destination' })": (ipvs) => ipvs.connections.count({ by: 'destination' }),
  'iterate()': async (ipvs) => {
    let expires = 0
    for await (const one of ipvs.connections.iterate()) expires += one.expires
    return expires
  },
  'iterate({ limit: 100 })': async (ipvs) => {
    for await (const _ of ipvs.connections.iterate({ limit: 100 }));
  },
}

const methods = only ? Object.fromEntries(only.map((name) => [name, every[name]])) : every

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]

function floor() {
  const [ms, reads] = execFileSync(floorProgram, [file ?? '/proc/net/ip_vs_conn', String(PAGE)], {
    encoding: 'utf8',
  })
    .trim()
    .split(' ')
    .map(Number)
  return { ms, reads }
}

/** The most that the process grew by, in MB. */
async function watchingMemory(work) {
  const before = process.memoryUsage().rss
  let most = before
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss)
  }, 20)
  try {
    return { ...(await work()), growth: (most - before) / 1e6 }
  } finally {
    clearInterval(timer)
  }
}

async function main() {
  const ipvs = file
    ? await Ipvs.open({ transport: withFile(new FakeKernel({ dialect: 'fullnat-v2' }).transport()) })
    : await Ipvs.open({ timeout: 600_000 })
  if (!file) await fill(ipvs)
  const found = await ipvs.connections.count()
  const samples = { floor: [], ...Object.fromEntries(Object.keys(methods).map((name) => [name, []])) }
  let reads = 0
  for (let round = 0; round < rounds; round++) {
    const { ms, reads: counted } = floor()
    reads = counted
    samples.floor.push({ ms })
    for (const [name, method] of Object.entries(methods)) {
      const cpu = process.cpuUsage()
      const { sample, growth } = await watchingMemory(() => timed(() => method(ipvs)))
      const { user, system } = process.cpuUsage(cpu)
      samples[name].push({ ...sample, growth, cpu: (user + system) / 1000 })
    }
    console.error(`bench: round ${round + 1} of ${rounds}`)
  }
  const idle = (await timed(() => new Promise((resolve) => setTimeout(resolve, 500)))).sample.block
  await ipvs.close()
  const of = (name, field) => median(samples[name].map((sample) => sample[field] ?? 0))
  const results = Object.keys(samples).map((name) => ({
    ...{
      name,
      ms: of(name, 'ms'),
      best: Math.min(...samples[name].map(({ ms }) => ms)),
      cpu: of(name, 'cpu'),
    },
    ...{ block: of(name, 'block'), growth: Math.max(...samples[name].map(({ growth = 0 }) => growth)) },
  }))
  const summary = { rows: found, reads, rounds, idle, node: process.version, results }
  console.log(`connections: ${JSON.stringify(summary)}`)
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
