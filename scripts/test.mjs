// npm test: sets up what is missing, runs every suite, and closes with one line over all of them.
//
//   npm test                    everything
//   npm test -- unit native     some of: lint, native, unit, package, vm
//   npm test -- vm --kernel mainline-newest --filter contract
//                               one of them, with its own options (scripts/vm/run.mjs has those of vm)
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const CLOSING = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/

const SUITES = {
  lint: ['scripts/lint.mjs'],
  native: ['scripts/test-native.mjs'],
  unit: ['scripts/test-unit.mjs'],
  package: ['scripts/test-unit.mjs', 'package'],
  vm: ['scripts/vm/run.mjs'],
}

/** Missing packages and compilers are installed where that is possible, and named where it is not. */
function prepare() {
  const run = (command, args) => {
    const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed`)
  }
  const has = (command) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0
  const missing = ['g++', 'make', 'python3'].filter((command) => !has(command))
  if (missing.length > 0) {
    if (process.getuid() !== 0 || !has('apt-get')) throw new Error(`please install ${missing.join(', ')}`)
    run('apt-get', ['update', '-q'])
    run('apt-get', ['install', '-yq', 'g++', 'make', 'python3'])
  }
  if (!existsSync(`${root}node_modules/vitest`)) run('npm', ['ci', '--ignore-scripts'])
  // Both make what has changed alone.
  run('npm', ['run', '--silent', 'build:native'])
  run('npm', ['run', '--silent', 'build:ts'])
}

/** Runs a script, passes its output on, and takes the numbers from its closing line. */
function runSuite(script) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, script, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    let rest = ''
    let closing
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text) => {
      process.stdout.write(text)
      const lines = (rest + text).split('\n')
      rest = lines.pop()
      for (const line of lines) closing = CLOSING.exec(line) ?? closing
    })
    child.on('close', (status) => {
      closing = CLOSING.exec(rest) ?? closing
      const [passed, failed, skipped] = closing ? closing.slice(1).map((n) => Number(n ?? 0)) : [0, 0, 0]
      // A suite that died without a verdict has failed.
      resolve({ passed, failed: status !== 0 && failed === 0 ? 1 : failed, skipped })
    })
  })
}

const given = process.argv.slice(2)
const firstOption = given.findIndex((word) => word.startsWith('-'))
const chosen = firstOption < 0 ? given : given.slice(0, firstOption)
const options = given.slice(chosen.length)
for (const name of chosen) {
  if (!(name in SUITES)) throw new Error(`no suite '${name}', there are: ${Object.keys(SUITES).join(', ')}`)
}
if (options.length > 0 && chosen.length !== 1) throw new Error(`${options[0]}: options go to one suite`)
prepare()
const total = { passed: 0, failed: 0, skipped: 0 }
const summary = []
for (const [name, script] of Object.entries(SUITES)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue
  console.log(`\n== ${name}`)
  const started = Date.now()
  const result = await runSuite([...script, ...options])
  const seconds = Math.round((Date.now() - started) / 1000)
  summary.push(
    `${name}: ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped (${seconds} s)`,
  )
  for (const key of Object.keys(total)) total[key] += result[key]
}
console.log(`\n${summary.join('\n')}`)
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1
