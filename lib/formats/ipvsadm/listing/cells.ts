/** Columns of a row, with where they stand; and what they hold. */

import { canonicalAddress } from '../../../model/address'
import type { DestinationKey } from '../../../model/types'
import type { Complaints } from '../complaints'
import type { Word } from '../words'
import type { ListedCounters, ListedNumber } from './types'

const UNITS: Readonly<Record<string, number>> = { K: 3, M: 6, G: 9, T: 12 }

/** `123`, `4567K`; the columns of wide numbers can touch, after a letter. */
export function readLargeNumber(word: Word, complaints: Complaints): ListedNumber | undefined {
  const [, digits, unit] = /^(\d{1,20})([KMGT]?)$/.exec(word.text) ?? []
  if (digits === undefined || unit === undefined) {
    return complaints.error('not-a-number', `'${word.text}' is no number of a listing`, word.span)
  }
  if (unit === '') return { value: BigInt(digits), approximate: false }
  return { value: BigInt(`${digits}${'0'.repeat(UNITS[unit] as number)}`), approximate: true }
}

/** Five numbers; splits what touches. */
export function readCounters(
  cells: readonly Word[],
  row: Word,
  complaints: Complaints,
): ListedCounters | undefined {
  const apart = cells.reduce<Word[]>((all, cell) => all.concat(splitTouching(cell)), [])
  if (apart.length !== 5) {
    return complaints.error('wrong-columns', `${apart.length} numbers, there must be 5`, row.span)
  }
  const numbers = apart.map((cell) => readLargeNumber(cell, complaints))
  const [connections, inPackets, outPackets, inBytes, outBytes] = numbers
  if (!connections || !inPackets || !outPackets || !inBytes || !outBytes) return undefined
  return { connections, inPackets, outPackets, inBytes, outBytes }
}

function splitTouching({ text, span }: Word): Word[] {
  if (!/[KMGT]\d/.test(text)) return [{ text, span }]
  const parts: Word[] = []
  let from = 0
  for (const part of text.split(/(?<=[KMGT])(?=\d)/)) {
    parts.push({ text: part, span: span.source.span(span.offset + from, part.length) })
    from += part.length
  }
  return parts
}

export function readWhole(word: Word, complaints: Complaints, negative = false): number | undefined {
  const valid = negative ? /^-?\d{1,10}$/ : /^\d{1,10}$/
  if (valid.test(word.text)) return Number(word.text)
  return complaints.error('not-a-number', `'${word.text}' is no number`, word.span)
}

/** `VIP`, `x.x.x.20`, `<prefix>.20`, `10.*.*.5` */
const isMasked = (host: string): boolean =>
  /[*<>]/.test(host) || /^[vrcld]ip\d*$/i.test(host) || /(?:^|\.)x{1,3}(?:\.|$)/i.test(host)

/** `192.0.2.1:80`, `[2001:db8::1]:80`. Names and what has been made unreadable are errors. */
export function readEndpointCell(word: Word, complaints: Complaints): DestinationKey | undefined {
  const { text, span } = word
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? []
  const address = canonicalAddress(bracketed ?? plain ?? '')
  const port = Number(digits)
  if (address !== undefined && port <= 65535 && address.includes(':') === (bracketed !== undefined)) {
    return { address, port }
  }
  const host = (bracketed ?? plain ?? text).replace(/:.*/, '')
  if (isMasked(host)) {
    return complaints.error(
      'masked-address',
      `'${text}' has been made unreadable`,
      span,
      'Use the listing as it was printed.',
    )
  }
  if (/[a-z]/i.test(text) && /^[\w.:[\]-]+$/.test(text)) {
    const hint = 'List with -n: names are cut off, and ports go with them.'
    return complaints.error('name', `'${text}' has a name where an address and a port should be`, span, hint)
  }
  return complaints.error('not-an-address', `'${text}' is no address with a port`, span)
}
