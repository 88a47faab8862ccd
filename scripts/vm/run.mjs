// npm run test:vm [-- --kernel NAME]… [--filter FILE] [--test-name PATTERN] [--limit SECONDS]
//                    [--memory MB] [--project FOLDER] [--jobs N] [--keep] [--verbose]
//
// Runs the suite inside every kernel that can be had (kernels.mjs has their names), prints one line per kernel and a closing
// line. On mainline kernels other than the usual one that is the part that may differ between kernels, or what --filter says.
// --filter is part of a test file's path ('cycle' runs only the cycles on older Nodes), --keep leaves the
// guest's log and output in the temporary folder, --verbose shows the guest's console as it comes. --jobs is how many kernels
// are tested at a time: one more than there are CPUs where it is not given, as far as there is memory for them.
import { availableParallelism, freemem } from 'node:os'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { findKernel, kernelName, kernelNames } from './kernels.mjs'
import { addResults, closingLine, countsOf, missingLine, noResults } from './results.mjs'
import { testKernel } from './suite.mjs'
import { ensureTools } from './tools.mjs'

const top = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

const { values: given } = parseArgs({
  options: {
    kernel: { type: 'string', multiple: true, default: kernelNames },
    filter: { type: 'string' },
    'test-name': { type: 'string' },
    limit: { type: 'string', default: '5400' },
    memory: { type: 'string', default: '2048' },
    project: { type: 'string', default: process.env.IPVS_VM_PROJECT || top },
    jobs: { type: 'string' },
    keep: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
})

/** A guest waits a fifth of its time, for a connection to expire or a peer to answer: another one has the CPU then. */
function usualJobs() {
  const fit = Math.floor(freemem() / 2 ** 20 / Number(given.memory))
  return Math.max(1, Math.min(availableParallelism() + 1, fit))
}

const jobs = Number(given.jobs ?? usualJobs())
if (!Number.isInteger(jobs) || jobs < 1) throw new Error(`--jobs ${given.jobs}: a whole number from 1 on`)

const say = (text) => console.log(text)
const indent = (text) => text.replace(/^/gm, '    ')

function options(name) {
  return {
    project: resolve(given.project),
    filter: given.filter,
    testName: given['test-name'],
    limitSeconds: Number(given.limit),
    memory: Number(given.memory),
    keep: given.keep,
    onLine: given.verbose ? (line) => say(`${name} | ${line}`) : undefined,
  }
}

function report(name, result) {
  for (const { name: test, message } of result.failures) say(`FAILED ${test}\n${indent(message)}`)
  if (result.keptLog) say(`${name}: console log: ${result.keptLog}`)
  if (given.keep) for (const boot of result.boots) say(`${name} -smp ${boot.smp}: ${boot.workDir}`)
  const times = result.boots.map((boot) => `-smp ${boot.smp}: ${boot.seconds.toFixed(0)} s`)
  say(`${name}: ${result.seconds.toFixed(0)} s (${times.join(', ')})`)
  say(closingLine(name, result))
}

/** A failure of the harness itself on this kernel is a failure of the run. */
async function testOne(kernel) {
  try {
    return await testKernel(kernel, options(kernel.name))
  } catch (error) {
    const failures = [{ name: `${kernel.name}: harness`, message: error.stack }]
    return { ...noResults(), failed: 1, failures, release: 'not booted', seconds: 0, boots: [] }
  }
}

/** Those that run the whole suite take longest: they start first, so that none of them runs alone in the end. */
const longestFirst = (kernels) => [...kernels].sort((a, b) => Number(b.whole) - Number(a.whole))

async function main() {
  ensureTools(say)
  const total = noResults()
  const kernels = []
  for (const name of given.kernel.map(kernelName)) {
    const kernel = await findKernel(name, (text) => say(`${name}: ${text}`))
    if (kernel.missing) {
      say(missingLine(kernel))
      total.skipped += 1
    } else {
      kernels.push(kernel)
    }
  }
  const waiting = longestFirst(kernels)
  const next = async () => {
    for (let kernel = waiting.shift(); kernel; kernel = waiting.shift()) {
      const result = await testOne(kernel)
      report(kernel.name, result)
      addResults(total, result)
    }
  }
  await Promise.all(Array.from({ length: jobs }, next))
  say(countsOf(total))
  return total.failed > 0 ? 1 : 0
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(`test:vm: ${error.message}`)
  process.exitCode = 1
}
