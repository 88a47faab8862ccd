/** Why the addon cannot be loaded, and what to do about it. */

import { existsSync, readdirSync, readFileSync } from 'fs'
import { join } from 'path'
import type { IpvsError } from '../errors/ipvs-error'
import { ownError } from '../errors/ipvs-error'
import type { Libc } from './libc'
import { VERSION } from './version'

/** Where it was looked for. */
export interface AddonPlace {
  /** The folder of the package; undefined where no file knows its own place. */
  readonly root: string | undefined
  readonly libc: Libc | undefined
}

/** [description, hint] */
type Words = readonly [string, string]

const IN_A_BUNDLE: Words = [
  'the JavaScript is in a bundle, away from the addon',
  "Keep ipvs-fullnat out of the bundle (external), or bundle require('ipvs-fullnat/linux-x64') (or linux-arm64, each with -musl on Alpine) and pass it: Ipvs.open({ addon }).",
]
const REINSTALL = 'Delete the folder of the package and install it again.'

/** Whether the package.json at `root` is ours. */
function isOwnFolder(root: string): boolean {
  try {
    return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).name === 'ipvs-fullnat'
  } catch {
    return false
  }
}

/** `'linux-x64 (glibc, musl)'`, of what the package brought along. */
function listPrebuilds(root: string): string {
  try {
    return readdirSync(join(root, 'prebuilds'))
      .map((name) => {
        const files = readdirSync(join(root, 'prebuilds', name)).map((file) => file.split('.').slice(-2)[0])
        return `${name} (${files.join(', ')})`
      })
      .join(', ')
  } catch {
    return ''
  }
}

function buildCommand(root: string): string {
  // The repository builds beside binding.gyp; the package has another one in native/ and no node-addon-api.
  if (existsSync(join(root, 'binding.gyp'))) return 'Build it: npm run build.'
  return `Build it: npm install node-addon-api && npx node-gyp rebuild -C ${join(root, 'native')} (needs a C++20 compiler, make and python3).`
}

/** Files of a build that node-gyp-build takes before any prebuild. */
const localBuild = (root: string): string | undefined =>
  ['build/Release', 'build/Debug'].map((name) => join(root, name)).find((folder) => existsSync(folder))

function missing(root: string, libc: Libc | undefined): Words {
  const platform = `linux-${process.arch}${libc ? ` with ${libc}` : ''}`
  if (process.arch !== 'x64' && process.arch !== 'arm64') {
    return [
      `there is no addon for ${platform}`,
      "IPVS can be programmed on Linux x64 and arm64; FakeKernel of 'ipvs-fullnat/testing' works on every little-endian machine.",
    ]
  }
  const found = listPrebuilds(root)
  return [`there is no prebuild for ${platform}, but ${found || 'none at all'}`, buildCommand(root)]
}

/** What Node, Deno or the dynamic linker said. */
function refused(error: Error, root: string): Words {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ERR_DLOPEN_DISABLED') {
    return ["Node's permission model forbids addons", 'Start node with --allow-addons, too.']
  }
  if (code === 'ERR_ACCESS_DENIED') {
    return [
      "Node's permission model forbids reading the addon",
      `Start node with --allow-addons and --allow-fs-read=${root}, too.`,
    ]
  }
  if (process.versions.deno && /NotCapable|PermissionDenied|--allow-/.test(`${error.name} ${message}`)) {
    return ['Deno does not permit the addon', 'Start deno run with --allow-ffi and --allow-read, too.']
  }
  const newer = /version `(GLIBC\w*_[\d.]+)' not found/.exec(message)
  if (newer) {
    const local = localBuild(root)
    return [
      `it was built on a newer system than this one, which has no ${newer[1]}`,
      local === undefined
        ? `${REINSTALL} The prebuilds need glibc 2.12 on x64 and 2.17 on arm64.`
        : `Delete ${local}: the prebuilds need glibc 2.12 on x64 and 2.17 on arm64.`,
    ]
  }
  if (/self-register|invalid ELF header|file too short|wrong ELF class|ELF file/i.test(message)) {
    return [`the file is damaged, or not an addon for linux-${process.arch}`, REINSTALL]
  }
  return ['the addon cannot be loaded', `${REINSTALL} ${buildCommand(root)}`]
}

/** For what node-gyp-build or the loading itself has thrown. */
export function explainFailure(cause: Error, { root, libc }: AddonPlace): IpvsError {
  const [said = ''] = cause.message.split('\n')
  // Permissions can hide the package.json, too.
  const denied = (cause as NodeJS.ErrnoException).code === 'ERR_ACCESS_DENIED'
  let words: Words
  if (root === undefined || (!denied && !isOwnFolder(root))) {
    words = IN_A_BUNDLE
  } else if (/^No native build was found/.test(said)) {
    words = missing(root, libc)
  } else {
    const [description, hint] = refused(cause, root)
    words = [`${description}: ${said}`, hint]
  }
  const [description, hint] = words
  return ownError('ERR_IPVS_ADDON', { operation: 'open', description, hint, cause })
}

/** For one that loads and is not of this JavaScript. `given`: it came with the options. */
export function explainOtherBuild(
  addon: object,
  { root, given }: AddonPlace & { readonly given: boolean },
): IpvsError {
  const named = (description: string, hint: string) =>
    ownError('ERR_IPVS_ADDON', { operation: 'open', description, hint })
  const { version: itsVersion, layoutHash } = addon as { version?: unknown; layoutHash?: unknown }
  if (typeof layoutHash !== 'number') {
    // A bundle can stand where the addon of its own project is found.
    if (!given && root !== undefined && !isOwnFolder(root)) return named(...IN_A_BUNDLE)
    return named('the file that was loaded is the addon of something else', REINSTALL)
  }
  const version = typeof itsVersion === 'string' ? itsVersion : 'before 0.1.0'
  const versions =
    version === VERSION
      ? `the addon is another build of version ${VERSION} than the JavaScript`
      : `the addon is of version ${version}, the JavaScript of ${VERSION}`
  if (given) return named(versions, "Take both from one installation: require('ipvs-fullnat/linux-x64').")
  const local = root === undefined ? undefined : localBuild(root)
  if (root !== undefined && local !== undefined) {
    return listPrebuilds(root) === '' || existsSync(join(root, 'binding.gyp'))
      ? named(`${versions}, and stands in ${local}`, 'Build both again: npm run build.')
      : named(`${versions}: a build of before in ${local} hides the prebuilds`, `Delete ${local}.`)
  }
  return named(versions, REINSTALL)
}
