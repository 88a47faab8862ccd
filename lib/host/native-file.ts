/** Files that the addon opens, in the namespace of the sockets. */

import type { KernelFile } from '../border/transport'
import { ERRNO } from '../kernel/errno'
import { fileError } from '../kernel/file-error'
import type { NativeConnection } from './addon'

/** fib_trie of a router with all routes of the Internet is larger; nobody waits for that. */
const SIZE_MAX = 16 * 1024 * 1024
const PIECE = 65536

export class NativeFile implements KernelFile {
  private descriptor: number

  /** Throws as `fs` does. */
  constructor(
    private readonly connection: NativeConnection,
    private readonly path: string,
    access: 'read' | 'write' = 'read',
  ) {
    this.descriptor = connection.openFile(path, access === 'write')
    if (this.descriptor < 0) throw fileError(-this.descriptor, 'open', path)
  }

  read(into: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.connection.readFile(this.descriptor, into, (count) => {
        if (count < 0) reject(fileError(-count, 'read', this.path))
        else resolve(count)
      })
    })
  }

  write(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.connection.writeFile(this.descriptor, Buffer.from(text), (count) => {
        if (count < 0) reject(fileError(-count, 'write', this.path))
        else resolve()
      })
    })
  }

  close(): void {
    if (this.descriptor < 0) return
    this.connection.closeFile(this.descriptor)
    this.descriptor = -1 // soon another file's
  }
}

export async function readText(connection: NativeConnection, path: string): Promise<string> {
  const file = new NativeFile(connection, path)
  try {
    const pieces: Buffer[] = []
    let size = 0
    for (;;) {
      const piece = Buffer.allocUnsafe(PIECE)
      const count = await file.read(piece)
      if (count === 0) return Buffer.concat(pieces).toString('utf8')
      size += count
      if (size > SIZE_MAX) throw fileError(ERRNO.EFBIG, 'read', path)
      pieces.push(piece.subarray(0, count))
    }
  } finally {
    file.close()
  }
}
