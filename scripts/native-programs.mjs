// The programs of test/native and test/fuzz: which there are, and what each is made of. For the scripts that build them.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
export const tests = 'test/native'
export const fuzzers = 'test/fuzz'

/** What every one of them is compiled with, and with `-pthread` linked. */
export const CPP_FLAGS = ['-std=c++20', '-g', '-fno-exceptions', '-fno-rtti', '-Inative', `-I${tests}`]

export const inRoot = (path) => `${root}${path}`

const sources = (folder) =>
  readdirSync(inRoot(folder))
    .filter((name) => name.endsWith('.cc'))
    .map((name) => `${folder}/${name}`)

export const isFuzzer = (name) => name.startsWith('fuzz_')

// Everything but the addon, which needs Node, and what the addon has in the place of libstdc++.
export const library = ['abi', 'engine', 'ipvs', 'netlink', 'sys']
  .flatMap((folder) => sources(`native/${folder}`))
  .filter((path) => path !== 'native/sys/cxx_runtime.cc')

export const programNames = [...sources(tests), ...sources(fuzzers)]
  .map((path) => basename(path, '.cc'))
  .filter((name) => name.endsWith('_test') || isFuzzer(name))

/** Its sources besides the library, and what the linker has to be told. */
export function programOf(name) {
  const source = `${isFuzzer(name) ? fuzzers : tests}/${name}.cc`
  const parts = [source]
  if (!isFuzzer(name)) parts.push(`${tests}/check.cc`)
  const code = readFileSync(inRoot(source), 'utf8')
  // A test that defines `__wrap_name` stands between the program and `name`.
  const wrapped = [...code.matchAll(/\b__wrap_(\w+)\(/g)].map(([, symbol]) => `-Wl,--wrap=${symbol}`)
  for (const helper of ['fake_kernel', 'interpose']) {
    if (code.includes(`"${helper}.h"`) || code.includes('"test_clock.h"')) parts.push(`${tests}/${helper}.cc`)
  }
  return { name, parts, wrapped }
}

export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const settings = { cwd: root, maxBuffer: 1 << 28, encoding: 'utf8', ...options }
    execFile(command, args, settings, (error, stdout, stderr) => {
      resolve({ ok: !error, killed: error?.killed === true, code: error?.code, stdout, stderr })
    })
  })
}

/** Runs `work` on all items, as many at a time as there are processors. */
export async function parallel(items, work) {
  const waiting = items.map((item, index) => ({ item, index }))
  const results = []
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) results[next.index] = await work(next.item)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  return results
}
