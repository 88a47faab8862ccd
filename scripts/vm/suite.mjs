// The test suite on one kernel: everything on one CPU, then the tests that need several. On kernels beside the usual one of
// their dialect what may differ between kernels: the contract, opening, and a comparison with the fake at random.
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { bootJob } from './boot-job.mjs'
import { run } from './command.mjs'
import { metricsResults } from './metrics-results.mjs'
import { cycleNodes } from './nodes.mjs'
import { addResults, cycleResults, guestResults, noResults, releaseOf, vitestResults } from './results.mjs'

const config = 'test/vm/vitest.config.mjs'
const cycle = 'test/vm/cycle.cjs'
const smpFolder = 'test/vm/smp'
const manyCpus = 4
const differing = [
  'contract',
  'contract-sockopt',
  'contract-open',
  'differential',
  'kernel-message',
  'metrics',
  'resize',
  'sysctl',
]
const differingFiles = differing.map((name) => `test/vm/${name}.test.ts`)
/** Sequences per interface; the usual kernels have as many as the test says. */
const fewSequences = { IPVS_DIFFERENTIAL_RUNS: '6' }

// What random tests start from, and how long they go on. A gate must not fail by chance, so under CI they start from the
// same seed every time; everywhere else from a new one, which is printed.
const gateSeeds = { IPVS_SEED: '20261123', IPVS_DIFFERENTIAL_SEED: '20261123' }
const handedOn = () => ({
  ...(process.env.CI ? gateSeeds : {}),
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^IPVS_(SEED|DIFFERENTIAL_)/.test(name)),
  ),
})

const quote = (value) => `'${value.replaceAll("'", "'\\''")}'`

// Through cat, so that vitest does not take the console for a terminal.
const keepStatus = (command, name) => `(${command}; echo $? >/work/out/${name}.status) 2>&1 | cat`

function vitestCommand({ files, testName }) {
  const reporters = '--reporter=verbose --reporter=json --outputFile.json=/work/out/vitest.json'
  const words = [...files, ...(testName ? ['-t', testName] : [])].map(quote)
  const run = `node node_modules/vitest/vitest.mjs run --config ${config} ${reporters}`
  return keepStatus([run, ...words].join(' '), 'vitest')
}

function cycleCommand(version) {
  const name = `cycle-${version}`
  const out = `/work/out/${name}.txt`
  return keepStatus(`/nodes/node-${version} ${cycle} >${out}; rc=$?; cat ${out}; (exit $rc)`, name)
}

function smpTests(project, filter) {
  const folder = join(project, smpFolder)
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true }) : []
  return names
    .map((name) => `${smpFolder}/${name}`)
    .filter((path) => /\.test\.[cm]?[jt]s$/.test(path) && (!filter || path.includes(filter)))
}

/** What a test in the guest preloads, built here: a guest has no compiler. */
function preloaded(project) {
  const source = join(project, 'test/vm/support/shorten.c')
  if (!existsSync(source)) return {}
  const folder = join(project, 'build/vm')
  mkdirSync(folder, { recursive: true })
  const library = join(folder, 'shorten.so')
  run('gcc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, source])
  return { 'preload/shorten.so': library }
}

/**
 * The boots to make: { smp, vitest?: string[] (files, all where there are none), cycle: boolean, env }. A filter has its way
 * on every kernel.
 */
export function plan({ project, filter, whole }) {
  if (!whole && !filter) return [{ smp: 1, vitest: differingFiles, cycle: false, env: fewSequences }]
  const onlyCycle = filter === 'cycle'
  const hasCycle = existsSync(join(project, cycle)) && (!filter || onlyCycle)
  const files = onlyCycle ? undefined : [filter ?? ''].filter(Boolean)
  const boots = [{ smp: 1, vitest: files, cycle: hasCycle, env: {} }]
  const smpFiles = smpTests(project, filter)
  if (smpFiles.length > 0) boots.push({ smp: manyCpus, vitest: smpFiles, cycle: false, env: {} })
  return boots
}

/**
 * Runs the suite on `kernel` (of findKernel). Returns { release, passed, failed, skipped, failures,
 * seconds, boots: [{ smp, seconds, workDir, status }] }.
 */
export async function testKernel(kernel, options) {
  const { project, filter, testName, limitSeconds, keep, onLine, memory } = options
  const sum = { ...noResults(), release: undefined, seconds: 0, boots: [] }
  const files = preloaded(project)
  for (const one of plan({ project, filter, whole: kernel.whole })) {
    const { smp, vitest, cycle: withCycle, env } = one
    const commands = []
    if (vitest) commands.push(vitestCommand({ files: vitest, testName }))
    if (withCycle) commands.push(...cycleNodes.map(cycleCommand))
    const script = [...commands, 'exit 0'].join('\n')
    const ended = await bootJob({
      kernel,
      project,
      script,
      smp,
      env: { ...env, ...handedOn() },
      files,
      limitSeconds,
      keep,
      onLine: (line) => {
        const counted = /differential: \d+ operations.*/.exec(line)
        if (counted) console.log(`${kernel.name}: ${counted[0]}`)
        onLine?.(line)
      },
      memory,
    })
    const results = guestResults(ended, kernel.name)
    if (ended.status === 'exit' || existsSync(join(ended.outDir, 'vitest.json'))) {
      if (vitest) addResults(results, vitestResults(ended.outDir, ended.log))
      if (withCycle)
        for (const version of cycleNodes) addResults(results, cycleResults(ended.outDir, version))
      addResults(results, await metricsResults(ended.outDir))
    }
    sum.release ??= releaseOf(ended)
    sum.seconds += ended.seconds
    sum.boots.push({ smp, seconds: ended.seconds, status: ended.status, workDir: ended.workDir })
    if (results.failed > 0) {
      for (const failure of results.failures) failure.name = `${kernel.name} (-smp ${smp}): ${failure.name}`
      sum.keptLog = ended.logFile
    } else {
      ended.dispose()
    }
    addResults(sum, results)
  }
  return sum
}
