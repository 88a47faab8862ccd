// The noise of the VM: the longest block of an event loop that has nothing to do but timers, and the memory of a
// process that only opens a client. Result: { blocks: [ms], openKb }
const { join } = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { timed } = require('./measure.cjs')
const { runPart } = require('./options.cjs')
const { askKernel, inFreshPlace } = require('./place.cjs')
const { runProgram } = require('./programs.cjs')

const rounds = 7
const idleMs = 300

async function main() {
  const kernel = await askKernel()
  const blocks = []
  for (let round = 0; round < rounds; round++) {
    const { sample } = await timed(async () => {
      const end = performance.now() + idleMs
      while (performance.now() < end) await sleep(1)
    })
    blocks.push(sample.block)
  }
  const command = [process.execPath, join(__dirname, 'once.cjs'), 'open', '1', '1', '0']
  const opened = await inFreshPlace(kernel, (place) =>
    runProgram(place, { command, operations: 0, tells: true }),
  )
  return { blocks, openKb: opened.peakKb }
}

runPart('idle', main)
