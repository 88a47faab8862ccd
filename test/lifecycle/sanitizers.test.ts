/**
 * The fixtures with an addon that was built for a sanitizer, in a stock Node that has the sanitizer's library preloaded.
 * With CI_FULL=1 all of them with pools of 1, 2 and 4 threads, else one of each kind.
 */
import { execFileSync } from 'node:child_process'
import { beforeAll, describe, expect, it } from 'vitest'
// @ts-expect-error: a script without types
import { buildSanitizedAddon, runtimeLibrary, SANITIZERS } from '../../scripts/sanitize-addon.mjs'
import { type Options, runFixture, TIMEOUT } from './run-fixture'

const BUILD_TIMEOUT = 300_000
const full = process.env.CI_FULL === '1'

type Fixture = [name: string, args: readonly (string | number)[], options?: Options]
const ALL: Fixture[] = [
  ['pipeline', []],
  ['burst', [60], { slowUnlock: 600 }],
  ['workers', [3, 10]],
  ['terminate', [6, 'terminate']],
  ['terminate', [6, 'exit']],
  ['worker-sockets', [3]],
  ['worker-files', ['terminate', 'reading']],
  ['worker-files', ['exit', 'reading']],
  ['exit', [16, 0]],
  ['misuse', []],
  ['throwing-callback', []],
  ['stop', ['terminate', 5], { kernel: 'silent' }],
  ['silent', [3, 300], { kernel: 'silent' }],
]
const SHORT = ['pipeline', 'burst', 'terminate', 'worker-files', 'stop']
const POOLS = full ? [1, 2, 4] : [2]
const chosen = ALL.filter(([name]) => full || SHORT.includes(name))
const left = ALL.filter((one) => !chosen.includes(one)).map(([name, args]) => [name, ...args].join(' '))

const ENV = {
  // Node and V8 leave much behind at exit by design, so a leak fails a test only with a frame of ours in it.
  ASAN_OPTIONS: 'detect_leaks=1:fast_unwind_on_malloc=0',
  LSAN_OPTIONS: 'exitcode=0:max_leaks=0',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  // Node, V8 and libuv are not instrumented: what they do with their own memory is not looked at. Their mutexes are.
  TSAN_OPTIONS: 'ignore_noninstrumented_modules=1:exitcode=66',
}

/** Reports of the sanitizers in which a frame is ours. */
function reports(stderr: string): string[] {
  const all = stderr.split(
    /(?=^(?:=+\n)?(?:WARNING: ThreadSanitizer|.*ERROR: AddressSanitizer|(?:In|D)irect leak|.*runtime error:))/m,
  )
  return all.filter(
    (one) => /ipvs|native\/(addon|engine|sys|netlink|abi)/.test(one) && !/^Suppressions/.test(one),
  )
}

describe.each(Object.keys(SANITIZERS))('the addon under the %s sanitizer', (sanitizer) => {
  let prebuild: string
  let libraries: string[]
  beforeAll(async () => {
    prebuild = await buildSanitizedAddon(sanitizer)
    libraries = SANITIZERS[sanitizer].libraries.map(runtimeLibrary)
  }, BUILD_TIMEOUT)

  it('stays loaded when a worker that had it ends, as the one that is shipped does', () => {
    const file = `${prebuild}/build/Release/ipvs_fullnat.node`
    expect(execFileSync('readelf', ['--dynamic', file], { encoding: 'utf8' })).toContain('NODELETE')
  })

  for (const threads of POOLS) {
    it.each(chosen)(
      `%s %j with a pool of ${threads}`,
      { timeout: TIMEOUT },
      async (name, args, options = {}) => {
        const env = { ...ENV, IPVS_FULLNAT_PREBUILD: prebuild }
        // What a process that calls process.exit() had in use is no leak.
        if (name === 'exit' || name === 'stop') env.ASAN_OPTIONS = 'detect_leaks=0'
        const ended = await runFixture(name, args, { ...options, threads, libraries, env })
        expect(reports(ended.stderr)).toEqual([])
        expect(ended).toMatchObject({ signal: undefined, timedOut: false })
        expect(ended.status).toBe(name === 'exit' || name === 'stop' ? 7 : 0)
      },
    )
  }

  it.skipIf(full)(`CI_FULL=1 has in addition, with pools of 1, 2 and 4: ${left.join(', ')}`, (context) =>
    context.skip(),
  )
})
