// Counts what a boot left behind: vitest's JSON report, the lines of the cycles, and how the
// guest itself ended.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const noResults = () => ({ passed: 0, failed: 0, skipped: 0, failures: [] })

export const countsOf = (result) =>
  `${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped`

/** What is said in the end of a kernel that ran; `release` is that of releaseOf(). */
export const closingLine = (name, { release, ...result }) => `${name} (${release}): ${countsOf(result)}`

/** What is said of a kernel that could not be had. It counts as one that is skipped. */
export const missingLine = ({ name, missing }) => `${name}: no image (${missing}), skipped`

/** Adds `more` to `sum`. */
export function addResults(sum, more) {
  sum.passed += more.passed
  sum.failed += more.failed
  sum.skipped += more.skipped
  sum.failures.push(...more.failures)
}

function fail(result, name, message) {
  result.failed += 1
  result.failures.push({ name, message })
}

const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined)

const lastLines = 40

const inProject = (path) => path.replace(/^\/work\/project\//, '')

/** What vitest printed of a file's failure. Its report in JSON has none of what hooks of a `describe` threw. */
function printedFailure(log, path) {
  const lines = log.split(/\r?\n/)
  const first = lines.findIndex((line) => line.trimStart().startsWith('FAIL') && line.includes(path))
  if (first < 0) return 'no message; see the console log'
  const length = lines.slice(first + 1).findIndex((line) => line.startsWith('⎯'))
  return lines.slice(first, first + 1 + (length < 0 ? lastLines : length)).join('\n')
}

function countFile(result, file, log) {
  for (const test of file.assertionResults) {
    if (test.status === 'passed') result.passed += 1
    else if (test.status !== 'failed') result.skipped += 1
    else {
      const name = `${inProject(file.name)} > ${[...test.ancestorTitles, test.title].join(' > ')}`
      fail(result, name, test.failureMessages.join('\n'))
    }
  }
  const known = file.assertionResults.some((test) => test.status === 'failed')
  // The file could not be loaded, or a hook outside the tests failed.
  if (file.status === 'failed' && !known) {
    const path = inProject(file.name)
    fail(result, path, file.message || printedFailure(log, path))
  }
}

/** Results of vitest in `outDir`: vitest.json and vitest.status; `log` is what it printed. */
export function vitestResults(outDir, log) {
  const result = noResults()
  const status = read(join(outDir, 'vitest.status'))
  const json = read(join(outDir, 'vitest.json'))
  if (!json) {
    fail(result, 'vitest', `no report (status ${status ?? 'unknown'}); see the console log`)
    return result
  }
  for (const file of JSON.parse(json).testResults) countFile(result, file, log)
  if (result.failed === 0 && status !== '0') {
    fail(result, 'vitest', `status ${status} though no test failed; see the console log`)
  }
  if (result.failed + result.passed + result.skipped === 0) fail(result, 'vitest', 'no test ran')
  return result
}

/** Results of the cycle on the oldest Node: cycle.txt (lines `ok …` / `not ok …`), cycle.status. */
export function cycleResults(outDir, version) {
  const cycle = `cycle-${version}`
  const result = noResults()
  const text = read(join(outDir, `${cycle}.txt`)) ?? ''
  const status = read(join(outDir, `${cycle}.status`))
  const lines = text.split('\n')
  for (const line of lines) {
    const [, not, name] = /^(not )?ok\b[ \t]*(.*)$/.exec(line) ?? []
    if (name === undefined) continue
    if (not) fail(result, `${cycle} > ${name}`, text.slice(text.indexOf(line)))
    else if (/# skip/i.test(name)) result.skipped += 1
    else result.passed += 1
  }
  if (result.failed === 0 && status !== '0') {
    fail(result, cycle, `status ${status ?? 'unknown'}\n${text}`)
  }
  if (result.failed + result.passed + result.skipped === 0) fail(result, cycle, 'no check ran')
  return result
}

/** The guest's own end as a result: nothing, or one failure. */
export function guestResults(ended, kernelName) {
  const result = noResults()
  const tail = () =>
    `last lines of the console:\n${ended.log.trim().split('\n').slice(-lastLines).join('\n')}`
  const name = `${kernelName} guest`
  if (ended.status === 'panic' || ended.status === 'oops') {
    fail(result, name, `kernel ${ended.status}\n${ended.excerpt}`)
  } else if (ended.status === 'timeout') {
    fail(result, name, `hung: no end after ${Math.round(ended.seconds)} s\n${tail()}`)
  } else if (ended.status === 'died') {
    fail(result, name, `ended with no verdict ${ended.complaint}\n${tail()}`)
  } else if (ended.exitCode !== 0) {
    fail(result, name, `job.sh left with status ${ended.exitCode}\n${tail()}`)
  }
  return result
}

/** The kernel's release as the guest saw it. */
export function releaseOf(ended) {
  const release = read(join(ended.outDir, 'release')) ?? /^GUEST (\S+) up/m.exec(ended.log)?.[1]
  return release?.replace(/^(\d+(\.\d+)+).*$/, '$1') ?? 'no release seen'
}
