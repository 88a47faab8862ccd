// npm run demo: shows the main job on the best real kernel that can be booted here: a FULLNAT service with local
// addresses and destinations, requests of a client through it, and the listing. Where there is no image of a FULLNAT
// kernel, that is masquerading on a mainline kernel, and FULLNAT on FakeKernel besides. On a fresh Debian machine with
// Node 20 and root it sets up what it needs.
//
//   npm run demo -- --kernel mainline-6.12    on that one (scripts/vm/kernels.mjs has the names)
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const ADDON = 'build/Release/ipvs_fullnat.node'

/** Best first. */
const KERNELS = ['fullnat-v3', 'fullnat-v2', 'mainline']

/** By dialect. */
const SHOWS = {
  'fullnat-v3': 'FULLNAT with local addresses',
  'fullnat-v2': 'FULLNAT with local addresses',
  mainline: 'masquerading on a stock kernel',
}

/** What a kernel cannot show, here or at all. */
const NOT_SHOWN = {
  'fullnat-v3': [
    'more than one CPU: FULLNAT v3 needs a network card that steers answers to the CPU of their local address',
    'UDP through FULLNAT: fullnat-v2 has it, fullnat-v3 does not',
  ],
  'fullnat-v2': ['established timeouts per service, local addresses per CPU: fullnat-v3 has them'],
  mainline: ['FULLNAT, local addresses and the SYN proxy: stock kernels do not have them'],
}

/** Ends a guest that hangs; one that works takes half a minute, beside much other work some more. */
const LIMIT_SECONDS = 1200

const say = (text) => console.log(text)

/** Runs a command without its chatter, which is shown when it fails. */
function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  if (status === 0) return
  throw new Error(`${command} ${args.join(' ')} failed\n${error?.message ?? `${stdout}${stderr}`}`)
}

const has = (command) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0

function build() {
  const missing = ['g++', 'make', 'python3'].filter((command) => !has(command))
  if (missing.length > 0) {
    const install = `apt-get install -y ${missing.join(' ')}`
    if (process.getuid() !== 0 || !has('apt-get'))
      throw new Error(`missing ${missing.join(', ')}: ${install}`)
    say(`Installing ${missing.join(', ')}`)
    run('apt-get', ['update', '-q'])
    run('apt-get', ['install', '-yq', '--no-install-recommends', ...missing])
  }
  say('Building the addon and the TypeScript')
  run('npm', ['run', '--silent', 'build'])
}

function prepare() {
  if (!existsSync(`${root}node_modules/node-gyp-build`)) {
    say('Installing the packages of the project')
    run('npm', ['ci', '--ignore-scripts'])
  }
  const built = [ADDON, 'dist/index.js', 'dist/index.mjs'].every((path) => existsSync(root + path))
  if (!built) build()
}

/** FULLNAT without a kernel that has it. */
function showFake() {
  say(
    '\nThere is no FULLNAT image here, so FULLNAT is shown on FakeKernel: NOT A REAL KERNEL, no packet flows.',
  )
  const { status } = spawnSync(process.execPath, ['examples/demo-fake.mjs'], { cwd: root, stdio: 'inherit' })
  say(status === 0 ? '\nFakeKernel did what a FULLNAT kernel does.' : '\nTHE DEMO ON FAKEKERNEL FAILED.')
  return status === 0
}

/** The best kernel there is; `missing` gets a line for each better one that is not. */
async function choose(findKernel, names, missing) {
  for (const name of names) {
    const kernel = await findKernel(name, say)
    if (!kernel.missing) return kernel
    missing.push(`${name}: no image; ${kernel.missing}`)
    say(missing.at(-1))
  }
  throw new Error('no kernel to boot')
}

/** Kernel messages and those of the guest's init are not for the audience. */
const isNoise = (line) => /^\[ *\d+\.\d+\] |^GUEST|^ACPI: /.test(line)

async function main() {
  const { values } = parseArgs({ options: { kernel: { type: 'string' } } })
  const { bootJob, ensureTools, findKernel, kernelName } = await import('./vm/index.mjs')
  const wanted = values.kernel ? [kernelName(values.kernel)] : KERNELS
  prepare()
  ensureTools(say)

  const missing = []
  const kernel = await choose(findKernel, wanted, missing)
  say(`Booting ${kernel.name} in an emulated machine: ${SHOWS[kernel.dialect]}`)
  let shown = false
  const onLine = (line) => {
    if (line.startsWith('GUEST ')) shown = true
    if (shown && !isNoise(line)) say(line)
  }
  const script = 'exec node examples/demo.mjs'
  // One CPU: the connection table of fullnat-v3 is per CPU, and this network cannot steer answers to the right one.
  const ended = await bootJob({
    kernel,
    project: root,
    script,
    smp: 1,
    packages: [],
    limitSeconds: LIMIT_SECONDS,
    onLine,
  })
  ended.dispose()

  const flowed = ended.status === 'exit' && ended.exitCode === 0
  if (ended.status !== 'exit') {
    say(`\nThe guest did not end well (${ended.status}):\n${ended.excerpt ?? ended.complaint}`)
  }
  const verdict = flowed ? 'The requests flowed' : 'THE REQUESTS DID NOT FLOW'
  say(`\n${verdict} through ${kernel.name} (${ended.seconds.toFixed(0)} s).`)
  const faked = kernel.dialect === 'mainline' && !values.kernel ? showFake() : undefined
  const notShown = faked ? ['FULLNAT on a real kernel, and its SYN proxy'] : NOT_SHOWN[kernel.dialect]
  say(['\nNot shown:', ...notShown, ...missing].join('\n - '))
  return flowed && faked !== false ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(`demo: ${error.message}`)
  process.exitCode = 1
}
