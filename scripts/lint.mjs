// Formatting and lint, each gate by itself and all of them whatever the others say; side by side, as many programs at a time
// as there are processors.
//
//   node scripts/lint.mjs [GATE...]     gates: see below
//
// A tool that is missing is installed with apt-get when this runs as root; otherwise its gate is skipped, as one is that could
// look at a part alone, and the last line counts it.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { nodeHeaders } from './node-headers.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const CPP = ['native', 'test/native', 'test/fuzz']
// "About 400" and "about 300" of the design: a twentieth more is still about.
const LIMITS = [
  { folders: CPP, ends: /\.(cc|h)$/, lines: 420 },
  { folders: ['lib'], ends: /\.ts$/, lines: 315 },
]
// Written by a program, or data.
const UNLIMITED = /\.gen\.(ts|h)$/

const inRoot = (path) => `${root}${path}`
const read = (path) => readFileSync(inRoot(path), 'utf8')

function files(folder, ends) {
  if (!existsSync(inRoot(folder))) return []
  return readdirSync(inRoot(folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return files(path, ends)
    return ends.test(entry.name) ? [path] : []
  })
}

const waiting = []
let free = availableParallelism()

/** Runs a program as soon as there is a processor for it. */
async function run(command, args) {
  if (free > 0) free--
  else await new Promise((resolve) => waiting.push(resolve))
  const result = await new Promise((resolve) => {
    execFile(command, args, { cwd: root, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ ok: !error, output: `${stdout}${stderr}`.trim() })
    })
  })
  const next = waiting.shift()
  if (next) next()
  else free++
  return result
}

let installed = Promise.resolve()

/** Undefined when the tool is there, or why it is not. One after the other: apt-get has a lock. */
function need(tool) {
  installed = installed.then(() => install(tool))
  return installed
}

async function install(tool) {
  if ((await run(tool, ['--version'])).ok) return undefined
  if (process.getuid?.() !== 0) return `${tool} is not installed`
  console.log(`${tool} is not installed, trying apt-get`)
  const { ok, output } = await run('apt-get', ['install', '-y', '--no-install-recommends', tool])
  return ok ? undefined : `${tool} is not installed, and apt-get cannot: ${output.split('\n').at(-1)}`
}

const passed = (note = '') => ({ state: 'passed', note })
const failed = (note) => ({ state: 'failed', note })
const skipped = (note) => ({ state: 'skipped', note })
const judged = ({ ok, output }) => (ok ? passed() : failed(output))

async function npmTool(name, args) {
  const file = `node_modules/.bin/${name}`
  if (!existsSync(inRoot(file))) return failed(`${name} is not installed: npm install`)
  return judged(await run(inRoot(file), args))
}

async function clangFormat() {
  const missing = await need('clang-format')
  if (missing) return skipped(missing)
  const sources = CPP.flatMap((folder) => files(folder, /\.(cc|h)$/))
  return judged(await run('clang-format', ['--dry-run', '-Werror', ...sources]))
}

// A file that was found clean is looked at again when it, a header, the checks or the tool have changed.
async function clangTidy() {
  const missing = await need('clang-tidy')
  if (missing) return skipped(missing)
  const headers = nodeHeaders()
  const flags = [
    '-std=c++20',
    '-fno-exceptions',
    '-fno-rtti',
    '-Inative',
    '-DNAPI_VERSION=7',
    '-DIPVS_VERSION=""',
  ]
  const napi = createRequire(import.meta.url)('node-addon-api').include_dir
  flags.push('-DNAPI_DISABLE_CPP_EXCEPTIONS', '-isystem', napi.startsWith('/') ? napi : inRoot(napi))
  if (headers) flags.push('-isystem', headers)
  const common = createHash('sha256')
    .update(flags.join(' '))
    .update((await run('clang-tidy', ['--version'])).output)
  for (const path of ['.clang-tidy', ...files('native', /\.h$/)]) common.update(read(path))
  const sources = files('native', /\.cc$/).filter((path) => headers || !path.startsWith('native/addon/'))
  const cache = 'build/lint'
  mkdirSync(inRoot(cache), { recursive: true })
  const found = []
  const check = async (source) => {
    const key = common.copy().update(read(source)).digest('hex')
    const stamp = inRoot(`${cache}/${source.replaceAll('/', '_')}`)
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === key) return
    const { ok, output } = await run('clang-tidy', ['--quiet', source, '--', ...flags])
    if (ok) writeFileSync(stamp, key)
    else found.push(output)
  }
  await Promise.all(sources.map(check))
  if (found.length > 0) return failed(found.join('\n'))
  return headers ? passed() : skipped('of native/addon: there is no node_api.h here (npm run build:native)')
}

async function fileSizes() {
  const long = LIMITS.flatMap(({ folders, ends, lines }) =>
    folders
      .flatMap((folder) => files(folder, ends))
      .filter((path) => !UNLIMITED.test(path))
      .map((path) => ({ path, count: read(path).split('\n').length - 1 }))
      .filter(({ count }) => count > lines)
      .map(({ path, count }) => `${path}: ${count} lines, at most ${lines}`),
  )
  return long.length === 0 ? passed() : failed(long.join('\n'))
}

async function layout() {
  return judged(await run(process.execPath, ['scripts/gen-layout.mjs', '--check']))
}

const GATES = {
  biome: () => npmTool('biome', ['check', '--error-on-warnings']),
  tsc: () => npmTool('tsc', ['--noEmit', '-p', 'tsconfig.json']),
  'tsc-tests': () => npmTool('tsc', ['-p', 'test/tsconfig.json']),
  'clang-format': clangFormat,
  'clang-tidy': clangTidy,
  'file-sizes': fileSizes,
  layout,
  // Guides and docstrings: dead links, public symbols without a word.
  docs: () => npmTool('typedoc', ['--emit', 'none', '--logLevel', 'Warn']),
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in GATES))
if (unknown.length > 0)
  throw new Error(`no such gate: ${unknown.join(', ')} (there are ${Object.keys(GATES).join(', ')})`)

const started = Date.now()
const running = Object.entries(GATES)
  .filter(([name]) => wanted.length === 0 || wanted.includes(name))
  .map(async ([name, gate]) => ({ name, ...(await gate()), seconds: (Date.now() - started) / 1000 }))
const counts = { passed: 0, failed: 0, skipped: 0 }
for (const ended of running) {
  const { name, state, note, seconds } = await ended
  counts[state]++
  console.log(`${state} ${name} (after ${seconds.toFixed(1)} s)`)
  if (note) console.log(note.replace(/^/gm, '  '))
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed > 0 ? 1 : 0
