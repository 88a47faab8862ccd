// npm run test:vm [-- --kernel NAME]… [--filter FILE] [--test-name PATTERN] [--limit SECONDS]
//                    [--memory MB] [--project FOLDER] [--keep] [--verbose]
//
// Runs the suite inside every kernel that can be had (kernels.mjs has their names), prints one line per kernel and a closing
// line. On mainline kernels other than the usual one that is the part that may differ between kernels, or what --filter says.
// --filter is part of a test file's path ('cycle' runs only the Node 10 cycle), --keep leaves the
// guest's log and output in the temporary folder, --verbose shows the guest's console as it comes.
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
    keep: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
})

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

async function main() {
  ensureTools(say)
  const total = noResults()
  for (const name of given.kernel.map(kernelName)) {
    const kernel = await findKernel(name, (text) => say(`${name}: ${text}`))
    if (kernel.missing) {
      say(missingLine(kernel))
      total.skipped += 1
      continue
    }
    const result = await testOne(kernel)
    report(name, result)
    addResults(total, result)
  }
  say(countsOf(total))
  return total.failed > 0 ? 1 : 0
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(`test:vm: ${error.message}`)
  process.exitCode = 1
}
