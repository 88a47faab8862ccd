// npm run coverage: how much of the code the suites that need no kernel run.
//
//   node scripts/coverage.mjs [lib] [native]
//
// lib: lines of lib/ that the unit and contract suites reach, by V8. native: lines of native/ that the programs of
// test/native and test/fuzz reach, by gcov. The addon's own files are not among them: only Node can run those.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { CPP_FLAGS, library, parallel, programNames, programOf, root, run } from './native-programs.mjs'

const RUN_TIMEOUT_MS = 300_000
const FLAGS = [...CPP_FLAGS, '-O0', '--coverage']

async function must(command, args, options) {
  const { ok, stdout, stderr } = await run(command, args, options)
  if (!ok) throw new Error(`${command} ${args.slice(-1)} failed\n${stdout}${stderr}`)
}

function say(what, covered, total, least) {
  const percent = (part, whole) => `${((100 * part) / whole).toFixed(1)} %`
  console.log(`${what}: ${percent(covered, total)} of lines (${covered} of ${total})`)
  const worst = least
    .map(({ path, covered: some, total: all }) => ({ path, share: some / all, missing: all - some }))
    .filter(({ missing }) => missing > 0)
    .sort((one, other) => other.missing - one.missing)
    .slice(0, 5)
    .map(({ path, share, missing }) => `${path} ${percent(share, 1)}, ${missing} missing`)
  if (worst.length > 0) console.log(`  ${worst.join('\n  ')}`)
}

function coverLib() {
  const folder = mkdtempSync(join(tmpdir(), 'ipvs-coverage-'))
  try {
    const coverage = [
      '--coverage.enabled',
      '--coverage.provider=v8',
      '--coverage.include=lib/**/*.ts',
      '--coverage.reporter=json-summary',
      `--coverage.reportsDirectory=${folder}`,
    ]
    const vitest = join(root, 'node_modules/vitest/vitest.mjs')
    const suites = ['test/unit', 'test/contract']
    const args = ['run', '--config', 'test/vitest.config.mjs', '--reporter=dot', ...coverage, ...suites]
    const { status, stdout, stderr } = spawnSync(process.execPath, [vitest, ...args], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    })
    if (status !== 0) throw new Error(`the unit and contract suites failed\n${stdout}${stderr}`)
    const { total, ...files } = JSON.parse(readFileSync(join(folder, 'coverage-summary.json'), 'utf8'))
    const each = Object.entries(files).map(([path, { lines }]) => ({ path: relative(root, path), ...lines }))
    say('lib', total.lines.covered, total.lines.total, each)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** gcov's JSON of each object: a line counts once, run by whichever program. */
async function gcov(objects, target) {
  const lines = new Map()
  const read = async (object) => {
    const folder = mkdtempSync(join(target, 'gcov-'))
    await must('gcov', ['--json-format', object], { cwd: folder })
    for (const name of readdirSync(folder)) {
      const report = JSON.parse(gunzipSync(readFileSync(join(folder, name))).toString())
      for (const { file, lines: found } of report.files) {
        const path = relative(root, join(report.current_working_directory, file))
        const known = file.startsWith('/') ? relative(root, file) : path
        if (!known.startsWith('native/')) continue
        const counts = lines.get(known) ?? new Map()
        for (const { line_number: line, count } of found) counts.set(line, (counts.get(line) ?? 0) + count)
        lines.set(known, counts)
      }
    }
  }
  await parallel(objects, read)
  return lines
}

async function coverNativeIn(target) {
  const programs = programNames
    .map(programOf)
    .map((program) => ({ ...program, file: `${target}/${program.name}` }))
  const objectOf = (source) => `${target}/${source.replaceAll('/', '_')}.o`
  const needed = [...new Set([...library, ...programs.flatMap(({ parts }) => parts)])]
  await parallel(needed, (source) => must('g++', [...FLAGS, '-c', source, '-o', objectOf(source)]))
  await parallel(programs, ({ file, parts, wrapped }) => {
    const objects = [...parts, ...library].map(objectOf)
    return must('g++', ['--coverage', '-pthread', ...wrapped, ...objects, '-o', file])
  })
  await parallel(programs, ({ file }) => must(file, [], { timeout: RUN_TIMEOUT_MS }))
  // Of the programs' own objects, too: an inline function of a header is counted in the one that the linker took.
  const lines = await gcov(needed.map(objectOf), target)
  const each = [...lines].map(([path, counts]) => {
    const all = [...counts.values()]
    return { path, covered: all.filter((count) => count > 0).length, total: all.length }
  })
  const sum = (field) => each.reduce((total, file) => total + file[field], 0)
  say('native', sum('covered'), sum('total'), each)
}

/** In a folder of its own: objects and counts of other sources would be added up. */
async function coverNative() {
  const target = mkdtempSync(join(tmpdir(), 'ipvs-coverage-'))
  try {
    await coverNativeIn(target)
  } finally {
    rmSync(target, { recursive: true, force: true })
  }
}

const PARTS = { lib: coverLib, native: coverNative }
const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in PARTS))
if (unknown.length > 0) throw new Error(`no such part: ${unknown.join(', ')} (there are lib and native)`)
for (const [name, cover] of Object.entries(PARTS)) {
  if (wanted.length === 0 || wanted.includes(name)) await cover()
}
