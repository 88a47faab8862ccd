/** Words as numbers, switches and addresses, by the rules of the program. */

import type { AddressFamily, PackedAddress } from '../../model/address'
import { formatPacked, parseAddress } from '../../model/address'
import type { Report } from './report'
import type { Word } from './words'

/**
 * The number of a word; undefined where it is none, or out of range, which is reported. `what` names it in messages.
 * 1.2.2 reads with atoi: digits, and nothing of what follows (lib/utils.c).
 */
export function readNumber(
  word: Word | undefined,
  what: Word,
  min: number,
  max: number,
  report: Report,
): number | undefined {
  if (!word) return report.error('missing-value', `${what.text} needs a number`, what.span)
  const digits = /^\d+/.exec(word.text)?.[0]
  if (digits === undefined || (digits !== word.text && !report.policy.lenientNumbers)) {
    return report.error('not-a-number', `${what.text} needs a number, and '${word.text}' is none`, word.span)
  }
  if (digits !== word.text) {
    report.warn('number-with-tail', `${report.program} reads ${digits} of '${word.text}'`, word.span)
  }
  const value = Number(digits)
  if (value < min || value > max) {
    const description = `${what.text} must be from ${min} to ${max}; ${report.program} does not take ${digits}`
    return report.error('out-of-range', description, word.span)
  }
  return value
}

/** `on`, `true`, `yes` or nothing at all is true; undefined where it is no switch, which is reported. */
export function readSwitch(word: Word | undefined, what: Word, report: Report): boolean | undefined {
  if (!word) return true
  if (/^(?:on|true|yes)$/.test(word.text)) return true
  if (/^(?:off|false|no)$/.test(word.text)) return false
  return report.error('not-a-switch', `${what.text} is on or off, not '${word.text}'`, word.span)
}

export interface ReadAddress {
  readonly packed: PackedAddress
  /** Canonical. */
  readonly text: string
  readonly family: AddressFamily
}

const EN_DASH = /[\u2010-\u2015\u2212]/

/** One address. What follows a `-` or a `/` is cut off by the programs, and told (lib/utils.c:inet_stosockaddr). */
export function readAddress(word: Word | undefined, what: Word, report: Report): ReadAddress | undefined {
  if (!word) return report.error('missing-value', `${what.text} needs an address`, what.span)
  const text = word.text.replace(/[-/].*$/, '')
  const packed = parseAddress(text)
  if (!packed) {
    const hint = /[[\]%]/.test(text)
      ? 'Write IPv6 addresses without brackets and without a zone.'
      : EN_DASH.test(text)
        ? 'Write - instead of the dash.'
        : undefined
    return report.error('not-an-address', `'${word.text}' is no address`, word.span, hint)
  }
  if (text !== word.text) {
    const description = `${report.program} reads ${text} of '${word.text}'`
    report.warn('address-cut', description, word.span, 'Write the address alone.')
  }
  return { packed, text: formatPacked(packed), family: packed.family }
}

/**
 * A port; 0 where none is named. 1.2.2 reads the word behind the address whatever it is, and a `{` is 0 for it; where there is
 * none it reads past its words (check_parser.c:vs_handler).
 */
export function readPort(
  word: Word | undefined,
  what: Word,
  hasBlock: boolean,
  report: Report,
): number | undefined {
  if (word)
    return /^0+$/.test(word.text) ? 0 : readNumber(word, { ...what, text: 'a port' }, 1, 65535, report)
  if (hasBlock || !report.policy.lenientNumbers) return 0
  return report.error('missing-port', `${report.program} needs a port in every ${what.text}`, what.span)
}
