// Builds the addon for a sanitizer, to be loaded into a stock Node that has the sanitizer's run-time library preloaded.
//
//   node scripts/sanitize-addon.mjs address|thread     prints where it is
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, isAbsolute } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parallel, run } from './native-programs.mjs'
import { needNodeHeaders } from './node-headers.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

export const SANITIZERS = {
  address: {
    flags: ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'],
    libraries: ['libasan.so', 'libubsan.so'],
  },
  thread: { flags: ['-fsanitize=thread'], libraries: ['libtsan.so'] },
}

// As binding.gyp has it: Node calls dlclose() at the end of a worker, which a thread of ours may outlast. And a sanitizer
// names the frames of what is loaded: a leak that is reported at the end of the process would have none of ours.
const LINK = ['-Wl,-z,nodelete']

/** The path of a run-time library of g++. */
export function runtimeLibrary(name) {
  const path = execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim()
  if (!isAbsolute(path)) throw new Error(`g++ has no ${name}`)
  return path
}

/** The folder to name in IPVS_FULLNAT_PREBUILD (node-gyp-build looks there for build/Release). */
export async function buildSanitizedAddon(sanitizer) {
  const { flags } = SANITIZERS[sanitizer]
  const folder = `${root}build/addon-${sanitizer}`
  const file = `${folder}/build/Release/ipvs_fullnat.node`
  const gyp = readFileSync(`${root}binding.gyp`, 'utf8')
  // What stands in the place of libstdc++ is left out: the host's own is there.
  const sources = [...gyp.matchAll(/"(native\/[\w/]+\.cc)"/g)]
    .map(([, path]) => path)
    .filter((path) => path !== 'native/sys/cxx_runtime.cc')
  const inputs = readdirSync(`${root}native`, { recursive: true, encoding: 'utf8' }).map(
    (path) => `native/${path}`,
  )
  const newest = Math.max(
    ...[...inputs, 'binding.gyp', 'package.json', 'scripts/sanitize-addon.mjs'].map(
      (path) => statSync(`${root}${path}`).mtimeMs,
    ),
  )
  if (existsSync(file) && statSync(file).mtimeMs > newest) return folder
  const headers = needNodeHeaders()
  mkdirSync(dirname(file), { recursive: true })
  const napi = createRequire(import.meta.url)('node-addon-api').include_dir
  const common = [
    '-std=c++20',
    '-g',
    '-O1',
    '-fPIC',
    '-fno-exceptions',
    '-fno-rtti',
    '-fno-omit-frame-pointer',
  ]
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
  common.push(`-DIPVS_VERSION="${version}"`)
  common.push('-DNAPI_VERSION=7', '-DNAPI_DISABLE_CPP_EXCEPTIONS', '-DNODE_GYP_MODULE_NAME=ipvs_fullnat')
  common.push(
    '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
    '-Inative',
    '-isystem',
    isAbsolute(napi) ? napi : `${root}${napi}`,
  )
  common.push('-isystem', headers)
  const compile = async (args) => {
    const { ok, stderr } = await run('g++', args)
    if (!ok) throw new Error(`g++ ${args.join(' ')}\n${stderr}`)
  }
  const objectOf = (source) => `${folder}/${source.replaceAll('/', '_')}.o`
  await parallel(sources, (source) => compile([...common, ...flags, '-c', source, '-o', objectOf(source)]))
  await compile(['-shared', ...flags, ...LINK, ...sources.map(objectOf), '-o', file])
  return folder
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log(await buildSanitizedAddon(process.argv[2]))
}
