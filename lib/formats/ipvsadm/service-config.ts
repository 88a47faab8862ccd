/** The options of -A and -E → the configuration of a service. */

import { checkServiceInput } from '../../input'
import { canonicalAddress } from '../../model/address'
import type { Persistence, SchedulerFlag, ServiceConfig } from '../../model/types'
import type { Complaints } from './complaints'
import { DIALECT_FACTS } from './dialects'
import type { Given, RuleContext } from './given'
import type { GivenService } from './service-key'
import { validated } from './validate'
import { inetAton, MOST_SECONDS, readNumber } from './values'
import type { Word } from './words'

/** ipvsadm.c:IPVS_SVC_PERSISTENT_TIMEOUT */
export const DEFAULT_PERSISTENCE = 360
/** ipvsadm.c:DEF_SCHED */
export const DEFAULT_SCHEDULER = 'wlc'

export interface ReadServiceConfig {
  readonly config: ServiceConfig
  /** -M without -p. */
  readonly netmask: string | number | undefined
}

type Building = { -readonly [name in keyof ServiceConfig]: ServiceConfig[name] }

/** ipvsadm.c:parse_sched_flags; flag-1 and flag-2 have names of their own with these schedulers. */
export const FLAG_NAMES: Readonly<Record<string, readonly [scheduler: string, flag: SchedulerFlag]>> = {
  'sh-fallback': ['sh', 'flag-1'],
  'sh-port': ['sh', 'flag-2'],
  'mh-fallback': ['mh', 'flag-1'],
  'mh-port': ['mh', 'flag-2'],
}
const FLAGS: readonly SchedulerFlag[] = ['flag-1', 'flag-2', 'flag-3']

function readFlags(word: Word, scheduler: string, complaints: Complaints): readonly SchedulerFlag[] {
  const found = new Set<SchedulerFlag>()
  const names = word.text.split(',').filter(Boolean)
  if (names.length === 0) complaints.error('unknown-flag', 'no scheduler flag is named', word.span)
  for (const name of names) {
    const [only, flag] = FLAG_NAMES[name] ?? [undefined, name as SchedulerFlag]
    if (!FLAGS.includes(flag)) {
      const hint = `There are ${[...FLAGS, ...Object.keys(FLAG_NAMES)].join(', ')}. Without a value, -b is FULLNAT in Alibaba's ipvsadm and in dpvs.`
      complaints.error('unknown-flag', `no scheduler flag '${name}'`, word.span, hint)
    } else if (only !== undefined && only !== scheduler) {
      complaints.error('unknown-flag', `flag '${name}' is of scheduler ${only}, not ${scheduler}`, word.span)
    } else {
      found.add(flag)
    }
  }
  return FLAGS.filter((flag) => found.has(flag))
}

function readNetmask(
  given: Given,
  { ipv6, option: serviceOption, key }: GivenService,
  complaints: Complaints,
): string | number | undefined {
  const option = given.options.get('netmask')
  if (!option) return undefined
  const word = option.value as Word
  if (!ipv6) {
    const mask = canonicalAddress(word.text) ?? inetAton(word.text)
    if (mask !== undefined && !mask.includes(':')) return mask
    return complaints.error('not-a-netmask', `'${word.text}' is no IPv4 mask`, word.span)
  }
  const six = key.fwmark === undefined ? serviceOption : given.options.get('ipv6')
  if (six && given.inOrder.indexOf(option) < given.inOrder.indexOf(six)) {
    const hint = 'ipvsadm reads it as an IPv4 mask there, and then forgets it.'
    return complaints.error('order', '-M stands before the IPv6 service', option.span, hint)
  }
  return readNumber(word, 'prefix length', 1, 128, complaints)
}

function readPersistence(
  given: Given,
  netmask: string | number | undefined,
  engine: string | undefined,
  complaints: Complaints,
): Persistence | undefined {
  const option = given.options.get('persistent')
  if (!option) return undefined
  const timeout = option.value
    ? readNumber(option.value, 'persistence timeout', 1, MOST_SECONDS, complaints)
    : DEFAULT_PERSISTENCE
  if (timeout === undefined) return undefined
  return {
    timeout,
    ...(netmask === undefined ? {} : { netmask }),
    ...(engine === undefined ? {} : { engine }),
  }
}

/** ipvsadm.c compares only so many characters as the word has. */
function readSynproxy(word: Word, complaints: Complaints): boolean | undefined {
  const { text, span } = word
  const found = ['enable', 'disable'].find((name) => text.startsWith(name))
  if (found === undefined) {
    return complaints.error('not-a-switch', `'${text}' is neither enable nor disable`, span)
  }
  if (found !== text) complaints.warn('odd-switch', `'${text}' is ${found} to ipvsadm`, span)
  return found === 'enable'
}

/** `pe NAME` and `ops`, which -S of Alibaba's ipvsadm prints without dashes. Returns the words that are something else. */
function readBareWords(
  rest: readonly Word[],
  config: Building,
  { dialect, complaints }: RuleContext,
): { readonly rest: readonly Word[]; readonly engine: string | undefined } {
  if (!DIALECT_FACTS[dialect].bareWords) return { rest, engine: undefined }
  const others: Word[] = []
  let engine: string | undefined
  const hint = "Alibaba's ipvsadm -S prints it so, and its -R refuses it."
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i] as Word
    const name = rest[i + 1]
    if (word.text === 'ops') {
      complaints.warn('refused-by-ipvsadm', "'ops' is taken as -o", word.span, hint)
      config.onePacket = true
    } else if (word.text === 'pe' && name) {
      complaints.warn(
        'refused-by-ipvsadm',
        `'pe ${name.text}' is taken as --pe ${name.text}`,
        word.span,
        hint,
      )
      engine = name.text
      i++
    } else {
      others.push(word)
    }
  }
  return { rest: others, engine }
}

/** dpvs has more than the model. */
const NOT_SAYABLE: Readonly<Record<string, string>> = {
  'hash-target': 'what is hashed',
  'proxy-protocol': 'the PROXY protocol',
  'dest-check': 'health checks of dpvs',
  'expire-quiescent': 'the expiry of connections to quiescent destinations',
  quic: 'QUIC',
}

function reportNotSayable(given: Given, { complaints }: RuleContext): void {
  for (const [kind, what] of Object.entries(NOT_SAYABLE)) {
    const option = given.options.get(kind)
    if (!option) continue
    complaints.warn(
      'not-sayable',
      `--${kind}: ${what} cannot be said here, the service is taken without`,
      option.span,
    )
  }
}

function readEstablishedTimeout(
  given: Given,
  service: GivenService,
  { complaints }: RuleContext,
): number | undefined {
  const option = given.options.get('vsestablish-timeout') ?? given.options.get('conn-timeout')
  if (!option) return undefined
  if (!option.value) {
    const hint = 'ipvsadm crashes on it.'
    return complaints.error('missing-argument', '-V without a number', option.span, hint)
  }
  if (option.row.long === 'conn-timeout' && service.key.protocol === 'udp') {
    const description = '--conn-timeout of a UDP service cannot be said here, the service is taken without'
    complaints.warn('not-sayable', description, option.span)
    return undefined
  }
  return readNumber(option.value, 'timeout', 1, MOST_SECONDS, complaints)
}

/** Also returns the words that are still nobody's. */
export function readServiceConfig(
  given: Given,
  service: GivenService,
  context: RuleContext,
): ReadServiceConfig & { readonly rest: readonly Word[] } {
  const { complaints } = context
  const value = (kind: string) => given.options.get(kind)?.value
  const config: Building = {}
  const scheduler = value('scheduler')
  if (scheduler) config.scheduler = scheduler.text
  const flags = value('sched-flags')
  if (flags) config.schedulerFlags = readFlags(flags, config.scheduler ?? DEFAULT_SCHEDULER, complaints)
  if (given.options.has('ops')) config.onePacket = true
  const bare = readBareWords(given.rest, config, context)
  const netmask = readNetmask(given, service, complaints)
  const engine = value('pe')?.text ?? bare.engine
  const persistence = readPersistence(given, netmask, engine, complaints)
  if (persistence) config.persistence = persistence
  const synproxy = value('synproxy')
  if (synproxy) {
    const enabled = readSynproxy(synproxy, complaints)
    if (enabled !== undefined) config.synproxy = enabled
  }
  const establishedTimeout = readEstablishedTimeout(given, service, context)
  if (establishedTimeout !== undefined) config.establishedTimeout = establishedTimeout
  reportNotSayable(given, context)
  if (!given.options.has('persistent')) reportWithoutPersistence(given, service, context)
  const spans = {
    scheduler: scheduler?.span,
    schedulerFlags: flags?.span,
    onePacket: given.options.get('ops')?.span,
    engine: value('pe')?.span,
    netmask: value('netmask')?.span,
    persistence: given.options.get('persistent')?.span,
    synproxy: synproxy?.span,
    establishedTimeout: (value('vsestablish-timeout') ?? value('conn-timeout'))?.span,
    address: service.span,
  }
  const whole = { ...service.key, ...config }
  validated(() => checkServiceInput(whole), spans, given.span, complaints)
  return { config, netmask: persistence ? undefined : netmask, rest: bare.rest }
}

function reportWithoutPersistence(
  given: Given,
  { key, hasPort, span }: GivenService,
  { dialect, complaints }: RuleContext,
): void {
  const { editMerges } = DIALECT_FACTS[dialect]
  const keeps = editMerges && given.name === 'edit-service'
  const netmask = given.options.get('netmask')
  if (netmask && !keeps) complaints.warn('no-effect', '-M has no effect without -p', netmask.span)
  const engine = given.options.get('pe')
  if (engine) complaints.warn('no-effect', '--pe has no effect without -p', engine.span)
  if (key.fwmark !== undefined || key.port !== 0 || keeps) return
  if (hasPort) {
    complaints.warn('refused-by-ipvsadm', 'ipvsadm refuses port 0 of a service without -p', span)
    return
  }
  const hint = key.address.includes(':')
    ? `Write [ADDRESS]:PORT: ${key.address} is an address as a whole.`
    : undefined
  complaints.error('no-port', 'there is no port, which only a service with -p may go without', span, hint)
}
