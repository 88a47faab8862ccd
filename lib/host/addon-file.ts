/** What can be told of an addon's file without loading it. */

import { closeSync, fstatSync, openSync, readSync } from 'fs'

const HEADER = 64
/** e_machine, by Node's name. */
const MACHINES: Readonly<Record<string, number>> = { x64: 62, arm64: 183 }

/**
 * Throws where the file ends before what its header promises, or is of another machine. dlopen() maps the segments of the
 * first and dies of SIGBUS, and says of the second that it does not exist (glibc's elf/dl-load.c:open_verify). Linkers and
 * strip write the table of sections last, so a file that has all of it has what is before.
 */
export function checkAddonFile(path: string): void {
  const header = Buffer.alloc(HEADER)
  const file = openSync(path, 'r')
  let size: number
  try {
    readSync(file, header, 0, HEADER, 0)
    size = fstatSync(file).size
  } finally {
    closeSync(file)
  }
  if (header.readUInt32BE(0) !== 0x7f454c46) throw new Error(`${path}: invalid ELF header`)
  const sections = header.readUInt32LE(0x28) + header.readUInt32LE(0x2c) * 2 ** 32
  const table = header.readUInt16LE(0x3a) * header.readUInt16LE(0x3c)
  if (size < HEADER || size < sections + table) throw new Error(`${path}: file too short`)
  const machine = header.readUInt16LE(0x12)
  const own = MACHINES[process.arch]
  if (own !== undefined && machine !== own)
    throw new Error(`${path}: ELF file of another machine (${machine})`)
}
