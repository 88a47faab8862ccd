/** `lb_kind`, `lvs_method` and `sorry_server_lvs_method`: how packets reach a server. */

import type { Forwarding, Tunnel } from '../../model/types'
import type { KeepalivedDialect } from './dialects'
import type { Report } from './report'
import { readNumber } from './values'
import type { Word } from './words'

export interface Method {
  readonly forwarding: Forwarding
  readonly tunnel: Tunnel | undefined
}

const KINDS: ReadonlyMap<string, Forwarding> = new Map([
  ['NAT', 'masquerade'],
  ['DR', 'direct-route'],
  ['TUN', 'tunnel'],
  ['FNAT', 'fullnat'],
])

/** The words for a method; undefined where the program has none. */
export function methodWord(forwarding: Forwarding, dialect: KeepalivedDialect): string | undefined {
  if (forwarding === 'fullnat' && dialect === 'mainline') return undefined
  return Array.from(KINDS).find(([, name]) => name === forwarding)?.[0]
}

const CHECKSUMS: ReadonlyMap<string, NonNullable<Tunnel['checksum']>> = new Map([
  ['nocsum', 'none'],
  ['csum', 'full'],
  ['remcsum', 'remote'],
])

/** Words behind the keyword that belong to it: the method, and the options of a tunnel. */
export function methodValues(words: readonly Word[], { dialect }: Report): number {
  let count = 1
  if (dialect === 'alibaba') return count
  for (let word = words[count + 1]; word; word = words[count + 1]) {
    if (CHECKSUMS.has(word.text)) count++
    else if (word.text === 'type' || word.text === 'port') count += 2
    else break
  }
  return count
}

/** What check_parser.c:svr_forwarding_handler refuses the options for. */
function readTunnel(words: readonly Word[], report: Report): Tunnel | undefined {
  let type: Tunnel['type'] = 'ipip'
  let port: number | undefined
  let checksum: Tunnel['checksum']
  const end = methodValues(words, report)
  for (let i = 2; i <= end && i < words.length; i++) {
    const word = words[i] as Word
    const value = words[i + 1]
    if (word.text === 'type') {
      if (!value || !/^(?:ipip|gue|gre)$/.test(value.text)) {
        return report.error('bad-tunnel', 'type must be ipip, gue or gre', (value ?? word).span)
      }
      type = value.text as Tunnel['type']
      i++
    } else if (word.text === 'port') {
      port = readNumber(value, word, 1, 65535, report)
      if (port === undefined) return undefined
      i++
    } else {
      checksum = CHECKSUMS.get(word.text)
    }
  }
  const last = words[Math.min(end, words.length - 1)] as Word
  const wrong =
    (type === 'gue') !== (port !== undefined)
      ? 'a tunnel of type gue has a port, and no other has one'
      : type === 'ipip' && checksum !== undefined && checksum !== 'none'
        ? 'a tunnel of type ipip has no checksum'
        : type === 'gre' && checksum === 'remote'
          ? 'a tunnel of type gre has no remote checksum'
          : undefined
  if (wrong !== undefined) return report.error('bad-tunnel', wrong, last.span)
  if (type === 'ipip') return undefined
  const none = checksum === undefined || checksum === 'none'
  return { type, ...(port === undefined ? {} : { port }), ...(none ? {} : { checksum }) }
}

/** Undefined where there is no such method: the program then leaves it as it was. Options with an error count as none. */
export function readMethod(words: readonly Word[], report: Report): Method | undefined {
  const [keyword, kind] = words as [Word, Word | undefined]
  if (!kind) return report.error('missing-value', `${keyword.text} needs a method`, keyword.span)
  const { dialect, program } = report
  const forwarding = KINDS.get(kind.text)
  if (kind.text === 'SNAT' && dialect === 'dpvs') {
    return report.error('snat', 'SNAT is of dpvs only, and nothing of IPVS', kind.span)
  }
  if (forwarding === undefined || methodWord(forwarding, dialect) === undefined) {
    const upper = kind.text.toUpperCase()
    const hint = upper !== kind.text && KINDS.has(upper) ? `Write ${upper}.` : undefined
    return report.error('unknown-method', `${program} has no method '${kind.text}'`, kind.span, hint)
  }
  if (dialect === 'alibaba') return { forwarding, tunnel: undefined }
  const tunnel = readTunnel(words, report)
  if (tunnel && forwarding !== 'tunnel') {
    report.error('bad-tunnel', `${kind.text} is no tunnel`, (words[2] as Word).span)
    return { forwarding, tunnel: undefined }
  }
  return { forwarding, tunnel }
}
