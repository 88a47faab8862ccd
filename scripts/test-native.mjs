// Builds and runs the C++ tests of test/native and the fuzzers of test/fuzz: plain programs, without Node, under
// AddressSanitizer and UBSan; what hands over between threads under ThreadSanitizer as well.
//
//   node scripts/test-native.mjs [--valgrind] [--arm64] [--libfuzzer SECONDS [--corpus FOLDER]] [--seed NUMBER] [NAME...]
//
//   --valgrind    then once more, optimized, under valgrind (the fuzzers are left out: too slow to say anything)
//   --arm64       then once more for arm64, emulated (Debian: g++-aarch64-linux-gnu and qemu-user)
//   --libfuzzer   then the fuzzers with clang's libFuzzer for so long each (Debian: clang and libclang-rt-dev), from the
//                 same seeds and corpus and from what --corpus has; an input that fails is named and kept there
//   --corpus      a folder with one for each fuzzer, where what is new to it is kept for the next time
//                 (default: build/native-tests/corpus)
//   --seed        of libFuzzer, and of the half of each fuzzer's own 2 seconds that is not the same on every run
//                 (default: the day)
//   NAME          only programs whose name contains one of these
//
// Objects are kept in build/native-tests and made anew when a file they were made of is newer.
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import {
  CPP_FLAGS,
  fuzzers,
  inRoot,
  isFuzzer,
  library,
  parallel,
  programNames,
  programOf,
  run,
  tests,
} from './native-programs.mjs'

const target = 'build/native-tests'
const RUN_TIMEOUT_MS = 180_000

const COMMON = [...CPP_FLAGS, '-Wall', '-Wextra', '-Wconversion', '-Wsign-conversion', '-Wshadow', '-Werror']
const SANITIZE = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer']
const VARIANTS = {
  sanitize: { compiler: 'g++', flags: [...COMMON, '-O1', ...SANITIZE], link: SANITIZE },
  threads: {
    compiler: 'g++',
    flags: [...COMMON, '-O1', '-fsanitize=thread', '-fno-omit-frame-pointer'],
    link: ['-fsanitize=thread'],
  },
  plain: { compiler: 'g++', flags: [...COMMON, '-O2'], link: [] },
  arm64: { compiler: 'aarch64-linux-gnu-g++', flags: [...COMMON, '-O2'], link: [] },
  libfuzzer: {
    compiler: 'clang++',
    flags: [...COMMON, '-O1', ...SANITIZE, '-fsanitize=fuzzer-no-link', '-DIPVS_LIBFUZZER'],
    link: [...SANITIZE, '-fsanitize=fuzzer'],
  },
}

/** What more than one thread of ours is in: under ThreadSanitizer, too. */
const THREADED = ['job_queue_test', 'open_files_test', 'queue_sides_test', 'step_test']

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
  const programs = names.map(programOf)
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

function report(label, { ok, killed, code, stdout, stderr }, timeout) {
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
    if (killed) console.log(`  did not end within ${timeout / 1000} s`)
    else if (!counts) console.log(`  died (${code}) after: ${stdout.trimEnd().split('\n').at(-1)}`)
    if (stderr) console.log(stderr.trimEnd().replace(/^/gm, '  '))
  }
}

async function runAll(variant, names, command, timeout = RUN_TIMEOUT_MS) {
  const programs = await build(variant, names)
  await parallel(programs, async ({ name, file, failed }) => {
    const label = `${variant} ${name}`
    if (failed) {
      report(label, { ok: false, code: 'not built', stdout: '', stderr: failed })
      return
    }
    const [first, ...args] = command(inRoot(file), name)
    const env = { ...process.env, ...SANITIZER_OPTIONS }
    const result = await run(first, args, { timeout, env })
    // libFuzzer ends without a line of ours, and says what it has done on stderr.
    if (variant === 'libfuzzer' && result.ok) {
      const [, inputs] = /^Done (\d+) runs/m.exec(result.stderr) ?? []
      const [, features, kept] = /.*ft: (\d+) corp: (\d+)/s.exec(result.stderr) ?? []
      result.stdout += `ok ${inputs} inputs, ${features} features, a corpus of ${kept}\n1 passed, 0 failed`
    }
    report(label, result, timeout)
  })
}

const SANITIZER_OPTIONS = {
  ASAN_OPTIONS: 'detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=0:second_deadlock_stack=1:history_size=7',
}

/** Starts from the fuzzer's own seeds, the project's corpus and what was kept before. */
async function fuzz(names, seconds, seed, corpus) {
  for (const name of names) {
    const { ok, stderr } = await run(inRoot(`${target}/sanitize/${name}`), ['--seeds', `${corpus}/${name}`])
    if (!ok) throw new Error(`${name} writes no seeds: ${stderr}`)
  }
  const command = (file, name) => [
    file,
    `${corpus}/${name}`,
    inRoot(`${fuzzers}/corpus/${name}`),
    `-artifact_prefix=${corpus}/${name}/`,
    `-max_total_time=${seconds}`,
    '-max_len=8192',
    `-seed=${seed}`,
  ]
  await runAll('libfuzzer', names, command, RUN_TIMEOUT_MS + seconds * 1000)
}

const DAY_MS = 86_400_000

async function main() {
  const { values, positionals: wanted } = parseArgs({
    allowPositionals: true,
    options: {
      valgrind: { type: 'boolean', default: false },
      arm64: { type: 'boolean', default: false },
      libfuzzer: { type: 'string', default: '0' },
      corpus: { type: 'string', default: inRoot(`${target}/corpus`) },
      seed: { type: 'string', default: `${Math.floor(Date.now() / DAY_MS)}` },
    },
  })
  const seconds = Number(values.libfuzzer)
  if (!Number.isInteger(seconds)) throw new Error(`--libfuzzer takes seconds, not ${values.libfuzzer}`)
  const names = programNames.filter(
    (name) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
  )
  if (names.length === 0)
    throw new Error(`no program of ${tests} or ${fuzzers} is called ${wanted.join(' or ')}`)
  await runAll('sanitize', names, (file, name) =>
    isFuzzer(name) ? [file, '--seed', values.seed, inRoot(`${fuzzers}/corpus/${name}`)] : [file],
  )
  const threaded = names.filter((name) => THREADED.includes(name))
  if (threaded.length > 0) await runAll('threads', threaded, (file) => [file])
  if (values.valgrind) {
    const checked = names.filter((name) => !isFuzzer(name))
    await runAll('plain', checked, (file) => [
      'valgrind',
      '--quiet',
      '--error-exitcode=9',
      '--leak-check=full',
      file,
    ])
  }
  if (values.arm64) {
    const emulated = ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu']
    await runAll('arm64', names, (file, name) => [
      ...emulated,
      file,
      ...(isFuzzer(name) ? [inRoot(`${fuzzers}/corpus/${name}`)] : []),
    ])
  }
  if (seconds > 0) await fuzz(names.filter(isFuzzer), seconds, values.seed, resolve(values.corpus))
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
  process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0
}

await main()
