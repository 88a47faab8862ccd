/** Text files of the kernel, whole. */

import type { KernelFileName, KernelFiles } from '../border/transport'

/** What the kernel writes at once (fs/seq_file.c:seq_read fills one page, whatever is asked for). */
const PAGE = 4096

/** The text of a file that is read often and is small. Rejects as `KernelFiles.open` does. */
export async function readKernelText(files: KernelFiles, name: KernelFileName): Promise<string> {
  const file = await files.open(name)
  try {
    const pieces: Buffer[] = []
    for (;;) {
      const piece = Buffer.allocUnsafe(PAGE)
      const count = await file.read(piece)
      if (count === 0) return Buffer.concat(pieces).toString('utf8')
      pieces.push(piece.subarray(0, count))
    }
  } finally {
    file.close()
  }
}
