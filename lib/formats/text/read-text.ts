/** Bytes or a string of anybody's as a text that a parser may look at: within limits, and UTF-8. */

import { invalidType } from '../../errors/argument-errors'
import { IpvsTextError } from './problems'
import { SourceText } from './source-text'

/** Characters of a text: a table of 10,000 services with 20 destinations each is 16 million. */
export const MOST_TEXT = 64 * 1024 * 1024
/** Characters of a line. ipvsadm takes 4,096 (ipvsadm.c:process_options), keepalived 1,023 (lib/parser.c:MAXBUF). */
export const MOST_LINE = 64 * 1024

function refuse(source: SourceText, code: string, description: string, offset: number, hint?: string): never {
  throw new IpvsTextError('error', { code, description, hint }, source.span(offset, 1))
}

/**
 * Throws an `IpvsTextError` with code `text-too-long`, `line-too-long`, `nul-character` or `not-utf8`. A byte-order mark at
 * the start is left out. `mostLine`: of forms that may stand on one line, as JSON may, it is no limit.
 */
export function readText(value: string | Uint8Array, file?: string, mostLine = MOST_LINE): SourceText {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
    throw invalidType('text', 'string or Uint8Array', value)
  }
  if (value.length > MOST_TEXT) {
    const description = `the text has ${value.length} ${typeof value === 'string' ? 'characters' : 'bytes'}, the limit is ${MOST_TEXT}`
    refuse(new SourceText('', file), 'text-too-long', description, 0)
  }
  const text = (typeof value === 'string' ? value : decode(value, file)).replace(/^\ufeff/, '')
  const source = new SourceText(text, file)
  const nul = text.indexOf('\0')
  if (nul >= 0) refuse(source, 'nul-character', 'a NUL character: this is no text', nul)
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start)
    const length = (end < 0 ? text.length : end) - start
    if (length > mostLine) {
      refuse(source, 'line-too-long', `a line of ${length} characters, the limit is ${mostLine}`, start)
    }
    if (end < 0) break
    start = end + 1
  }
  return source
}

function decode(bytes: Uint8Array, file: string | undefined): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = buffer.toString('utf8')
  // What is no UTF-8 becomes U+FFFD, which is rare enough in configurations to be looked at again.
  if (text.includes('\ufffd') && !Buffer.from(text, 'utf8').equals(buffer)) {
    const hint = 'Convert it, with iconv for instance.'
    refuse(new SourceText(text, file), 'not-utf8', 'the text is not UTF-8', text.indexOf('\ufffd'), hint)
  }
  return text
}
