// What the parts of test/bench measured, as rows and ratios. Times of a part of the table are scaled to all of it.
import { median, quantile, round, slope } from './statistics.mjs'

/** Everything but these is a peer. */
const ours = {
  write: ['batch()', 'Promise.all', 'sequential awaits'],
  read: ['snapshot()', 'list() + N lists', 'iterate()'],
}
/** What peers are compared with. */
const best = { write: 'batch()', read: 'snapshot()' }

const list = (samples, key) => samples.map((sample) => sample[key]).filter((value) => value !== undefined)
const medianOf = (samples, key) => {
  const values = list(samples, key)
  return values.length > 0 ? round(median(values)) : undefined
}

/** Milliseconds for all `size` operations, from a sample that may have done a part of them. */
const scaledMs = ({ ms, operations, part }, size) => (part ? (ms * size) / operations : ms)

function row(name, samples, size, alone) {
  const times = samples.map((sample) => scaledMs(sample, size))
  const ms = median(times)
  const { operations, part = false, version } = samples[0]
  return {
    name,
    version,
    ms: round(ms),
    best: round(Math.min(...times)),
    perOperationUs: round((ms * 1000) / (part ? size : operations)),
    measuredOperations: operations,
    scaled: part,
    blockMs: medianOf(samples, 'block'),
    blockAfterMs: medianOf(samples, 'blockAfter'),
    callsMs: medianOf(samples, 'calls'),
    peakKb: alone?.peakKb ?? medianOf(samples, 'peakKb'),
    times: times.map(round),
  }
}

/** Adds how many times the floor's and our best method's time each row takes. */
function compare(rows, direction) {
  const floor = rows.find(({ name }) => name === 'floor')
  const own = rows.find(({ name }) => name === best[direction])
  for (const one of rows) {
    if (floor) one.timesFloor = round(one.ms / floor.ms)
    if (own) one.timesOurs = round(one.ms / own.ms)
  }
  return rows
}

/** Floor, ours, then the peers. */
function inOrder(names, direction) {
  const known = ['floor', ...ours[direction]]
  return [...known.filter((name) => names.includes(name)), ...names.filter((name) => !known.includes(name))]
}

function summariseDirection({ samples, missing, alone }, direction, size) {
  const rows = inOrder(Object.keys(samples), direction).map((name) => {
    const [, ...counted] = samples[name]
    const one = row(name, counted, size, alone[name])
    if (alone[name]) {
      // In a process of its own: nothing was compiled before.
      one.firstMs = round(scaledMs(alone[name], size))
    }
    return one
  })
  return { rows: compare(rows, direction), missing }
}

function summariseMethods({ write, read, ...about }) {
  return {
    ...about,
    write: summariseDirection(write, 'write', about.size),
    read: summariseDirection(read, 'read', about.size),
  }
}

function summariseGrowth({ rounds, points }) {
  const direction = ({ samples, missing }, operations) => {
    const found = Object.entries(samples).map(([name, taken]) => {
      const { ms, perOperationUs, times, peakKb } = row(name, taken, operations)
      return [name, { ms, perOperationUs, times, peakKb }]
    })
    const without = Object.entries(missing).map(([name, reason]) => [name, { ms: null, reason }])
    return Object.fromEntries([...found, ...without])
  }
  return {
    rounds,
    points: points.map(({ write, read, ...about }) => ({
      ...about,
      write: direction(write, about.operations),
      read: direction(read, about.operations),
    })),
  }
}

function summariseCallers({ callers, rounds }) {
  const each = rounds.map(({ ms, calls, latencies, block, blockAfter }) => ({
    ms,
    calls,
    callsPerSecond: (calls * 1000) / ms,
    latencyMedianMs: quantile(latencies, 0.5),
    latencyP99Ms: quantile(latencies, 0.99),
    latencyMaxMs: quantile(latencies, 1),
    blockMs: block,
    blockAfterMs: blockAfter,
  }))
  const medians = Object.keys(each[0]).map((key) => [key, medianOf(each, key)])
  return { callers, rounds: rounds.length, ...Object.fromEntries(medians) }
}

/** Growth per round over the second half, in bytes: what is compiled and cached at first is no leak. */
function summariseSoak({ points, ...about }) {
  const late = points.filter(({ round: at }) => at >= about.rounds / 2)
  const slopeOf = (key) => Math.round(slope(late.map((point) => [point.round, point[key]])))
  const keys = ['rss', 'heapUsed', 'external']
  return { ...about, slopePerRound: Object.fromEntries(keys.map((key) => [key, slopeOf(key)])), points }
}

function summariseIdle({ blocks, openKb }) {
  return { blockMs: round(median(blocks)), blockMaxMs: round(Math.max(...blocks)), openKb }
}

/** The parts, in the order in which they run, and what makes a summary of their results. */
export const parts = {
  idle: summariseIdle,
  methods: summariseMethods,
  growth: summariseGrowth,
  callers: summariseCallers,
  soak: summariseSoak,
}
