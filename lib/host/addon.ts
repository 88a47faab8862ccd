/** Loads the addon. The only file that touches the .node file. */

import { join } from 'path'
import { LAYOUT_HASH } from '../border/layout.gen'
import { ownError } from '../errors/ipvs-error'

/** native/addon/connection.h */
export interface NativeConnection {
  run(request: ArrayBuffer, onReply: (reply: ArrayBuffer) => void): void
  close(): void
  /** A descriptor of the caller's, opened in the namespace of the sockets; or a negative errno. */
  openFile(path: string, forWriting: boolean): number
  /**
   * Fills `into` from its start with as many pages as come in a short while, on libuv's pool; `count` is 0 at the end, or a
   * negative errno. Neither `into` nor the descriptor is touched meanwhile.
   */
  readFile(descriptor: number, into: Uint8Array, done: (count: number) => void): void
  /** Closes such a descriptor: Node's `fs.close` warns in a worker of one that `fs` did not open. */
  closeFile(descriptor: number): void
  /** The names in a folder, as it is seen from the namespace of the sockets; or a negative errno. */
  listFolder(path: string): string[] | number
}

interface Addon {
  readonly Connection: new (netns: string) => NativeConnection
  readonly layoutHash: number
}

let loaded: Addon | undefined

/** Throws ERR_IPVS_ADDON where there is no addon for this platform, or one of another build. */
export function loadAddon(): Addon {
  if (loaded) return loaded
  if (process.platform !== 'linux') {
    throw ownError('ERR_IPVS_ADDON', {
      operation: 'open',
      description: `IPVS exists on Linux only, this is ${process.platform}`,
      hint: 'Develop against a fake kernel, run on Linux.',
    })
  }
  let addon: Addon
  try {
    // Looks for a prebuilt addon first, then for build/Release.
    addon = (require('node-gyp-build') as (root: string) => Addon)(join(__dirname, '..', '..'))
  } catch (cause) {
    throw ownError('ERR_IPVS_ADDON', {
      operation: 'open',
      description: `the native addon for ${process.platform}-${process.arch} cannot be loaded: ${(cause as Error).message.split('\n')[0]}`,
      hint: 'Build it with npm rebuild ipvs-fullnat (needs a C++20 compiler, make and python3) on Linux x64 or arm64.',
      cause,
    })
  }
  if (addon.layoutHash !== LAYOUT_HASH) {
    throw ownError('ERR_IPVS_ADDON', {
      operation: 'open',
      description: 'the native addon is of another build than the JavaScript beside it',
      hint: 'Build both again with npm run build, or reinstall the package.',
    })
  }
  loaded = addon
  return addon
}
