/** FILE, or `-` for standard input. */

import { readFileBytes } from '../host/text-files'
import type { Invocation } from './command'
import { CliError, EXIT } from './errors'

export interface InputText {
  /** For positions and messages. */
  readonly name: string
  readonly bytes: Uint8Array
}

type ReadContext = Pick<Invocation, 'io' | 'call'>

/** More than any parser here takes (lib/formats/text/read-text.ts:MOST_TEXT). */
const MOST_BYTES = 64 * 1024 * 1024

const tooLong = (name: string) =>
  new CliError(
    `${name}: more than ${MOST_BYTES} bytes, which is no table of a director`,
    undefined,
    EXIT.usage,
  )

/** Whoever interrupts waits for no input. */
export const interrupted = (): CliError => new CliError('interrupted.', undefined, EXIT.interrupted)

export function readStandardInput({ io: { stdin }, call: { signal } }: ReadContext): Promise<InputText> {
  const name = 'standard input'
  return new Promise((resolve, reject) => {
    signal?.addEventListener('abort', () => {
      stdin.pause()
      reject(interrupted())
    })
    const pieces: Buffer[] = []
    let length = 0
    stdin.on('data', (piece: Buffer | string) => {
      const bytes = Buffer.from(piece as string)
      length += bytes.length
      if (length > MOST_BYTES) {
        stdin.pause()
        reject(tooLong(name))
      } else {
        pieces.push(bytes)
      }
    })
    stdin.on('error', reject)
    stdin.on('end', () => resolve({ name, bytes: Buffer.concat(pieces) }))
    stdin.resume()
  })
}

export async function readInput(path: string, context: ReadContext): Promise<InputText> {
  if (path === '-') return readStandardInput(context)
  const bytes = readFileBytes(path)
  if (bytes.length > MOST_BYTES) throw tooLong(path)
  return { name: path, bytes }
}
