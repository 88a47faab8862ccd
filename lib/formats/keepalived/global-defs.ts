/** `global_defs`: timeouts, the synchronisation daemon, and what changes how services come out. */

import { checkDaemonInput, checkTimeouts } from '../../input'
import type { DaemonInput, Timeouts } from '../../model/types'
import { globalReason } from './keywords'
import type { Report } from './report'
import { placeOf } from './report'
import type { Statement } from './tree'
import type { FollowingDaemon } from './types'
import { validated } from './validate'
import { readNumber } from './values'
import type { Word } from './words'
import { foreignBlankOf } from './words'

/** check/libipvs.h:LVS_MAX_TIMEOUT. */
const MOST_TIMEOUT = 86400 * 31

export interface GlobalSettings {
  timeouts: { -readonly [name in keyof Timeouts]?: number }
  daemons: DaemonInput[] | undefined
  readonly following: FollowingDaemon[]
  /** Where `nftables_ipvs` stands. */
  nftables: Word | undefined
}

export const noSettings = (): GlobalSettings => ({
  timeouts: {},
  daemons: undefined,
  following: [],
  nftables: undefined,
})

const TIMEOUTS: ReadonlyMap<string, keyof Timeouts> = new Map([
  ['tcp', 'tcp'],
  ['tcpfin', 'tcpFin'],
  ['udp', 'udp'],
])

/** global_parser.c:lvs_timeouts. 0 is "leave it" for the kernel. */
function readTimeouts(to: GlobalSettings, { words }: Statement, report: Report): void {
  const [keyword] = words as [Word]
  if (words.length < 3)
    report.error('missing-value', 'lvs_timeouts needs tcp, tcpfin or udp and seconds', keyword.span)
  for (let i = 1; i < words.length; i++) {
    const word = words[i] as Word
    const name = TIMEOUTS.get(word.text)
    if (!name) {
      report.error('unknown-option', `lvs_timeouts has no '${word.text}'`, word.span)
      continue
    }
    const seconds = readNumber(words[++i], word, 0, MOST_TIMEOUT, report)
    if (!seconds) continue
    if (validated(() => checkTimeouts({ [name]: seconds }), word.span, report)) to.timeouts[name] = seconds
  }
}

type Options = { -readonly [name in keyof FollowingDaemon]?: FollowingDaemon[name] }
/** 65535 without the headers of IP and UDP (global_parser.c:lvs_syncd_handler). */
const DAEMON_NUMBERS: ReadonlyMap<
  string,
  readonly [name: 'syncId' | 'syncMaxLength' | 'multicastPort' | 'multicastTtl', min: number, max: number]
> = new Map([
  ['id', ['syncId', 0, 255]],
  ['maxlen', ['syncMaxLength', 1, 65535 - 20 - 8]],
  ['port', ['multicastPort', 1, 65535]],
  ['ttl', ['multicastTtl', 1, 255]],
])

function readDaemonOptions(words: readonly Word[], report: Report): Options {
  const options: Options = {}
  for (let i = 2; i < words.length; i++) {
    const word = words[i] as Word
    const value = words[i + 1]
    const number = DAEMON_NUMBERS.get(word.text)
    if (number) {
      const [name, min, max] = number
      options[name] = readNumber(value, word, min, max, report)
      i++
    } else if (word.text === 'inst') {
      options.vrrpInstance = value?.text
      i++
    } else if (word.text === 'group') {
      options.multicastGroup = value?.text
      i++
    } else if (i === 2) {
      options.vrrpInstance = word.text
    } else if (i === 3) {
      options.syncId = readNumber(word, { ...word, text: 'a sync id' }, 0, 255, report)
    } else {
      report.error('unknown-option', `lvs_sync_daemon has no '${word.text}'`, word.span)
    }
  }
  return options
}

/**
 * With a VRRP instance the daemon is what that is; without one, mainline starts both (check_daemon.c:start_check,
 * IPVS_MASTER_BACKUP).
 */
function readDaemon(to: GlobalSettings, { words, span }: Statement, report: Report): void {
  const [keyword, device] = words as [Word, Word | undefined]
  if (!device) {
    report.error('missing-value', 'lvs_sync_daemon needs an interface', keyword.span)
    return
  }
  if (to.daemons || to.following.length > 0) {
    report.error('second-daemon', 'lvs_sync_daemon stands here twice: the first one counts', keyword.span)
    return
  }
  const { vrrpInstance, ...options } = readDaemonOptions(words, report)
  const { syncId, syncMaxLength, multicastGroup, multicastPort, multicastTtl } = options
  if (vrrpInstance === undefined && report.dialect === 'mainline') {
    const config = {
      interface: device.text,
      syncId: syncId ?? 0,
      ...(syncMaxLength === undefined ? {} : { syncMaxLength }),
      ...(multicastGroup === undefined ? {} : { multicastGroup }),
      ...(multicastPort === undefined ? {} : { multicastPort }),
      ...(multicastTtl === undefined ? {} : { multicastTtl }),
    }
    const both = [
      { state: 'master' as const, ...config },
      { state: 'backup' as const, ...config },
    ]
    if (validated(() => both.map((daemon) => checkDaemonInput(daemon)), device.span, report))
      to.daemons = both
    return
  }
  const follows = vrrpInstance === undefined ? 'VRRP' : `VRRP instance ${vrrpInstance}`
  report.warn(
    'daemon-follows-vrrp',
    `whether it is master or backup is what ${follows} says: it is not in the state`,
    span,
  )
  to.following.push({
    interface: device.text,
    vrrpInstance,
    syncId,
    syncMaxLength,
    multicastGroup,
    multicastPort,
    multicastTtl,
    ...placeOf(span),
  })
}

export function readGlobalDefs(to: GlobalSettings, statements: readonly Statement[], report: Report): void {
  for (const statement of statements) {
    const [first] = statement.words
    if (!first || foreignBlankOf(first.text) !== undefined) continue
    const name = first.text
    const old = report.dialect === 'alibaba'
    const reason = globalReason(name, report.dialect)
    if (name === 'lvs_timeouts' && !old) readTimeouts(to, statement, report)
    else if (name === 'lvs_sync_daemon' && !old) readDaemon(to, statement, report)
    else if (/^nftables_ipvs(?:_start_fwmark)?$/.test(name) && report.dialect === 'mainline')
      to.nftables = first
    else if (reason) report.ignore(name, 'global_defs', reason, first.span)
    else {
      const what = statement.block ? 'block' : 'keyword'
      report.unknown(
        `unknown-${what}`,
        `${report.program} has no ${what} '${name}' in global_defs`,
        statement.span,
      )
    }
  }
}

/** `vrrp_instance NAME { lvs_sync_daemon_interface eth0 }`, which old versions have. */
export function readVrrpDaemon(to: GlobalSettings, { words, block }: Statement, report: Report): void {
  for (const { words: inner, span } of block ?? []) {
    const [keyword, device] = inner
    if (keyword?.text !== 'lvs_sync_daemon_interface' || !device) continue
    readDaemonOf(to, device, words[1]?.text, span, report)
  }
}

function readDaemonOf(
  to: GlobalSettings,
  device: Word,
  instance: string | undefined,
  span: Word['span'],
  report: Report,
): void {
  const description = `whether it is master or backup is what VRRP instance ${instance ?? '?'} says: it is not in the state`
  report.warn('daemon-follows-vrrp', description, span)
  to.following.push({
    interface: device.text,
    vrrpInstance: instance,
    syncId: undefined,
    syncMaxLength: undefined,
    multicastGroup: undefined,
    multicastPort: undefined,
    multicastTtl: undefined,
    ...placeOf(span),
  })
}
