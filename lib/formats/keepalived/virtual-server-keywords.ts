/** The keywords of a `virtual_server` block. */

import type { SchedulerFlag } from '../../model/types'
import { methodValues, readMethod } from './forwarding'
import { FAMILY_WORDS } from './groups'
import { CHECKER_DEFAULTS, UNUSED_SETTINGS } from './keywords'
import { readRealServer } from './real-server'
import type { Report } from './report'
import { placeOf } from './report'
import type { Keyword } from './statements'
import { parameterOf } from './statements'
import { readAddress, readNumber, readPort } from './values'
import type { VirtualServer } from './virtual-server'
import type { Word } from './words'

/** check/libipvs.h:LVS_MAX_TIMEOUT. */
const MOST_PERSISTENCE = 2678400
/** What keepalived takes where no time is named (IPVS_SVC_PERSISTENT_TIMEOUT). */
export const DEFAULT_PERSISTENCE = 360
/** check_parser.c:establish_timeout_handler of dpvs. */
const MOST_DPVS_ESTABLISHED = 3600
const MOST_SECONDS = 0xffffffff
/** Digits that fit the char[5] of timeouts with an end (check_data.h of Alibaba's master). */
export const ALIBABA_TIMEOUT_DIGITS = 4
/** ip_vs.h:IPVS_WEIGHT_LIMIT of keepalived. */
export const MOST_WEIGHT = 65535

type Reader = Keyword<VirtualServer>
const line = (values: number, read: Reader['read']): Reader => ({ values, read })

function tellLongTimeout(word: Word | undefined, what: Word, report: Report): void {
  if (report.dialect !== 'alibaba' || !word || word.text.length <= ALIBABA_TIMEOUT_DIGITS) return
  const description = `${report.program} (master) keeps ${what.text} in 5 bytes: '${word.text}' has no end there, and what follows in memory is read with it`
  report.warn('five-digit-timeout', description, word.span, `Use ${ALIBABA_TIMEOUT_DIGITS} digits at most.`)
}

/** char arrays that a second value is laid over (check_parser.c:pto_handler, eto_handler, lbalgo_handler of 1.2.2). */
function tellTwice(was: unknown, what: Word, report: Report): void {
  if (was === undefined || report.dialect !== 'alibaba') return
  const description = `${what.text} stands here twice: the last one is read, and ${report.program} lays one over the other`
  report.warn('laid-over', description, what.span)
}

const readPersistence: Reader['read'] = ({ persistent }, { words: [keyword, word] }, report) => {
  tellTwice(persistent.timeout, keyword, report)
  if (!word && report.dialect !== 'alibaba') {
    persistent.timeout = DEFAULT_PERSISTENCE
    return
  }
  const [least, most] = report.dialect === 'alibaba' ? [0, MOST_SECONDS] : [1, MOST_PERSISTENCE]
  const seconds = readNumber(word, keyword, least, report.dialect === 'dpvs' ? MOST_SECONDS : most, report)
  tellLongTimeout(word, keyword, report)
  if (seconds !== undefined) persistent.timeout = seconds
}

const readEstablished: Reader['read'] = (server, { words: [keyword, word] }, report) => {
  tellTwice(server.establishedTimeout, keyword, report)
  const seconds = readNumber(word, keyword, 0, MOST_SECONDS, report)
  if (seconds === undefined) return
  tellLongTimeout(word, keyword, report)
  if (report.dialect !== 'dpvs') {
    server.establishedTimeout = seconds === 0 ? undefined : { seconds, word: word as Word }
    return
  }
  const clamped = Math.min(Math.max(seconds, 1), MOST_DPVS_ESTABLISHED)
  if (clamped !== seconds) {
    report.warn('clamped', `${report.program} makes ${clamped} of ${seconds}`, (word as Word).span)
  }
  server.establishedTimeout = { seconds: clamped, word: word as Word }
}

/** Flags by what they are called; the schedulers know two of them by their own names (ip_vs.h:IP_VS_SVC_F_SCHED_SH_PORT). */
const FLAGS: readonly (readonly [word: string, flag: SchedulerFlag, scheduler: string | undefined])[] = [
  ['flag-1', 'flag-1', undefined],
  ['flag-2', 'flag-2', undefined],
  ['flag-3', 'flag-3', undefined],
  ['sh-fallback', 'flag-1', 'sh'],
  ['sh-port', 'flag-2', 'sh'],
  ['mh-fallback', 'flag-1', 'mh'],
  ['mh-port', 'flag-2', 'mh'],
]

const flagReader = (flag: SchedulerFlag, scheduler: string | undefined): Reader =>
  line(0, (server, { words: [keyword] }, report) => {
    if (scheduler === undefined || server.scheduler?.text === scheduler) server.flags.add(flag)
    else {
      const description = `${keyword.text} counts behind lb_algo ${scheduler} only: ${report.program} leaves it out`
      report.error('flag-without-scheduler', description, keyword.span)
    }
  })

const readSorry: Reader['read'] = (server, { words: [keyword, address, port] }, report) => {
  const read = readAddress(address, keyword, report)
  const number = readPort(port, keyword, false, report)
  if (!read || number === undefined) return
  const { text } = read
  const word = address as Word
  server.sorry = {
    address: text,
    port: number || undefined,
    inhibit: false,
    method: undefined,
    word,
    ...placeOf(keyword.span),
  }
}

function needsSorry(server: VirtualServer, keyword: Word, report: Report): void {
  if (!server.sorry)
    report.error('no-sorry-server', `${keyword.text} counts behind sorry_server only`, keyword.span)
}

const readWord =
  (name: 'protocol' | 'scheduler' | 'localGroup'): Reader['read'] =>
  (server, { words: [keyword, word] }, report) => {
    if (name === 'scheduler') tellTwice(server.scheduler, keyword, report)
    if (word) server[name] = word
    else report.error('missing-value', `${keyword.text} needs a value`, keyword.span)
  }

const readFamily: Reader['read'] = (server, { words: [keyword, word] }, report) => {
  const family = FAMILY_WORDS.get(word?.text ?? '')
  if (family) server.family = family
  else report.error('bad-family', 'ip_family is inet or inet6', (word ?? keyword).span)
}

const unused: Reader = line(Number.POSITIVE_INFINITY, (_, { words: [keyword] }, report) => {
  report.ignore(keyword.text, 'virtual_server', UNUSED_SETTINGS.get(keyword.text) ?? 'unused', keyword.span)
})
const checkerDefault: Reader = line(1, (server, statement) => {
  server.parameters.push(parameterOf(statement))
})
const method: Reader = {
  values: methodValues,
  read: (server, { words }, report) => {
    server.method = readMethod(words, report) ?? server.method
  },
}
const counted = (name: 'quorum' | 'hysteresis' | 'weight', min: number, max = MOST_SECONDS): Reader =>
  line(1, (server, { words: [keyword, word] }, report) => {
    server[name] = readNumber(word, keyword, min, max, report) ?? server[name]
  })
const script = (name: 'quorumUp' | 'quorumDown'): Reader =>
  line(Number.POSITIVE_INFINITY, (server, { rest }) => {
    server[name] = rest
  })

export const SERVICE_READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ...Array.from(UNUSED_SETTINGS.keys()).map((name): [string, Reader] => [name, unused]),
  ...Array.from(CHECKER_DEFAULTS).map((name): [string, Reader] => [name, checkerDefault]),
  ...FLAGS.map(([name, flag, scheduler]): [string, Reader] => [name, flagReader(flag, scheduler)]),
  ['protocol', line(1, readWord('protocol'))],
  ['lb_algo', line(1, readWord('scheduler'))],
  ['lvs_sched', line(1, readWord('scheduler'))],
  ['lb_kind', method],
  ['lvs_method', method],
  ['laddr_group_name', line(1, readWord('localGroup'))],
  ['persistence_timeout', line(1, readPersistence)],
  [
    'persistence_granularity',
    line(1, ({ persistent }, { words: [keyword, word] }, report) => {
      if (word) persistent.granularity = word
      else report.error('missing-value', `${keyword.text} needs a mask`, keyword.span)
    }),
  ],
  [
    'persistence_engine',
    line(1, ({ persistent }, { words: [keyword, word] }, report) => {
      if (word) persistent.engine = word
      else report.error('missing-value', `${keyword.text} needs a name`, keyword.span)
    }),
  ],
  ['est_timeout', line(1, readEstablished)],
  ['establish_timeout', line(1, readEstablished)],
  [
    'syn_proxy',
    line(0, (server) => {
      server.synproxy = true
    }),
  ],
  [
    'ops',
    line(0, (server, { words: [keyword] }) => {
      server.onePacket = keyword
    }),
  ],
  [
    'hashed',
    line(0, (_, { words: [keyword] }, report) => {
      report.warn(
        'hashed',
        `nothing comes of hashed: every service is in the hash table of the kernel`,
        keyword.span,
      )
    }),
  ],
  ['ip_family', line(1, readFamily)],
  ['weight', counted('weight', 1, MOST_WEIGHT)],
  ['quorum', counted('quorum', 1)],
  ['hysteresis', counted('hysteresis', 0)],
  ['quorum_up', script('quorumUp')],
  ['quorum_down', script('quorumDown')],
  [
    'alpha',
    line(0, (server) => {
      server.alpha = true
    }),
  ],
  [
    'omega',
    line(0, (server) => {
      server.omega = true
    }),
  ],
  [
    'inhibit_on_failure',
    line(0, (server) => {
      server.inhibit = true
    }),
  ],
  ['sorry_server', line(2, readSorry)],
  [
    'sorry_server_inhibit',
    line(0, (server, { words: [keyword] }, report) => {
      needsSorry(server, keyword, report)
      if (server.sorry) server.sorry = { ...server.sorry, inhibit: true }
    }),
  ],
  [
    'sorry_server_lvs_method',
    {
      values: methodValues,
      read: (server, { words }, report) => {
        needsSorry(server, words[0], report)
        const read = readMethod(words, report)
        if (server.sorry && read) server.sorry = { ...server.sorry, method: read }
      },
    },
  ],
  [
    'real_server',
    {
      values: 2,
      block: true,
      read: (server, statement, report) => {
        const real = readRealServer(statement, report)
        if (real) server.realServers.push(real)
      },
    },
  ],
])
