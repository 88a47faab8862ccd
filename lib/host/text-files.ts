/** Files that people name: read whole, and written so that no reader ever sees half of one. */

import { readdirSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'fs'
import { basename, dirname, join } from 'path'

/** The bytes of a file. Throws what the system says. */
export const readFileBytes = (path: string): Uint8Array => readFileSync(path)

/** The text of a file, undefined where there is none. */
export function readTextIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Takes the place of what is there at once: written beside it, then renamed. */
export function writeTextAtOnce(path: string, text: string): void {
  const beside = join(dirname(path), `.${basename(path)}.${process.pid}`)
  try {
    writeFileSync(beside, text)
    renameSync(beside, path)
  } catch (error) {
    try {
      unlinkSync(beside)
    } catch {
      // There is none.
    }
    throw error
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
