/** `virtual_server_group` and `local_address_group`. */

import type { AddressRange } from '../../model/address-range'
import { rangeSize } from '../../model/address-range'
import type { DesiredPool } from '../../model/desired-state'
import type { Family } from '../../model/types'
import { MOST_GROUP_ADDRESSES } from './limits'
import { formatRange, readRange } from './ranges'
import type { Report } from './report'
import type { Statement } from './tree'
import { readNumber, readPort } from './values'
import type { Word } from './words'

export type GroupEntry =
  | { readonly kind: 'addresses'; readonly range: AddressRange; readonly port: number; readonly word: Word }
  | {
      readonly kind: 'fwmark'
      readonly fwmark: number
      readonly family: Family | undefined
      readonly word: Word
    }

export interface ServerGroup {
  readonly name: string
  readonly entries: readonly GroupEntry[]
}

/** The name and the statements of a group; undefined where it has no name. */
function openGroup(
  statement: Statement,
  report: Report,
): { name: string; entries: readonly Statement[] } | undefined {
  const [keyword, name, extra] = statement.words as [Word, Word | undefined, Word | undefined]
  if (!name) return report.error('missing-value', `${keyword.text} needs a name`, keyword.span)
  if (extra)
    report.warn('extra-words', `${report.program} reads a name here, and not '${extra.text}'`, extra.span)
  if (!statement.block)
    report.error('missing-block', `${keyword.text} ${name.text} has no block`, statement.span)
  const entries = (statement.block ?? []).filter((entry) => {
    if (entry.block) report.error('unexpected-block', 'a group has no blocks: it is left out', entry.span)
    return entry.words.length > 0 && !entry.block
  })
  return { name: name.text, entries }
}

function tellExtra(words: readonly Word[], from: number, report: Report): void {
  const extra = words[from]
  if (extra) report.warn('extra-words', `${report.program} does not read '${extra.text}' here`, extra.span)
}

/** The mark of a service: 0 is "no mark" for the kernel (ip_vs_ctl.c:ip_vs_genl_parse_service). */
export function readFwmark(word: Word | undefined, what: Word, report: Report): number | undefined {
  const mark = readNumber(word, { ...what, text: 'a fwmark' }, 0, 0xffffffff, report)
  if (mark !== 0) return mark
  return report.error(
    'fwmark-0',
    `${report.program} takes fwmark 0, and the kernel has no service of it`,
    (word as Word).span,
  )
}

export const FAMILY_WORDS: ReadonlyMap<string, Family> = new Map([
  ['inet', 'ipv4'],
  ['inet6', 'ipv6'],
])

function readServerEntry({ words }: Statement, report: Report): GroupEntry | undefined {
  const [first, second, third] = words as [Word, Word | undefined, Word | undefined]
  if (first.text === 'fwmark') {
    const fwmark = readFwmark(second, first, report)
    const family = third && report.dialect === 'mainline' ? FAMILY_WORDS.get(third.text) : undefined
    if (third && family === undefined) {
      report.error('extra-words', `${report.program} does not read '${third.text}' here`, third.span)
    }
    tellExtra(words, 3, report)
    return fwmark === undefined ? undefined : { kind: 'fwmark', fwmark, family, word: first }
  }
  const range = readRange(first, 'services', report)
  const port = readPort(second, { ...first, text: 'entry of a group' }, false, report)
  tellExtra(words, 2, report)
  return range && port !== undefined ? { kind: 'addresses', range, port, word: first } : undefined
}

export function readServerGroup(statement: Statement, report: Report): ServerGroup | undefined {
  const group = openGroup(statement, report)
  if (!group) return undefined
  const entries: GroupEntry[] = []
  let family: number | undefined
  for (const entry of group.entries) {
    const read = readServerEntry(entry, report)
    if (!read) continue
    if (read.kind === 'addresses' && report.dialect === 'dpvs') {
      family = family ?? read.range.family
      if (family !== read.range.family) {
        report.error(
          'mixed-families',
          `${report.program} mixes no families in a group: this entry is left out`,
          entry.span,
        )
        continue
      }
    }
    entries.push(read)
  }
  if (entries.length === 0) report.warn('empty-group', `group ${group.name} has no entries`, statement.span)
  return { name: group.name, entries }
}

export interface LocalGroup {
  readonly name: string
  readonly pool: DesiredPool
}

export function readLocalGroup(statement: Statement, report: Report): LocalGroup | undefined {
  const group = openGroup(statement, report)
  if (!group) return undefined
  const addresses: string[] = []
  let count = BigInt(0)
  for (const { words, span } of group.entries) {
    const [first, device] = words as [Word, Word | undefined]
    const range = readRange(first, 'local', report)
    if (report.dialect === 'dpvs' && !device) {
      report.error(
        'missing-value',
        `${report.program} needs the device of a local address, and ends without one`,
        first.span,
      )
    }
    tellExtra(words, report.dialect === 'dpvs' ? 2 : 1, report)
    if (!range) continue
    count += rangeSize(range)
    if (count > BigInt(MOST_GROUP_ADDRESSES)) {
      report.error(
        'group-too-large',
        `group ${group.name} has more than ${MOST_GROUP_ADDRESSES} addresses: the rest is left out`,
        span,
      )
      break
    }
    addresses.push(formatRange(range))
  }
  if (addresses.length === 0)
    report.warn('empty-group', `group ${group.name} has no addresses`, statement.span)
  return { name: group.name, pool: { addresses } }
}
