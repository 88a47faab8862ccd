// The one place on disk that the harness keeps things in between runs. Every entry is named after
// what it was made from, so an entry that exists is right, and it is never changed afterwards.
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

export const cacheRoot = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'ipvs-fullnat')

/** A subfolder of the cache (kernels, node, mainline, rootfs …), made where it is missing. */
export function cacheFolder(name) {
  const folder = join(cacheRoot, name)
  mkdirSync(folder, { recursive: true })
  return folder
}

function entryTime(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs
}

/**
 * The path of the entry `folder/name`, made by `make(path)` where it is missing. `make` fills a
 * temporary path beside it which is then renamed: a run that dies half-way, or two runs at a time,
 * leave no half-made entry behind.
 */
export async function cached(folder, name, make) {
  const parent = cacheFolder(folder)
  const path = join(parent, name)
  if (entryTime(path) !== undefined) {
    const now = new Date()
    utimesSync(path, now, now)
    return path
  }
  const temporary = mkdtempSync(join(parent, '.new-'))
  try {
    const made = join(temporary, name)
    await make(made)
    try {
      renameSync(made, path)
    } catch (error) {
      // Another run was faster: its entry has the same content.
      if (entryTime(path) === undefined) throw error
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
  return path
}

const unusedDays = 21

/** Removes entries of a folder that no run has used for three weeks. */
export function prune(folder) {
  const parent = cacheFolder(folder)
  const oldest = Date.now() - unusedDays * 24 * 3600 * 1000
  for (const name of readdirSync(parent)) {
    const path = join(parent, name)
    if ((entryTime(path) ?? Infinity) < oldest) rmSync(path, { recursive: true, force: true })
  }
}
