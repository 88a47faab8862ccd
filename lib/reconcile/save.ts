/** `save()`: everything of a director that is configured, as one JSON document. */

import { invalidType, invalidValue } from '../errors/argument-errors'
import { ownError } from '../errors/ipvs-error'
import { checkProperties, PropertyNames } from '../input'
import type { CallOptions } from '../model/call-types'
import type { SysctlInfo, SysctlValue } from '../model/sysctls'
import type { DestinationInfo, SnapshotService } from '../model/types'
import type { ReconcileReader, SysctlReader } from './client'
import { readTable } from './read-table'
import type { SavedDaemon, SavedDestination, SavedService, SavedState } from './saved-types'
import { SAVED_FORMAT, SAVED_VERSION } from './saved-types'

/** What of a client a save needs: `Ipvs` has it. */
export interface SaveClient extends ReconcileReader {
  readonly sysctl: SysctlReader
}

export interface SaveOptions extends CallOptions {
  /** True: all that can be set on this kernel; or their names. Default none. */
  readonly sysctls?: boolean | readonly string[] | undefined
}

const OPTIONS = new PropertyNames(['signal', 'timeout', 'sysctls'])

/** Without what is undefined: it is the same when it comes back from JSON. */
function compact<T extends object>(object: T): T {
  const kept: Partial<T> = {}
  for (const name of Object.keys(object) as (keyof T)[]) {
    if (object[name] !== undefined) kept[name] = object[name]
  }
  return kept as T
}

const savedDestination = ({
  address,
  port,
  forwarding,
  weight,
  upperThreshold,
  lowerThreshold,
  tunnel,
}: DestinationInfo): SavedDestination =>
  compact({
    ...{ address, port, forwarding, weight, upperThreshold, lowerThreshold },
    tunnel: tunnel && compact(tunnel),
  })

function savedService({ service, destinations, localAddresses }: SnapshotService): SavedService {
  const { scheduler, schedulerFlags, persistence, onePacket, synproxy, establishedTimeout } = service
  const key =
    service.fwmark === undefined
      ? { protocol: service.protocol, address: service.address, port: service.port }
      : { fwmark: service.fwmark, family: service.family }
  return compact({
    ...key,
    ...{ scheduler, schedulerFlags: Array.from(schedulerFlags) },
    persistence: persistence ? compact(persistence) : null,
    ...{ onePacket, synproxy, establishedTimeout },
    destinations: destinations.map(savedDestination),
    localAddresses: localAddresses.map(({ address }) => address),
  })
}

function checkNames(value: SaveOptions['sysctls']): boolean | ReadonlySet<string> {
  if (value === undefined || typeof value === 'boolean') return value ?? false
  if (!Array.isArray(value)) throw invalidType('options.sysctls', 'boolean or Array', value)
  for (const [i, name] of value.entries()) {
    if (typeof name !== 'string') throw invalidType(`options.sysctls[${i}]`, 'string', name)
  }
  return new Set(value as readonly string[])
}

const canBeSet = ({ type, noEffect }: SysctlInfo): boolean => type !== 'text' && noEffect === undefined

function savedSysctls(
  names: true | ReadonlySet<string>,
  infos: readonly SysctlInfo[],
): { [name: string]: SysctlValue } {
  const found: { [name: string]: SysctlValue } = {}
  if (names !== true) {
    for (const name of names) {
      const info = infos.find((one) => one.name === name)
      const why = !info ? 'this kernel does not have' : canBeSet(info) ? undefined : 'cannot be set here'
      if (why !== undefined) throw invalidValue('options.sysctls', `has '${name}', which ${why}`, names)
    }
  }
  for (const info of infos) {
    if (names === true ? canBeSet(info) : names.has(info.name)) found[info.name] = info.value
  }
  return found
}

/**
 * Reads services with destinations and local addresses (two reads that agree), timeouts, sync daemons and, where they are asked
 * for, sysctls. The document is plain JSON, and stays as it is through `JSON.stringify` and `JSON.parse`.
 *
 * Rejects with `ERR_IPVS_UNSUPPORTED` over socket options, which show no IPv6 service, no tunnel and no persistence engine, and
 * with `ERR_IPVS_UNKNOWN_DIALECT` where nobody knows what the kernel's numbers mean.
 */
export async function save(ipvs: SaveClient, options: SaveOptions = {}): Promise<SavedState> {
  checkProperties(options, 'options', OPTIONS)
  const { sysctls, signal, timeout } = options
  const names = checkNames(sysctls)
  const { dialect, transport } = ipvs.capabilities
  if (dialect === 'unknown') throw ownError('ERR_IPVS_UNKNOWN_DIALECT', { operation: 'save' })
  if (transport === 'sockopt') {
    throw ownError('ERR_IPVS_UNSUPPORTED', {
      operation: 'save',
      description: 'socket options do not show everything that a kernel holds',
      hint: "Use transport 'netlink'.",
    })
  }
  const call = { signal, timeout }
  const { services, consistent } = await readTable(ipvs, { ...call, consistent: true })
  const timeouts = await ipvs.timeouts.get(call)
  const daemons = await ipvs.daemons.list(call)
  const infos = names === false ? undefined : await ipvs.sysctl.list(call)
  return compact<SavedState>({
    format: SAVED_FORMAT,
    version: SAVED_VERSION,
    dialect,
    savedAt: new Date().toISOString(),
    consistent: consistent === true,
    services: services.map(savedService),
    timeouts: { ...timeouts },
    daemons: daemons.map((daemon): SavedDaemon => compact({ ...daemon })),
    sysctls: infos && savedSysctls(names as true | ReadonlySet<string>, infos),
  })
}
