// A table in packed replies as the engine hands them over, and how long the event loop stands still: what is measured with them
// has no kernel in it.
const { performance } = require('node:perf_hooks')
const {
  Operation,
  outcomeFlags,
  presence,
  RequestHeaderLayout,
  RequestLayout,
} = require('../../dist/border/layout.gen')
const { emptySections, packReply } = require('../../dist/border/pack-reply')
const { FakeKernel } = require('../../dist/testing')

/** native/engine/job_runner.h: kRecordsPerStep. */
const RECORDS = 1000

const zero = BigInt(0)
const stats = (count) => ({
  connections: count,
  inPackets: count * BigInt(10),
  outPackets: count * BigInt(9),
  inBytes: count * BigInt(6000),
  outBytes: count * BigInt(90000),
  connectionsPerSecond: zero,
  inPacketsPerSecond: zero,
  outPacketsPerSecond: zero,
  inBytesPerSecond: zero,
  outBytesPerSecond: zero,
})
const present = presence.stats | presence.stats64
const packed = (word) => ({ family: 2, a: word >>> 0, b: 0, c: 0, d: 0 })

function serviceOf(i) {
  return {
    ...{ requestIndex: 0, stats: stats(BigInt(i + 5)), present, destinationCount: 0, localAddressCount: 0 },
    key: { address: packed(0xc0000000 + i), protocol: 6, port: 80, fwmark: undefined },
    config: {
      ...{ scheduler: 'wrr', flags: 2, persistenceTimeout: 0, netmask: 0xffffffff },
      ...{ establishedTimeout: 90, engine: undefined },
    },
  }
}

function destinationOf(i, parent) {
  return {
    ...{ requestIndex: 0, parent, stats: stats(BigInt(i + 7)), present },
    key: { address: packed(0x0a000000 + i), port: 8080 },
    config: { forwarding: 5, weight: 1, upperThreshold: 0, lowerThreshold: 0, tunnel: undefined },
    ...{ activeConnections: 5, inactiveConnections: 6, persistentConnections: 0 },
  }
}

/** The replies of one snapshot. */
function makeReplies(services, perService) {
  const replies = []
  let sections = emptySections()
  let count = 0
  const full = (more) => {
    replies.push(packReply(sections, more))
    sections = emptySections()
    count = 0
  }
  const put = (name, record) => {
    if (count++ === RECORDS) {
      full(true)
      count = 1
    }
    sections[name].push(record)
  }
  for (let i = 0; i < services; i++) put('services', serviceOf(i))
  for (let i = 0; i < services; i++)
    for (let j = 0; j < perService; j++) put('destinations', destinationOf(j, i))
  const outcome = { requestIndex: 0, error: 0, syscall: 0, flags: outcomeFlags.sent }
  sections.outcomes.push(outcome)
  full(false)
  return replies
}

/** A transport that answers each snapshot with these, one piece for each turn of the loop, as the addon does. */
function answering(replies) {
  const fake = new FakeKernel({ dialect: 'fullnat-v2' }).transport()
  return {
    ...fake,
    async run(job, onReply) {
      const operation = new DataView(job).getUint16(RequestHeaderLayout.size + RequestLayout.operation, true)
      if (operation !== Operation.snapshot) return fake.run(job, onReply)
      for (const reply of replies) {
        await new Promise((resolve) => setImmediate(resolve))
        onReply(reply.slice(0))
      }
    },
  }
}

/** Turns of the loop, and the longest of them, as long as it runs. */
function turns() {
  let longest = 0
  let going = true
  let last = performance.now()
  const turn = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (going) setImmediate(turn)
  }
  turn()
  return () => {
    going = false
    turn()
    return longest
  }
}

module.exports = { answering, makeReplies, turns }
