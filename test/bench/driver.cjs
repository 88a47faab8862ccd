// Runs inside the guest: measures the library beside the floor and the kernel's own ipvsadm, interleaved, and writes
// /work/out/bench.json. Arguments: SERVICES DESTINATIONS LOCAL_ADDRESSES ROUNDS.
const { execFileSync, spawn } = require('child_process')
const { mkdirSync, writeFileSync } = require('fs')
const { join } = require('path')
const { monitorEventLoopDelay, performance } = require('perf_hooks')
const { Ipvs } = require('../../dist')

const [services, destinations, wantedLocals, rounds] = process.argv.slice(2).map(Number)
const floor = join(__dirname, 'floor')
const oracle = process.env.IPVS_ORACLE

/** What `floor.c` adds: TCP 192.0.X.Y:80, destinations 10.2.J.1:8080, local addresses 10.1.0.K. */
function table(locals) {
  const list = []
  for (let i = 0; i < services; i++) {
    list.push({ protocol: 'tcp', address: `192.0.${i >> 8}.${i & 255}`, port: 80 })
  }
  return {
    list,
    locals: Array.from({ length: locals }, (_, k) => `10.1.0.${k + 1}`),
    destinations: Array.from({ length: destinations }, (_, j) => `10.2.${j}.1`),
  }
}

/** A place with an empty table: on mainline a new namespace, because adding after a flush is slow there for a minute. */
async function freshPlace(dialect) {
  if (dialect !== 'mainline') return { options: {}, wrap: (command) => command, leave() {} }
  // With lo down there is no local routing table, and every destination is refused (fib_frontend.c:inet_addr_type).
  const holder = spawn('unshare', ['-n', 'sh', '-c', '/sbin/ip link set lo up; echo ready; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await new Promise((resolve) => holder.stdout.once('data', resolve))
  return {
    options: { netns: holder.pid },
    wrap: (command) => ['nsenter', '-t', String(holder.pid), '-n', ...command],
    leave: () => holder.kill(),
  }
}

const run = (place, command, input) => {
  const [file, ...args] = place.wrap(command)
  return execFileSync(file, args, { input, encoding: 'utf8', maxBuffer: 1 << 28 })
}

/** Milliseconds, and the longest time in which the event loop did not turn. */
async function timed(work) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const started = performance.now()
  const result = await work()
  const ms = performance.now() - started
  delay.disable()
  return { ms, block: delay.max / 1e6, result }
}

function put(target, { list, locals, destinations: addresses }, forwarding) {
  for (const service of list) {
    target.services.add({ ...service, scheduler: 'rr' })
    for (const address of locals) target.localAddresses.add(service, address)
    for (const address of addresses) {
      target.destinations.add(service, { address, port: 8080, forwarding })
    }
  }
}

function check(outcomes, expected) {
  const failed = outcomes.find((outcome) => outcome && outcome.status === 'rejected')
  if (failed) throw failed.error
  if (outcomes.length !== expected) throw new Error(`${outcomes.length} outcomes instead of ${expected}`)
}

/** Lines for `ipvsadm -R`, in the dialect of the tool. */
function restoreText({ list, locals, destinations: addresses }, fullnat) {
  const lines = []
  for (const { address: vip } of list) {
    lines.push(`-A -t ${vip}:80 -s rr`)
    for (const address of locals) lines.push(`-P -t ${vip}:80 -z ${address}`)
    for (const address of addresses)
      lines.push(`-a -t ${vip}:80 -r ${address}:8080 ${fullnat ? '-b' : '-m'} -w 1`)
  }
  return lines
}

async function main() {
  const probe = await Ipvs.open()
  const { dialect, capabilities } = probe
  await probe.close()
  const fullnat = capabilities.fullnat
  const locals = fullnat ? wantedLocals : 0
  const data = table(locals)
  const operations = services * (1 + locals + destinations)
  const forwarding = fullnat ? 'fullnat' : 'masquerade'
  const samples = {}
  const record = (name, ms, block) => {
    if (!samples[name]) samples[name] = []
    samples[name].push({ ms, block })
  }

  /** Runs `write` on an empty table. */
  const onEmpty = async (name, write, read) => {
    const place = await freshPlace(dialect)
    const client = await Ipvs.open({ ...place.options, timeout: 120000 })
    try {
      await client.flush()
      const { ms, block } = await write(place, client)
      record(name, ms, block)
      if (read) await read(place, client)
    } finally {
      await client.flush()
      await client.close()
      place.leave()
    }
  }

  const writers = {
    floor: async (place) => ({
      ms: Number(run(place, [floor, 'write', services, destinations, locals, fullnat ? 1 : 0].map(String))),
    }),
    batch: async (_, client) =>
      timed(async () => check(await client.batch((b) => put(b, data, forwarding)), operations)),
    'Promise.all': async (_, client) =>
      timed(async () => {
        const calls = []
        const keep = (facade) =>
          new Proxy(facade, {
            get:
              (of, name) =>
              (...args) =>
                calls.push(of[name](...args)),
          })
        put(
          {
            services: keep(client.services),
            destinations: keep(client.destinations),
            localAddresses: keep(client.localAddresses),
          },
          data,
          forwarding,
        )
        check(await Promise.all(calls), operations)
      }),
    'sequential awaits': async (_, client) => {
      // A tenth of the table, scaled: it is far from the others.
      const part = { ...data, list: data.list.slice(0, Math.ceil(services / 10)) }
      const measured = await timed(async () => {
        for (const service of part.list) {
          await client.services.add({ ...service, scheduler: 'rr' })
          for (const address of part.locals) await client.localAddresses.add(service, address)
          for (const address of part.destinations) {
            await client.destinations.add(service, { address, port: 8080, forwarding })
          }
        }
      })
      return { ms: (measured.ms * services) / part.list.length, block: measured.block }
    },
  }
  if (oracle) {
    const lines = restoreText(data, fullnat)
    writers['ipvsadm -R'] = async (place) => {
      const started = performance.now()
      run(place, [oracle, '-R'], `${lines.join('\n')}\n`)
      return { ms: performance.now() - started }
    }
    writers['one ipvsadm per operation'] = async (place) => {
      const some = lines.slice(0, 200)
      const started = performance.now()
      for (const line of some) run(place, [oracle, ...line.split(' ')])
      return { ms: ((performance.now() - started) * lines.length) / some.length }
    }
  }

  const records = services * (1 + locals + destinations)
  const readers = {
    floor: async (place) => {
      const [ms, count] = run(place, [floor, 'read', services, locals].map(String)).split(' ').map(Number)
      if (count !== records) throw new Error(`floor read ${count} records instead of ${records}`)
      return { ms }
    },
    'snapshot()': async (_, client) =>
      timed(async () => {
        const { services: found } = await client.snapshot()
        const last = found[found.length - 1]
        if (found.length !== services || last.destinations.length !== destinations)
          throw new Error('incomplete')
      }),
    'list() and N lists': async (_, client) =>
      timed(async () => {
        const found = await client.services.list()
        await Promise.all(
          found.flatMap((service) => [
            client.destinations.list(service),
            ...(fullnat ? [client.localAddresses.list(service)] : []),
          ]),
        )
      }),
    'iterate()': async (_, client) =>
      timed(async () => {
        for await (const service of client.services.iterate()) {
          for await (const _destination of client.destinations.iterate(service));
        }
      }),
  }
  if (oracle) {
    const args = fullnat ? ['-L', '-n'] : ['-S', '-n']
    readers[`ipvsadm ${args.join('').replace('-n', 'n')}`] = async (place) => {
      const started = performance.now()
      run(place, [oracle, ...args])
      return { ms: performance.now() - started }
    }
  }

  const readAll = async (place, client) => {
    for (const [name, read] of Object.entries(readers)) {
      const { ms, block } = await read(place, client)
      record(`read: ${name}`, ms, block)
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, write] of Object.entries(writers)) {
      await onEmpty(`write: ${name}`, write, name === 'batch' ? readAll : undefined)
    }
    console.log(`round ${round + 1} of ${rounds}`)
  }
  const rss = process.memoryUsage().rss
  mkdirSync('/work/out', { recursive: true })
  writeFileSync(
    '/work/out/bench.json',
    JSON.stringify({ dialect, services, destinations, locals, operations, records, rounds, rss, samples }),
  )
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
