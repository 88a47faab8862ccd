// Milliseconds, and the longest time in which the event loop did not turn.
const { monitorEventLoopDelay, performance } = require('node:perf_hooks')
const { setTimeout: sleep } = require('node:timers/promises')

/** Milliseconds between two looks at the loop; part of each delay that is seen, and taken off again. */
const resolution = 1

const longest = (delay) => Math.max(0, delay.max / 1e6 - resolution)

/** The first look only says when the loop turned: what is to be seen must begin after it. */
async function watchLoop() {
  const delay = monitorEventLoopDelay({ resolution })
  delay.enable()
  while (delay.count === 0) await sleep(resolution)
  return delay
}

/** Milliseconds until the loop turns. */
async function untilTurn() {
  const asked = performance.now()
  await sleep(resolution)
  return Math.max(0, performance.now() - asked - resolution)
}

/**
 * `work` makes calls and returns their promise. `ms`: all of it. `calls`: making the calls, which is the caller's own
 * code as much as ours. `block`: the longest that the loop stood still, making the calls included; `blockAfter`: the
 * same once they were made.
 */
async function timed(work) {
  // No forced collection before: V8 throws compiled code away with it, and the measurement is of a cold start.
  const whole = await watchLoop()
  const started = performance.now()
  const promise = work()
  const calls = performance.now() - started
  const after = monitorEventLoopDelay({ resolution })
  after.enable()
  const turned = untilTurn()
  const value = await promise
  const ms = performance.now() - started
  // A block at the very end is seen by the look that follows it.
  await sleep(2 * resolution)
  whole.disable()
  after.disable()
  const blockAfter = Math.max(await turned, longest(after))
  return { value, sample: { ms, calls, block: longest(whole), blockAfter } }
}

module.exports = { timed }
