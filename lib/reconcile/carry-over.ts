/** A saved state on another kernel: what it cannot have, by property, and what meant nothing where it was. */

import type { Capabilities } from '../kernel/capabilities'
import { capabilitiesOf, isFullnat, MAINLINE_SCHEDULERS } from '../kernel/capabilities'
import { formatDestinationKey, formatServiceKey } from '../model/keys'
import type { DestinationKey, ServiceKey } from '../model/types'
import type { PlanWarning } from './plan-types'
import type { RestoreLoss } from './saved-errors'
import type { SavedDaemon, SavedDestination, SavedService, SavedState } from './saved-types'

export interface CarriedOver {
  readonly services: readonly SavedService[]
  readonly daemons: readonly SavedDaemon[] | undefined
  readonly losses: readonly RestoreLoss[]
  readonly warnings: readonly PlanWarning[]
}

type Mutable<T> = { -readonly [name in keyof T]: T[name] }
type Draft = Mutable<SavedService>

/** What is said of one service, or of one of its destinations. */
interface Saying {
  /** What the kernel that was saved did, and what this one does. */
  readonly from: Capabilities
  readonly to: Capabilities
  lose(property: string, message: string): void
  /** It did nothing where it was saved, and is left out. */
  meantNothing(property: string): void
}

/** FULLNAT kernels count a persistence in ticks of a millisecond, in 32 bits (ip_vs_ctl.c:ip_vs_add_service). */
const LONGEST_PERSISTENCE = 4294967

export const keyOfSaved = (service: SavedService): ServiceKey =>
  'fwmark' in service
    ? { fwmark: service.fwmark, family: service.family }
    : { protocol: service.protocol, address: service.address, port: service.port }

function carryPersistence(draft: Draft, { to, lose }: Saying): void {
  const { persistence } = draft
  if (!persistence) return
  const { engine, ...rest } = persistence
  if (engine !== undefined && !to.persistenceEngine) {
    lose('persistence.engine', `this kernel has no persistence engine '${engine}'`)
    draft.persistence = rest
  }
  if (isFullnat(to.dialect) && persistence.timeout > LONGEST_PERSISTENCE) {
    lose('persistence.timeout', `this kernel holds ${LONGEST_PERSISTENCE} seconds at most`)
    draft.persistence = { ...draft.persistence, timeout: LONGEST_PERSISTENCE } as Draft['persistence']
  }
}

/** A flag that some kernels keep, and do nothing with: it must not begin to work on another one. */
function carryFlag(can: 'synproxy' | 'schedulerFlags', draft: Draft, { from, to, ...say }: Saying): void {
  const isSet = can === 'synproxy' ? draft.synproxy : draft.schedulerFlags.length > 0
  if (!isSet || (from[can] && to[can])) return
  if (from[can])
    say.lose(can, can === 'synproxy' ? 'this kernel has no SYN proxy' : 'this kernel ignores them')
  else say.meantNothing(can)
  if (can === 'synproxy') draft.synproxy = false
  else draft.schedulerFlags = []
}

/** Without one of its own a service has that of the kernel. */
function carryEstablishedTimeout(draft: Draft, { from, to, lose }: Saying, global: number | undefined): void {
  const { establishedTimeout: own } = draft
  if (own !== undefined && !to.establishedTimeout) {
    if (own !== global) {
      const all = global === undefined ? 'that of all services' : `that of all services, ${global} s`
      lose('establishedTimeout', `this kernel has none for a service: it is ${all}`)
    }
    delete draft.establishedTimeout
  }
  const has = 'fwmark' in draft || draft.protocol === 'tcp'
  if (to.establishedTimeout && !from.establishedTimeout && has && global !== undefined && global > 0) {
    draft.establishedTimeout = global
  }
}

function carryScheduler(draft: Draft, { to, lose }: Saying): void {
  const { scheduler } = draft
  if (to.dialect === 'mainline' || !MAINLINE_SCHEDULERS.includes(scheduler)) return
  lose('scheduler', `this kernel has no scheduler '${scheduler}': it is wlc`)
  draft.scheduler = 'wlc'
}

/** Undefined where the destination cannot be there at all; what the rules of kernels refuse, the plan tells. */
function carryDestination(destination: SavedDestination, { from, to, ...say }: Saying) {
  const { forwarding, tunnel } = destination
  if (forwarding === 'fullnat' && !from.fullnat && to.fullnat) {
    say.lose('', 'was no FULLNAT on the kernel that was saved, and would become it')
    return undefined
  }
  const plain = !tunnel || ((tunnel.port ?? 0) === 0 && (tunnel.checksum ?? 'none') === 'none')
  if (to.tunnelTypes || tunnel?.type !== 'ipip' || plain) return destination
  say.meantNothing('tunnel')
  return { ...destination, tunnel: { type: 'ipip' } as const }
}

/** mainline lists them for each daemon; FULLNAT kernels have these numbers in their code (ip_vs_sync.c). */
const FIXED = { multicastGroup: '224.0.0.81', multicastPort: 8848, multicastTtl: 1 } as const

function carryDaemon(
  daemon: SavedDaemon,
  path: string,
  to: Capabilities,
  losses: RestoreLoss[],
): SavedDaemon {
  if (to.daemonOptions) return daemon
  for (const name of Object.keys(FIXED) as (keyof typeof FIXED)[]) {
    const value = daemon[name]
    if (value === undefined || value === FIXED[name]) continue
    losses.push({ path: `${path}.${name}`, message: `this kernel has ${FIXED[name]} for every daemon` })
  }
  const { state, interface: name, syncId } = daemon
  return { state, interface: name, syncId }
}

/** The first release of fullnat-v2 is no different in what it is asked for here. */
const NO_FILES = { connMaxNum: false, fullnatSysctl: false, extStats: undefined }

/** What can be of a saved state on this kernel. */
export function carryOver(saved: SavedState, to: Capabilities): CarriedOver {
  const losses: RestoreLoss[] = []
  const warnings: PlanWarning[] = []
  const from = capabilitiesOf(saved.dialect, 'netlink', NO_FILES)
  const sayingOf = (path: string, service: ServiceKey, destination?: DestinationKey): Saying => {
    const about = destination ? { service, destination } : { service }
    const text = destination
      ? `${formatServiceKey(service)} -> ${formatDestinationKey(destination)}`
      : formatServiceKey(service)
    return {
      from,
      to,
      lose: (property, message) =>
        losses.push({
          path: property === '' ? path : `${path}.${property}`,
          message: `${text}: ${message}`,
          ...about,
        }),
      meantNothing: (property) =>
        warnings.push({
          code: 'no-effect',
          message: `${text}: ${property} did nothing on the kernel that was saved, and is left out`,
          ...about,
        }),
    }
  }
  const carryService = (service: SavedService, i: number): SavedService | undefined => {
    const path = `services[${i}]`
    const key = keyOfSaved(service)
    const saying = sayingOf(path, key)
    if (!('fwmark' in service) && service.protocol === 'sctp' && from.sctp && !to.sctp) {
      saying.lose('', 'this kernel does not balance SCTP')
      return undefined
    }
    const draft: Draft = { ...service }
    carryScheduler(draft, saying)
    carryPersistence(draft, saying)
    carryFlag('synproxy', draft, saying)
    carryFlag('schedulerFlags', draft, saying)
    carryEstablishedTimeout(draft, saying, saved.timeouts?.tcp)
    draft.destinations = service.destinations
      .map((one, j) => carryDestination(one, sayingOf(`${path}.destinations[${j}]`, key, one)))
      .filter((one): one is SavedDestination => one !== undefined)
    return draft
  }
  const services = saved.services
    .map(carryService)
    .filter((service): service is SavedService => service !== undefined)
  const daemons = saved.daemons?.map((daemon, i) => carryDaemon(daemon, `daemons[${i}]`, to, losses))
  return { services, daemons, losses, warnings }
}
