/** What a virtual server says of its service: scheduler, persistence, flags. */

import { AF_INET6 } from '../../model/address'
import type { Persistence, ServiceConfig } from '../../model/types'
import type { KeepalivedDialect } from './dialects'
import type { Report } from './report'
import type { Member } from './services'
import { readNumber } from './values'
import type { VirtualServer } from './virtual-server'
import { DEFAULT_PERSISTENCE } from './virtual-server-keywords'
import type { Word } from './words'

const COMMON = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'sh', 'mh', 'dh', 'fo', 'ovf', 'lblcr', 'sed', 'nq']

/** check_parser.c:lvs_schedulers; undefined where every word is taken. */
export const SCHEDULERS: Readonly<Record<KeepalivedDialect, ReadonlySet<string> | undefined>> = {
  mainline: new Set([...COMMON, 'twos']),
  alibaba: undefined,
  dpvs: new Set([...COMMON, 'conhash']),
}

/** What keepalived takes (IPVS_DEF_SCHED), but for Alibaba's, which takes none. */
const DEFAULT_SCHEDULER = 'wlc'

function schedulerOf({ scheduler, statement }: VirtualServer, report: Report): string | undefined {
  const { dialect, program } = report
  if (!scheduler) {
    if (dialect !== 'alibaba') return DEFAULT_SCHEDULER
    const description = `no lb_algo: ${program} asks the kernel for a scheduler without a name. The service is left out`
    return report.error('missing-scheduler', description, statement.span, 'Write lb_algo wlc, for instance.')
  }
  const known = SCHEDULERS[dialect]
  if (!known || known.has(scheduler.text)) return scheduler.text
  const description = `${program} knows no scheduler '${scheduler.text}', and takes ${DEFAULT_SCHEDULER}`
  report.error('unknown-scheduler', description, scheduler.span)
  return DEFAULT_SCHEDULER
}

/** As masks and prefix lengths are written for the family of the service. */
function netmaskOf(granularity: Word, isIpv6: boolean, report: Report): string | number | undefined {
  if (!isIpv6) return granularity.text
  return readNumber(granularity, { ...granularity, text: 'persistence_granularity' }, 1, 128, report)
}

function persistenceOf(
  { persistent, target }: VirtualServer,
  members: readonly Member[],
  portless: Word | undefined,
  report: Report,
): Persistence | undefined {
  const { dialect, program } = report
  const { granularity, engine } = persistent
  let { timeout } = persistent
  if (timeout === 0) timeout = undefined
  if (timeout === undefined && granularity) {
    if (dialect === 'alibaba') {
      // ipvswrapper.c:ipvs_set_rule: the flag is set, and the timeout is 0.
      const description = `${program} asks for persistence of 0 seconds here, for want of persistence_timeout`
      return report.error('persistence-without-timeout', description, granularity.span)
    }
    timeout = DEFAULT_PERSISTENCE
  }
  if (timeout === undefined && portless) {
    if (dialect === 'alibaba') {
      report.warn('port-0', 'a service of every port takes connections only with persistence', portless.span)
    } else {
      const description = `no port, and no persistence: ${program} sets persistence_timeout ${DEFAULT_PERSISTENCE}`
      report.warn('persistence-set', description, portless.span)
      timeout = DEFAULT_PERSISTENCE
    }
  }
  if (timeout === undefined) {
    if (engine) report.warn('engine-unused', 'persistence_engine counts with persistence only', engine.span)
    return undefined
  }
  if (granularity && target.kind === 'group' && dialect === 'mainline') {
    // ipvswrapper.c:ipvs_group_range_cmd, ipvs_group_cmd set the mask of every entry to all ones.
    const description = `${program} forgets persistence_granularity where the virtual server is a group`
    report.warn('granularity-of-group', description, granularity.span)
  }
  const netmask = granularity && netmaskOf(granularity, members[0]?.family === AF_INET6, report)
  return {
    timeout,
    ...(netmask === undefined ? {} : { netmask }),
    ...(engine === undefined ? {} : { engine: engine.text }),
  }
}

/** Undefined where the service cannot be made, which is reported. */
export function serviceConfigOf(
  server: VirtualServer,
  members: readonly Member[],
  portless: Word | undefined,
  report: Report,
): ServiceConfig | undefined {
  const scheduler = schedulerOf(server, report)
  if (scheduler === undefined) return undefined
  const { onePacket, protocol, synproxy, establishedTimeout, flags, statement } = server
  const byAddress = members.some(({ key }) => key.fwmark === undefined)
  const has = (name: string) => !byAddress || protocol?.text.toUpperCase() === name
  if (!byAddress && protocol) {
    report.warn('protocol-of-fwmark', 'a fwmark service has no protocol: it is left out', protocol.span)
  }
  const ops = onePacket !== undefined && has('UDP')
  if (onePacket && !ops) {
    report.warn(
      'ops-without-udp',
      `ops is for UDP and fwmarks: ${report.program} leaves it out`,
      onePacket.span,
    )
  }
  const proxied = synproxy && has('TCP')
  if (synproxy && !proxied)
    report.warn('synproxy-without-tcp', 'syn_proxy is for TCP: it is left out', statement.span)
  const timed = establishedTimeout !== undefined && has('TCP')
  if (establishedTimeout && !timed) {
    report.warn(
      'timeout-without-tcp',
      'no UDP connection is ever established: it is left out',
      establishedTimeout.word.span,
    )
  }
  const persistence = persistenceOf(server, members, portless, report)
  return {
    scheduler,
    ...(flags.size > 0 ? { schedulerFlags: Array.from(flags).sort() } : {}),
    ...(persistence ? { persistence } : {}),
    ...(ops ? { onePacket: true } : {}),
    ...(proxied ? { synproxy: true } : {}),
    ...(timed && establishedTimeout ? { establishedTimeout: establishedTimeout.seconds } : {}),
  }
}
