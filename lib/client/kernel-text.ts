/** Text files of the kernel, whole. */

import type { KernelFile, KernelFileName, KernelFiles } from '../border/transport'

/** What the kernel writes at once (fs/seq_file.c:seq_read fills one page, whatever is asked for). */
const PAGE = 4096

/** Waits for one step of the kernel, or no longer. */
type Wait = <T>(step: () => Promise<T>) => Promise<T>

const asLongAsItTakes: Wait = (step) => step()

/** A file that nobody waits for any more is closed, whether it is open by then or later. */
export function openWithin(files: KernelFiles, name: KernelFileName, wait: Wait): Promise<KernelFile> {
  let file: KernelFile | undefined
  let givenUp = false
  const open = async () => {
    file = await files.open(name)
    if (givenUp) file.close()
    return file
  }
  return wait(open).catch((error) => {
    givenUp = true
    file?.close()
    throw error
  })
}

/** The text of a file that is read often and is small. Rejects as `KernelFiles.open` does, or as `wait`. */
export async function readKernelText(
  files: KernelFiles,
  name: KernelFileName,
  wait: Wait = asLongAsItTakes,
): Promise<string> {
  const file = await openWithin(files, name, wait)
  try {
    const pieces: Buffer[] = []
    for (;;) {
      const piece = Buffer.allocUnsafe(PAGE)
      const count = await wait(() => file.read(piece))
      if (count === 0) return Buffer.concat(pieces).toString('utf8')
      pieces.push(piece.subarray(0, count))
    }
  } finally {
    file.close()
  }
}
