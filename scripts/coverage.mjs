// npm run coverage: how much of the code the suites that need no kernel run.
//
//   node scripts/coverage.mjs [lib] [native]
//
// lib: what the unit and contract suites reach of lib/, by vitest and V8. native: what the programs of test/native and
// test/fuzz reach of native/, by gcovr. The addon's own files are not among them: only Node can run those.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CPP_FLAGS, library, parallel, programNames, programOf, root, run } from './native-programs.mjs'

const RUN_TIMEOUT_MS = 300_000
const FLAGS = [...CPP_FLAGS, '-O0', '--coverage']

async function must(command, args, options) {
  const { ok, stdout, stderr } = await run(command, args, options)
  if (!ok) throw new Error(`${command} ${args.slice(-1)} failed\n${stdout}${stderr}`)
}

function show(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (error?.code === 'ENOENT') throw new Error(`${command} is not installed: apt-get install ${command}`)
  if (status !== 0) throw new Error(`${command} failed`)
}

function coverLib() {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const suites = ['test/unit', 'test/contract']
  const args = ['run', '--config', 'test/vitest.config.mjs', '--reporter=dot', '--coverage', ...suites]
  show(process.execPath, [vitest, ...args])
}

/** In a folder of its own: objects and counts of other sources would be added up. */
async function coverNative() {
  const target = mkdtempSync(join(tmpdir(), 'ipvs-coverage-'))
  try {
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
    show('gcovr', ['--root', root, '--filter', 'native/', '--sort-uncovered', target])
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
