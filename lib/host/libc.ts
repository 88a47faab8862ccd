/** Which C library this process runs on. */

import { readFileSync } from 'fs'

export type Libc = 'glibc' | 'musl'

/**
 * By what is mapped, not by the distribution: Node for glibc runs on Alpine, and one for musl elsewhere. Undefined for a
 * run time that has its libc in itself, and without /proc.
 */
export function mappedLibc(maps = readMaps()): Libc | undefined {
  // Its own name, which Debian has for the file, and the one of the distributions that are built on it.
  if (/\/(?:libc\.so|ld-musl-[^/\n]*|libc\.musl-[^/\n]*)$/m.test(maps)) return 'musl'
  if (/\/(?:ld-linux[^/\n]*|libc\.so\.6|libc-2[^/\n]*\.so)$/m.test(maps)) return 'glibc'
  return undefined
}

function readMaps(): string {
  try {
    return readFileSync('/proc/self/maps', 'latin1')
  } catch {
    return ''
  }
}
