/** FILE, or `-` for standard input. */

import { readFileBytes } from '../host/text-files'
import { CliError } from './errors'
import type { CliIo } from './io'

export interface InputText {
  /** For positions and messages. */
  readonly name: string
  readonly bytes: Uint8Array
}

/** More than any parser here takes (lib/formats/text/read-text.ts:MOST_TEXT). */
const MOST_BYTES = 64 * 1024 * 1024

const tooLong = (name: string) =>
  new CliError(`${name}: more than ${MOST_BYTES} bytes, which is no table of a director`)

export function readStandardInput({ stdin }: CliIo): Promise<InputText> {
  const name = 'standard input'
  return new Promise((resolve, reject) => {
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

export async function readInput(path: string, io: CliIo): Promise<InputText> {
  if (path === '-') return readStandardInput(io)
  const bytes = readFileBytes(path)
  if (bytes.length > MOST_BYTES) throw tooLong(path)
  return { name: path, bytes }
}
