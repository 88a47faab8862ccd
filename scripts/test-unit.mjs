// The vitest suites that need no VM, with the closing line that scripts/test.mjs adds up.
//
//   node scripts/test-unit.mjs [FILTER…]           the library
//   node scripts/test-unit.mjs package [FILTER…]   the package
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const folder = mkdtempSync(join(tmpdir(), 'ipvs-unit-'))
const given = process.argv.slice(2)
const ofPackage = given[0] === 'package'
const config = ofPackage ? 'test/package/vitest.config.mjs' : 'test/vitest.config.mjs'
try {
  const report = join(folder, 'report.json')
  const args = ['run', '--config', config, '--reporter=default', '--reporter=json']
  const { status } = spawnSync(
    process.execPath,
    [vitest, ...args, `--outputFile.json=${report}`, ...given.slice(ofPackage ? 1 : 0)],
    { cwd: root, stdio: 'inherit' },
  )
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, success } = JSON.parse(
    readFileSync(report, 'utf8'),
  )
  // A file that cannot be loaded fails without a failed test.
  const failed = numFailedTests || (success && status === 0 ? 0 : 1)
  console.log(`${numPassedTests} passed, ${failed} failed, ${numPendingTests + numTodoTests} skipped`)
  process.exitCode = failed === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
