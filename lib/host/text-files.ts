/** Files that people name: read whole, and written so that no reader ever sees half of one. */

import {
  chmodSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'fs'
import { basename, dirname, join } from 'path'

/** What the system says when it reads (a folder, for instance) does not name the file, unlike what it says of opening one. */
function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    const { message, path: named } = error as NodeJS.ErrnoException
    if (named !== undefined) throw error
    throw Object.assign(error as Error, { message: `${message} '${path}'`, path })
  }
}

/** The bytes of a file. Throws what the system says. */
export const readFileBytes = (path: string): Uint8Array => read(path)

/** The text of a file, undefined where there is none. */
export function readTextIfThere(path: string): string | undefined {
  try {
    return read(path).toString('utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Where a path leads, with the permissions there; undefined where nothing is. */
function thingAt(
  path: string,
): { readonly path: string; readonly mode: number; readonly isFile: boolean } | undefined {
  try {
    const real = realpathSync(path)
    const found = statSync(real)
    return { path: real, mode: found.mode & 0o7777, isFile: found.isFile() }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Takes the place of a file at once, and keeps its permissions: written beside it, then renamed. A link stays, and a pipe or a
 * device is written to: a file in its place would be another thing.
 */
export function writeTextAtOnce(path: string, text: string): void {
  const there = thingAt(path)
  if (there && !there.isFile) {
    writeFileSync(there.path, text)
    return
  }
  const place = there ? there.path : path
  const beside = join(dirname(place), `.${basename(place)}.${process.pid}`)
  try {
    writeFileSync(beside, text)
    if (there) chmodSync(beside, there.mode)
    renameSync(beside, place)
  } catch (error) {
    try {
      unlinkSync(beside)
    } catch {
      // There is none.
    }
    throw error
  }
}

/** Another text when the file is another one, or has changed; what the system says where it cannot be looked at. */
export function fileSignature(path: string): string {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path)
    return [dev, ino, size, mtimeMs, ctimeMs].join(' ')
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}

/** Names in a folder, sorted; empty where there is no such folder. */
export function listFolder(path: string): readonly string[] {
  try {
    return readdirSync(path).sort()
  } catch {
    return []
  }
}

/** It is there, and no folder. */
export function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}
