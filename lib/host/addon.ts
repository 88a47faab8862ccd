/** Loads the addon. The only file that touches the .node file. */

import { existsSync } from 'fs'
import { LAYOUT_HASH } from '../border/layout.gen'
import { ownError } from '../errors/ipvs-error'
import { explainFailure, explainOtherBuild } from './addon-failure'
import { checkAddonFile } from './addon-file'
import type { Libc } from './libc'
import { mappedLibc } from './libc'
import { VERSION } from './version'

// Bundlers that look for files follow these words: path.join(__dirname, …), and no destructured `join`.
const path: typeof import('path') = require('path')

/** native/addon/connection.h */
export interface NativeConnection {
  run(request: ArrayBuffer, onReply: (reply: ArrayBuffer) => void): void
  close(): void
  /** A descriptor for the next three, opened in the namespace of the sockets; or a negative errno. */
  openFile(path: string, forWriting: boolean): number
  /**
   * Fills `into` from its start with as many pages as come in a short while, on libuv's pool; `count` is 0 at the end, or a
   * negative errno. Nobody touches `into` meanwhile. Throws where the file is closed.
   */
  readFile(descriptor: number, into: Uint8Array, done: (count: number) => void): void
  /** The same for one write of all of `from`. */
  writeFile(descriptor: number, from: Uint8Array, done: (count: number) => void): void
  /** What runs ends first. What is never closed is at the end of the thread. */
  closeFile(descriptor: number): void
  /** The names in a folder, as it is seen from the namespace of the sockets; or a negative errno. */
  listFolder(path: string): string[] | number
}

export interface Addon {
  readonly Connection: new (netns: string) => NativeConnection
  readonly layoutHash: number
  readonly version: string
}

let loaded: Addon | undefined

/** In a bundle of ES modules there is no `__dirname`; it is another folder than ours in every other bundle. */
const root = typeof __dirname === 'string' ? path.join(__dirname, '..', '..') : undefined

/** What node-gyp-build takes the machine for: it looks at the distribution alone. */
const presumedLibc = (): string => process.env.LIBC || (existsSync('/etc/alpine-release') ? 'musl' : 'glibc')

function requireAddon(libc: Libc | undefined): Addon {
  if (root !== undefined && libc !== undefined && libc !== presumedLibc()) {
    const file = path.join(root, 'prebuilds', `linux-${process.arch}`, `ipvs-fullnat.${libc}.node`)
    if (existsSync(file)) return open(file)
  }
  try {
    const file = root === undefined ? undefined : findAddon(root)
    if (file !== undefined) checkAddonFile(file)
    // A build in build/Release comes first, then the prebuilds.
    return require('node-gyp-build')(path.join(__dirname, '..', '..'))
  } catch (error) {
    if (root === undefined || !isMissing(error)) throw error
    const built = path.join(root, 'native', 'build', 'Release', 'ipvs_fullnat.node')
    if (!existsSync(built)) throw error
    return open(built)
  }
}

/** A `require` of what is not written out makes bundlers warn. */
function open(file: string): Addon {
  checkAddonFile(file)
  const module = { exports: {} }
  process.dlopen(module, file)
  return module.exports as Addon
}

/** What node-gyp-build is about to load. There is nothing in a bundle, where something else stands in the place of that. */
function findAddon(root: string): string | undefined {
  try {
    return require('node-gyp-build').path(root)
  } catch {
    return undefined
  }
}

const isMissing = (error: unknown): boolean => /^No native build was found/.test((error as Error).message)

/**
 * `given` is the caller's own, which is not kept. Throws ERR_IPVS_ADDON where there is no addon for this platform, or none
 * that fits this JavaScript.
 */
export function loadAddon(given?: Addon): Addon {
  if (loaded && !given) return loaded
  if (process.platform !== 'linux') {
    throw ownError('ERR_IPVS_ADDON', {
      operation: 'open',
      description: `IPVS exists on Linux only, this is ${process.platform}`,
      hint: "Develop and test against FakeKernel of 'ipvs-fullnat/testing', run on Linux.",
    })
  }
  const libc = mappedLibc()
  let addon: Addon
  try {
    addon = given ?? requireAddon(libc)
  } catch (cause) {
    throw explainFailure(cause as Error, { root, libc })
  }
  if (addon.layoutHash !== LAYOUT_HASH || addon.version !== VERSION) {
    throw explainOtherBuild(addon, { root, libc, given: given !== undefined })
  }
  if (!given) loaded = addon
  return addon
}
