// Runs parts of test/bench on one kernel.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bootJob, currentNode } from '../vm/index.mjs'
import { pyroute2 } from './pyroute2.mjs'

const cpus = 2
// Node takes a quarter of it for its heap; 210,000 operations at a time need more than 512 MB.
const megabytes = 6144
const limitSeconds = 5400
const needsGc = ['soak']

/** One process for each part: none has the memory or the compiled code of another. */
function script(parts, unpacks) {
  const lines = parts.map((part) => {
    const flags = needsGc.includes(part) ? '--expose-gc ' : ''
    return `node ${flags}test/bench/${part}.cjs || failed=1`
  })
  return [...unpacks, 'failed=0', ...lines, 'exit $failed'].join('\n')
}

async function pythonFor(kernel) {
  if (kernel.dialect !== 'mainline') return { files: {}, unpacks: [] }
  const { tar, missing } = await pyroute2()
  if (missing) return { files: {}, unpacks: [], missing }
  return {
    files: { 'python.tar': tar },
    unpacks: ['tar xf /work/python.tar -C /work && rm /work/python.tar'],
  }
}

/** A Go program is a matter of Go's own tools, so a ready one is taken (test/bench/moby-peer.go). */
function mobyFor(kernel) {
  const path = process.env.IPVS_BENCH_MOBY
  if (kernel.dialect !== 'mainline') return { files: {} }
  if (!path) return { files: {}, missing: 'IPVS_BENCH_MOBY names no program' }
  return { files: { 'project/test/bench/moby-peer': path } }
}

/** { failed, log, machine, results: { part: what it wrote } } */
export async function runInGuest({ kernel, project, floor, parts, options, onLine }) {
  const python = await pythonFor(kernel)
  const moby = mobyFor(kernel)
  const missing = { pythonMissing: python.missing, mobyMissing: moby.missing }
  const ended = await bootJob({
    kernel,
    project,
    smp: cpus,
    memory: megabytes,
    limitSeconds,
    packages: [],
    env: { BENCH_OPTIONS: JSON.stringify({ ...options, ...missing }) },
    script: script(parts, python.unpacks),
    files: { 'project/test/bench/floor': floor, ...moby.files, ...python.files },
    onLine,
  })
  const file = (name) => join(ended.outDir, name)
  const results = {}
  for (const part of parts) {
    if (existsSync(file(`${part}.json`)))
      results[part] = JSON.parse(readFileSync(file(`${part}.json`), 'utf8'))
  }
  const failed = ended.status !== 'exit' || ended.exitCode !== 0
  const release = existsSync(file('release')) ? readFileSync(file('release'), 'utf8').trim() : undefined
  const accelerator = process.env.IPVS_VM_ACCEL === 'kvm' ? 'KVM' : 'emulated'
  if (!failed) ended.dispose()
  return {
    ...{ failed, status: ended.status, logFile: ended.logFile, seconds: ended.seconds, results },
    machine: { release, node: currentNode, cpus, accelerator },
  }
}
