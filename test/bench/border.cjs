// What the TypeScript half of the border costs on this machine, without a kernel. Prints JSON: nanoseconds for each
// record, the best of several runs, and for the whole crossing the part of it that is spent on the event loop.
const { performance } = require('node:perf_hooks')
const { Ipvs } = require('../../dist')
const { capabilitiesOf } = require('../../dist/kernel/capabilities')
const { addDestination } = require('../../dist/client/destinations')
const { loadAddon } = require('../../dist/host/addon')
const { decodeDestination, decodeLocalAddress, decodeService } = require('../../dist/border/decode')
const {
  Dialect,
  outcomeFlags,
  presence,
  ReplyHeaderLayout,
  RequestHeaderLayout,
} = require('../../dist/border/layout.gen')
const { emptySections, packReply } = require('../../dist/border/pack-reply')
const { Reply } = require('../../dist/border/reply')
const { packRequests, RequestBuffer } = require('../../dist/border/request')
const { FakeKernel } = require('../../dist/testing')
const { timed } = require('./measure.cjs')
const { addAll, makeTable } = require('./table.cjs')

const RECORDS = 1000
const RUNS = 200

const service = { protocol: 'tcp', address: '192.0.2.1', port: 80 }
const addresses = Array.from({ length: RECORDS }, (_, i) => `10.2.${i >> 8}.${i & 255}`)
const files = { connMaxNum: true, fullnatSysctl: true, extStats: [] }
const context = { capabilities: capabilitiesOf('fullnat-v3', 'netlink', files, false), force: false }
const input = (i) => ({ address: addresses[i], port: 8080, forwarding: 'fullnat', weight: 1 })

/** Keeps results alive, so that the compiler cannot leave the work out. */
const kept = new Array(RECORDS)

function best(work) {
  let nanoseconds = Number.POSITIVE_INFINITY
  for (let run = 0; run < RUNS; run++) {
    const started = performance.now()
    work()
    nanoseconds = Math.min(nanoseconds, ((performance.now() - started) * 1e6) / RECORDS)
  }
  return nanoseconds
}

const each = (make) => () => {
  for (let i = 0; i < RECORDS; i++) kept[i] = make(i)
}

/** The least that JavaScript can do: as many words as a request has are stored, nothing is looked at. */
function packFloor() {
  const words = new Uint32Array(48 * RECORDS)
  return best(() => {
    for (let i = 0; i < RECORDS; i++) for (let word = 0; word < 20; word++) words[i * 48 + word] = i + word
  })
}

/** The least that JavaScript can do: an object of the same shape, nothing is read. */
function unpackFloor() {
  const zero = BigInt(0)
  return best(
    each((i) => ({
      address: addresses[i],
      port: 8080,
      family: 'ipv4',
      forwarding: 'fullnat',
      weight: 1,
      upperThreshold: 0,
      lowerThreshold: 0,
      tunnel: undefined,
      activeConnections: 0,
      inactiveConnections: 0,
      persistentConnections: 0,
      stats: {
        connections: zero,
        inPackets: zero,
        outPackets: zero,
        inBytes: zero,
        outBytes: zero,
        rates: undefined,
      },
    })),
  )
}

function pack() {
  const commands = Array.from({ length: RECORDS }, (_, i) => addDestination(context, service, input(i)))
  const buffer = new RequestBuffer(RECORDS)
  const fill = (fields) => () => {
    buffer.clear()
    for (let i = 0; i < RECORDS; i++) buffer.push(fields(i), 1)
  }
  return {
    check: best(each((i) => addDestination(context, service, input(i)))),
    pack: best(fill((i) => commands[i].fields)),
    'check and pack': best(fill((i) => addDestination(context, service, input(i)).fields)),
  }
}

const COUNTERS = ['connections', 'inPackets', 'outPackets', 'inBytes', 'outBytes']
const statsFields = (counter) =>
  Object.fromEntries(
    COUNTERS.flatMap((name) => [
      [name, counter],
      [`${name}PerSecond`, BigInt(0)],
    ]),
  )
const packed = (i) => ({ family: 2, a: 0x0a020000 + i, b: 0, c: 0, d: 0 })

/** A reply with RECORDS records of each kind. */
function reply(counter) {
  const sections = emptySections()
  for (let i = 0; i < RECORDS; i++) {
    const stats = statsFields(counter)
    const present = presence.stats | presence.stats64
    const target = { address: packed(i), port: 8080 }
    sections.services.push({
      ...{ requestIndex: 0, stats, present, destinationCount: 1, localAddressCount: 1 },
      key: { address: packed(i), protocol: 6, port: 80, fwmark: undefined },
      config: {
        ...{ scheduler: 'wrr', flags: 0x8002, persistenceTimeout: 0, netmask: 0xffffffff },
        ...{ establishedTimeout: 90, engine: undefined },
      },
    })
    sections.destinations.push({
      ...{ requestIndex: 0, parent: 0, stats, present, key: target },
      config: { forwarding: 5, weight: 1, upperThreshold: 0, lowerThreshold: 0, tunnel: undefined },
      ...{ activeConnections: 5, inactiveConnections: 6, persistentConnections: 0 },
    })
    sections.localAddresses.push({
      ...{ requestIndex: 0, parent: 0, key: { ...target, port: 0 }, portConflicts: counter, connections: 3 },
    })
  }
  return new Reply(packReply(sections, false))
}

function unpack() {
  const idle = reply(BigInt(0))
  const busy = reply(BigInt('12345678901'))
  const frozen = (i) => {
    const destination = decodeDestination(busy, i)
    Object.freeze(destination.stats)
    return Object.freeze(destination)
  }
  return {
    service: best(each((i) => decodeService(busy, i))),
    destination: best(each((i) => decodeDestination(busy, i))),
    'destination without traffic': best(each((i) => decodeDestination(idle, i))),
    'destination, frozen': best(each(frozen)),
    'local address': best(each((i) => decodeLocalAddress(busy, i))),
  }
}

/** A job of requests that the engine answers without a system call: operation 0 does not exist. */
async function crossing() {
  const { Connection } = loadAddon()
  const connection = new Connection('')
  const request = { fields: { operation: 0 }, transport: 1, timeout: 60000 }
  const job = packRequests(new Array(RECORDS).fill(request), Dialect.unknown)
  let whole = Number.POSITIVE_INFINITY
  let loop = Number.POSITIVE_INFINITY
  for (let run = 0; run < RUNS; run++) {
    const started = performance.now()
    let onLoop = 0
    await new Promise((resolve) => {
      connection.run(job, (answer) => {
        const came = performance.now()
        const { outcomes, numbers } = new Reply(answer)
        for (let i = 0; i < outcomes.count; i++)
          kept[i] = numbers[(outcomes.start + i * outcomes.stride) >> 2]
        onLoop += performance.now() - came
        if (new DataView(answer).getUint32(ReplyHeaderLayout.more, true) === 0) resolve()
      })
      onLoop += performance.now() - started
    })
    whole = Math.min(whole, ((performance.now() - started) * 1e6) / RECORDS)
    loop = Math.min(loop, (onLoop * 1e6) / RECORDS)
  }
  connection.close()
  return { whole, 'on the loop': loop }
}

/** A transport behind which everything succeeds at once: what is left is ours. */
function answeringTransport(kernel) {
  const fake = kernel.transport()
  let known = false
  return {
    ...fake,
    run(job, onReply) {
      if (!known) {
        known = true
        return fake.run(job, onReply)
      }
      const count = new DataView(job).getUint32(RequestHeaderLayout.count, true)
      const outcomes = Array.from({ length: count }, (_, requestIndex) => ({
        ...{ requestIndex, error: 0, syscall: 0, flags: outcomeFlags.sent },
      }))
      const answer = packReply({ ...emptySections(), outcomes }, false)
      return new Promise((resolve) => {
        setImmediate(() => {
          onReply(answer)
          resolve()
        })
      })
    },
  }
}

/** The calls of a table of 500 services x 20 destinations, 4 local addresses each, from the call to its promise. */
async function calls() {
  const kernel = new FakeKernel({ dialect: 'fullnat-v3', cpus: 2 })
  const client = await Ipvs.open({ transport: answeringTransport(kernel), timeout: 60000 })
  const table = makeTable({ fullnat: true }, { services: 500, destinations: 20, locals: 4 })
  const ways = {
    'batch()': () => client.batch((b) => addAll(b, table)),
    'Promise.all': () => {
      const made = []
      addAll(client, table, (call) => made.push(call))
      return Promise.all(made)
    },
  }
  const found = {}
  for (const [name, way] of Object.entries(ways)) {
    const samples = []
    for (let run = 0; run < 60; run++) samples.push((await timed(way)).sample)
    const warm = samples.slice(20)
    const middle = (key) => warm.map((sample) => sample[key]).sort((a, b) => a - b)[warm.length >> 1]
    found[name] = {
      ns: (middle('ms') * 1e6) / table.size,
      block: middle('block'),
      blockAfter: middle('blockAfter'),
    }
  }
  await client.close()
  return found
}

async function main() {
  const floors = { pack: packFloor(), unpack: unpackFloor() }
  const border = { pack: pack(), unpack: unpack(), crossing: await crossing() }
  console.log(JSON.stringify({ floors, ...border, calls: await calls() }))
}

main()
