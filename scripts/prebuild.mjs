// Makes the addons that the package ships, prebuilds/<platform>-<arch>/ipvs-fullnat.<libc>.node, with prebuildify.
//
//   npm run prebuild                      all of them
//   npm run prebuild -- linux-x64 …       some of: linux-x64, linux-x64-musl, linux-arm64, linux-arm64-musl
//
// Needs a Debian or Ubuntu of either architecture; the compiler for the other one is installed where that is possible. What
// is there and was made of the same sources stays.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { basename, dirname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { checkAddon } from './check-floor.mjs'
import { nodeHeaders } from './node-headers.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const prebuildify = createRequire(import.meta.url).resolve('prebuildify/bin.js')

const TRIPLETS = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }
const COMPILERS = { x64: 'g++-x86-64-linux-gnu', arm64: 'g++-aarch64-linux-gnu' }

/**
 * musl has no C++ compiler in Debian, and needs none: the addon takes nothing of libstdc++ but templates, and what of libc's
 * headers it compiles in (struct dirent, msghdr, mmsghdr, sockaddr_*, the initializers and the sizes of a mutex and a
 * condition) is laid out in musl as in glibc on 64 bits, or smaller. Neither the checked variants of glibc's functions nor
 * open64() are in musl, where a file offset has 64 bits anyway; calls of __getauxval() are of libgcc's choice between atomic
 * instructions, made once and for all here.
 */
const MUSL_FLAGS = ['-DIPVS_LIBC_MUSL', '-U_FORTIFY_SOURCE', '-U_FILE_OFFSET_BITS', '-U_LARGEFILE_SOURCE']

/** name → what it is for, in the order in which they are made. */
export const PREBUILDS = new Map(
  ['x64', 'arm64'].flatMap((arch) =>
    ['glibc', 'musl'].map((libc) => [
      `linux-${arch}${libc === 'musl' ? '-musl' : ''}`,
      { arch, libc, file: `prebuilds/linux-${arch}/ipvs-fullnat.${libc}.node` },
    ]),
  ),
)

/** Prefix of the tools that make code for `arch`. */
const prefixFor = (arch) => (arch === process.arch ? '' : `${TRIPLETS[arch]}-`)

const has = (command) => {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Installs what is missing, or says what is. */
function needTools(arch) {
  const prefix = prefixFor(arch)
  if (has(`${prefix}g++`) && has(`${prefix}strip`) && has('make')) return
  const wanted = prefix === '' ? ['g++', 'make'] : [COMPILERS[arch], 'make']
  if (process.getuid?.() !== 0 || !has('apt-get')) throw new Error(`please install ${wanted.join(' and ')}`)
  const options = {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  }
  execFileSync('apt-get', ['update', '-q'], options)
  execFileSync('apt-get', ['install', '-yq', '--no-install-recommends', ...wanted], options)
}

function sources(folder = 'native') {
  return readdirSync(`${root}${folder}`, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    return entry.isDirectory() ? sources(path) : [path]
  })
}

/** A word that the file has in itself: what it was made of, whoever made it. */
export function buildName(name) {
  const { arch, libc } = PREBUILDS.get(name)
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
  const hash = createHash('sha256').update(`${version} ${arch} ${libc}`)
  for (const path of ['binding.gyp', 'scripts/prebuild.mjs', ...sources().sort()]) {
    // scripts/pack.mjs writes it from the one that is counted, and takes it away again.
    if (path === 'native/binding.gyp') continue
    hash.update(`\0${path}\0`).update(readFileSync(`${root}${path}`))
  }
  return `ipvs_${hash.digest('hex').slice(0, 32)}`
}

/** Why a prebuild is not what the sources are now, or undefined. */
export function prebuildFault(name, folder = root) {
  const { file } = PREBUILDS.get(name)
  if (!existsSync(`${folder}${file}`)) return `there is no ${file}`
  if (!readFileSync(`${folder}${file}`, 'latin1').includes(buildName(name)))
    return `${file} was made of other sources`
  return undefined
}

/** An empty library by musl's name: what the addon wants of libc is looked for when it is loaded. */
function muslStub(compiler, folder) {
  const options = ['-shared', '-nostdlib', '-Wl,-soname,libc.so', '-x', 'c', '/dev/null']
  execFileSync(compiler, [...options, '-o', `${folder}/libc.so`])
}

function environmentFor(name, { arch, libc }, folder) {
  const prefix = prefixFor(arch)
  const compiler = `${prefix}g++`
  const flags = [
    `-DIPVS_BUILD=${buildName(name)}`,
    ...(arch === 'arm64' ? ['-mno-outline-atomics'] : []),
    ...(libc === 'musl' ? MUSL_FLAGS : []),
  ]
  const linking = []
  if (libc === 'musl') {
    muslStub(compiler, folder)
    linking.push('-nostdlib', `-Wl,--no-as-needed,${folder}/libc.so,--as-needed`, '-lgcc')
  }
  const env = {
    ...process.env,
    CC: `${prefix}gcc`,
    CXX: compiler,
    LINK: compiler,
    CXXFLAGS: [process.env.CXXFLAGS, ...flags].filter(Boolean).join(' '),
    LDFLAGS: [process.env.LDFLAGS, ...linking].filter(Boolean).join(' '),
    PREBUILD_LIBC: libc,
    PREBUILD_STRIP_BIN: `${prefix}strip`,
    JOBS: String(availableParallelism()),
  }
  // Otherwise node-gyp fetches the headers.
  const headers = nodeHeaders()
  if (headers) env.npm_config_nodedir = dirname(dirname(headers))
  return env
}

/** In a folder of its own: build/Release stays what this machine runs. */
function build(name, target) {
  needTools(target.arch)
  // The linker takes the path as one word of many.
  if (/\s/.test(root))
    throw new Error(`${root}: prebuilds cannot be made in a folder with a space in its path`)
  const folder = `${root}build/prebuild/${name}`
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const path of ['native', 'binding.gyp', 'package.json'])
    cpSync(`${root}${path}`, `${folder}/${path}`, { recursive: true })
  try {
    const args = ['--napi', '--strip', '--tag-libc', '--arch', target.arch, '--target', process.versions.node]
    execFileSync(process.execPath, [prebuildify, ...args], {
      cwd: folder,
      env: environmentFor(name, target, folder),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  } catch (error) {
    throw new Error(`${name}: ${String(error.stderr ?? '')}${error.message}`)
  }
  const made = `${folder}/${target.file}`
  const { arch, libc, faults } = checkAddon(made)
  if (arch !== target.arch || libc !== target.libc) faults.push(`is for ${arch} and ${libc}`)
  if (faults.length > 0) throw new Error(`${name}: ${basename(made)} ${faults.join('; ')}`)
  mkdirSync(dirname(`${root}${target.file}`), { recursive: true })
  cpSync(made, `${root}${target.file}`)
}

/** Makes what is not there, or was made of something else. Returns one line on it. */
export function prebuild(name) {
  const target = PREBUILDS.get(name)
  if (!target) throw new Error(`no prebuild '${name}', there are: ${[...PREBUILDS.keys()].join(', ')}`)
  const file = `${root}${target.file}`
  const known = prebuildFault(name) === undefined
  if (!known) build(name, target)
  const { needed, glibc } = checkAddon(file)
  const size = Math.round(statSync(file).size / 1000)
  return `${target.file}: ${size} kB, needs ${needed.join(', ')}${glibc ? ` (GLIBC ${glibc})` : ''}${known ? ', as it was' : ''}`
}

/** npm runs a script of this name before `build`, too, and tells which of both it was asked for by its title alone. */
function isHookOfBuild(pid = process.ppid, generations = 3) {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1')
    if (/^npm .*\bbuild\b/.test(command) && !/\bprebuild\b/.test(command)) return true
    const [, parent] = /^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return generations > 1 && parent !== undefined && isHookOfBuild(parent, generations - 1)
  } catch {
    return false
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const given = process.argv.slice(2)
  const hook = process.env.npm_lifecycle_event === 'prebuild' && given.length === 0 && isHookOfBuild()
  for (const name of hook ? [] : given.length > 0 ? given : PREBUILDS.keys()) console.log(prebuild(name))
}
