// Builds and runs the C++ tests of test/native and the fuzzers of test/fuzz: plain programs, without Node, under
// AddressSanitizer and UBSan; what hands over between threads under ThreadSanitizer as well.
//
//   node scripts/test-native.mjs [--valgrind] [--libfuzzer SECONDS] [--seed NUMBER] [NAME...]
//
//   --valgrind    then once more, optimized, under valgrind (the fuzzers are left out: too slow to say anything)
//   --libfuzzer   then the fuzzers with clang's libFuzzer for so long each, from the same seeds and corpus; what it finds
//                 that is new goes to build/native-tests/corpus
//   --seed        of the half of each fuzzer's own 2 seconds that is not the same on every run (default: the day)
//   NAME          only programs whose name contains one of these
//
// Objects are kept in build/native-tests and made anew when a file they were made of is newer.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const tests = 'test/native'
const fuzzers = 'test/fuzz'
const target = 'build/native-tests'
const RUN_TIMEOUT_MS = 180_000

const COMMON = [
  '-std=c++20',
  '-g',
  '-fno-exceptions',
  '-fno-rtti',
  '-Wall',
  '-Wextra',
  '-Wconversion',
  '-Wsign-conversion',
  '-Wshadow',
  '-Werror',
  '-Inative',
  `-I${tests}`,
]
const SANITIZE = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer']
const VARIANTS = {
  sanitize: { compiler: 'g++', flags: [...COMMON, '-O1', ...SANITIZE], link: SANITIZE },
  threads: {
    compiler: 'g++',
    flags: [...COMMON, '-O1', '-fsanitize=thread', '-fno-omit-frame-pointer'],
    link: ['-fsanitize=thread'],
  },
  plain: { compiler: 'g++', flags: [...COMMON, '-O2'], link: [] },
  libfuzzer: {
    compiler: 'clang++',
    flags: [...COMMON, '-O1', ...SANITIZE, '-fsanitize=fuzzer-no-link', '-DIPVS_LIBFUZZER'],
    link: [...SANITIZE, '-fsanitize=fuzzer'],
  },
}

const inRoot = (path) => `${root}${path}`
const sources = (folder) =>
  readdirSync(inRoot(folder))
    .filter((name) => name.endsWith('.cc'))
    .map((name) => `${folder}/${name}`)

/** What more than one thread of ours is in: under ThreadSanitizer, too. */
const THREADED = ['job_queue_test', 'step_test']

const isFuzzer = (name) => name.startsWith('fuzz_')

// Everything but the addon, which needs Node, and what replaces parts of libstdc++ for the floor of the addon.
const library = ['abi', 'engine', 'ipvs', 'netlink', 'sys']
  .flatMap((folder) => sources(`native/${folder}`))
  .filter((path) => path !== 'native/sys/glibc_floor.cc')

function run(command, args, options = {}) {
  return new Promise((resolve) => {
    execFile(command, args, { cwd: root, maxBuffer: 1 << 26, ...options }, (error, stdout, stderr) => {
      resolve({ ok: !error, killed: error?.killed === true, code: error?.code, stdout, stderr })
    })
  })
}

/** Runs `work` on all items, as many at a time as there are processors. */
async function parallel(items, work) {
  const waiting = items.map((item, index) => ({ item, index }))
  const results = []
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) results[next.index] = await work(next.item)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  return results
}

const newest = (paths) =>
  Math.max(...paths.map((path) => (existsSync(path) ? statSync(path).mtimeMs : Infinity)))

function fresh(output, inputs) {
  return existsSync(output) && statSync(output).mtimeMs >= newest(inputs)
}

/** What the compiler wrote about the files an object was made of. */
function dependencies(file) {
  if (!existsSync(file)) return undefined
  const [, list] = readFileSync(file, 'utf8').split(/:\s/, 2)
  return list
    .replaceAll('\\\n', ' ')
    .split(/\s+/)
    .filter((path) => path !== '')
    .map((path) => (path.startsWith('/') ? path : inRoot(path)))
}

async function compile(source, variant, folder, stamp) {
  const object = `${folder}/${source.replaceAll('/', '_')}.o`
  const list = dependencies(inRoot(object.replace(/o$/, 'd')))
  if (list && fresh(inRoot(object), [...list, stamp])) return { object }
  const { compiler, flags } = VARIANTS[variant]
  const { ok, stderr } = await run(compiler, [...flags, '-MMD', '-c', source, '-o', object])
  return ok ? { object } : { object, failed: stderr }
}

/** The programs of a variant: name, file and, when one cannot be built, why. */
async function build(variant, names) {
  const folder = `${target}/${variant}`
  mkdirSync(inRoot(folder), { recursive: true })
  const { compiler, flags, link } = VARIANTS[variant]
  const stamp = inRoot(`${folder}/flags`)
  const text = [compiler, ...flags, ...link].join(' ')
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== text) writeFileSync(stamp, text)
  const programs = names.map((name) => {
    const source = `${isFuzzer(name) ? fuzzers : tests}/${name}.cc`
    const parts = [source]
    if (!isFuzzer(name)) parts.push(`${tests}/check.cc`)
    const code = readFileSync(inRoot(source), 'utf8')
    // A test that defines `__wrap_name` stands between the program and `name`.
    const wrapped = [...code.matchAll(/\b__wrap_(\w+)\(/g)].map(([, symbol]) => `-Wl,--wrap=${symbol}`)
    for (const helper of ['fake_kernel', 'interpose']) {
      if (code.includes(`"${helper}.h"`) || code.includes('"test_clock.h"'))
        parts.push(`${tests}/${helper}.cc`)
    }
    return { name, parts, wrapped }
  })
  const needed = [...new Set([...library, ...programs.flatMap(({ parts }) => parts)])]
  const objects = new Map()
  await parallel(needed, async (source) => objects.set(source, await compile(source, variant, folder, stamp)))
  return parallel(programs, async ({ name, parts, wrapped }) => {
    const file = `${folder}/${name}`
    const used = [...parts, ...library].map((source) => objects.get(source))
    const failed = used.find((object) => object.failed)?.failed
    if (failed) return { name, failed }
    const inputs = used.map(({ object }) => object)
    if (fresh(inRoot(file), [...inputs.map(inRoot), stamp])) return { name, file }
    const linked = await run(compiler, [...link, ...wrapped, '-pthread', ...inputs, '-o', file])
    return linked.ok ? { name, file } : { name, failed: linked.stderr }
  })
}

const totals = { passed: 0, failed: 0, skipped: 0 }

function report(label, { ok, killed, code, stdout, stderr }) {
  const counts = /(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$/.exec(stdout)
  const passed = Number(counts?.[1] ?? 0)
  // A program that dies, by a sanitizer for instance, has failed whatever it had printed.
  const failed = Math.max(Number(counts?.[2] ?? 0), ok ? 0 : 1)
  const skipped = Number(counts?.[3] ?? 0)
  totals.passed += passed
  totals.failed += failed
  totals.skipped += skipped
  console.log(`${label}: ${passed} passed, ${failed} failed, ${skipped} skipped`)
  for (const line of stdout.split('\n'))
    if (/^(FAILED|skipped|ok \d+ inputs|\s)/.test(line)) console.log(`  ${line}`)
  if (failed > 0) {
    if (killed) console.log(`  did not end within ${RUN_TIMEOUT_MS / 1000} s`)
    else if (!counts) console.log(`  died (${code}) after: ${stdout.trimEnd().split('\n').at(-1)}`)
    if (stderr) console.log(stderr.trimEnd().replace(/^/gm, '  '))
  }
}

async function runAll(variant, names, command) {
  const programs = await build(variant, names)
  await parallel(programs, async ({ name, file, failed }) => {
    const label = `${variant} ${name}`
    if (failed) {
      report(label, { ok: false, code: 'not built', stdout: '', stderr: failed })
      return
    }
    const [first, ...args] = command(inRoot(file), name)
    const env = { ...process.env, ...SANITIZER_OPTIONS }
    const result = await run(first, args, { timeout: RUN_TIMEOUT_MS, env })
    // libFuzzer ends without a line of ours.
    if (variant === 'libfuzzer' && result.ok) result.stdout += '1 passed, 0 failed'
    report(label, result)
  })
}

const SANITIZER_OPTIONS = {
  ASAN_OPTIONS: 'detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=0:second_deadlock_stack=1:history_size=7',
}

async function main() {
  const args = process.argv.slice(2)
  const valgrind = args.includes('--valgrind')
  const at = args.indexOf('--libfuzzer')
  const seconds = at < 0 ? 0 : Number(args[at + 1])
  if (at >= 0) args.splice(at, 2)
  const DAY_MS = 86_400_000
  const seedAt = args.indexOf('--seed')
  const [, seed] = seedAt < 0 ? [undefined, Math.floor(Date.now() / DAY_MS)] : args.splice(seedAt, 2)
  const wanted = args.filter((arg) => !arg.startsWith('--'))
  const names = [...sources(tests), ...sources(fuzzers)]
    .map((path) => basename(path, '.cc'))
    .filter((name) => name.endsWith('_test') || isFuzzer(name))
    .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  if (names.length === 0)
    throw new Error(`no program of ${tests} or ${fuzzers} is called ${wanted.join(' or ')}`)
  await runAll('sanitize', names, (file, name) =>
    isFuzzer(name) ? [file, '--seed', `${seed}`, inRoot(`${fuzzers}/corpus/${name}`)] : [file],
  )
  const threaded = names.filter((name) => THREADED.includes(name))
  if (threaded.length > 0) await runAll('threads', threaded, (file) => [file])
  if (valgrind) {
    const checked = names.filter((name) => !isFuzzer(name))
    await runAll('plain', checked, (file) => [
      'valgrind',
      '--quiet',
      '--error-exitcode=9',
      '--leak-check=full',
      file,
    ])
  }
  if (seconds > 0) {
    for (const name of names.filter(isFuzzer)) {
      const seeds = inRoot(`${target}/corpus/${name}`)
      const { ok, stderr } = await run(inRoot(`${target}/sanitize/${name}`), ['--seeds', seeds])
      if (!ok) throw new Error(`${name} writes no seeds: ${stderr}`)
    }
    await runAll('libfuzzer', names.filter(isFuzzer), (file, name) => [
      file,
      inRoot(`${target}/corpus/${name}`),
      inRoot(`${fuzzers}/corpus/${name}`),
      `-max_total_time=${seconds}`,
      '-max_len=8192',
      '-seed=1',
    ])
  }
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
  process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0
}

await main()
