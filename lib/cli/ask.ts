/** A question to whoever sits at the terminal. */

import type { Invocation } from './command'
import { interrupted } from './read-input'

/** The line that was typed; undefined where the input ended. */
export async function ask(question: string, { io, err, call }: Invocation): Promise<string | undefined> {
  await err.write(question)
  const { createInterface } = await import('readline')
  const lines = createInterface({ input: io.stdin })
  return new Promise((resolve, reject) => {
    call.signal?.addEventListener('abort', () => {
      reject(interrupted())
      lines.close()
    })
    lines.once('line', (line) => {
      resolve(line.trim())
      lines.close()
    })
    lines.once('close', () => resolve(undefined))
  })
}
