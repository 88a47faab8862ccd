/** What the user says of a client, turned into a first packet. */

import { invalidValue } from '../../errors/argument-errors'
import { checkDestinationKey, checkServiceKey } from '../../input'
import { checkInteger, checkName } from '../../input/values'
import type { PackedAddress } from '../../model/address'
import { AF_INET6, parseAddress } from '../../model/address'
import { parseDestinationKey, parseServiceKey } from '../../model/keys'
import { PROTOCOLS } from '../../model/numbers'
import type { ServiceKeyRecord } from '../../model/records.gen'
import type { DestinationKey, Protocol, ServiceKey } from '../../model/types'
import type { Arrival, Endpoint, Refusal } from '../objects/connection-objects'
import type { ServiceObject } from '../objects/table-objects'
import { UNSPECIFIED } from '../objects/table-objects'
import { findService } from '../table/service-table'
import type { KernelState } from '../table/state'

/** A client that connects. */
export interface ConnectOptions {
  /** `'198.51.100.7:40000'`, `'[2001:db8::7]:40000'`, or the two apart. */
  readonly client: string | DestinationKey
  /** A key, or its text such as `'tcp 192.0.2.1:80'`. */
  readonly service: string | ServiceKey
  /**
   * Where the client sends it, where the service does not say: the port for a service of port 0, address, port and
   * protocol (default TCP) for a fwmark service.
   */
  readonly to?:
    | {
        readonly protocol?: Protocol | undefined
        readonly address?: string | undefined
        readonly port?: number | undefined
      }
    | undefined
  /**
   * The CPU that gets the packet (fullnat-v3). Default: chosen by client address and port among those from
   * `reserveCore` on, always the same for the same client.
   */
  readonly cpu?: number | undefined
  /** False: only the first packet, no handshake yet. Default true. */
  readonly established?: boolean | undefined
  /**
   * What the persistence engine of the service finds in the packet: the Call-ID for `'sip'`. Mainline, UDP. Default: it
   * finds nothing, and the client's address alone decides.
   */
  readonly engineData?: string | undefined
}

export function checkService(value: string | ServiceKey): ServiceKeyRecord {
  const key = typeof value === 'string' ? parseServiceKey(value) : value
  if (key === undefined)
    throw invalidValue('service', "must be a key or a text such as 'tcp 192.0.2.1:80'", value)
  const service = checkServiceKey(key)
  if (service.kind === 'fwmark') {
    const address = { ...UNSPECIFIED, family: service.family }
    return { address, protocol: 0, port: 0, fwmark: service.fwmark }
  }
  const { protocol, address, port } = service
  return { address, protocol, port, fwmark: undefined }
}

export function checkEndpoint(value: string | DestinationKey, field: string): Endpoint {
  const key = typeof value === 'string' ? parseDestinationKey(value) : value
  if (key === undefined)
    throw invalidValue(field, "must be a key or a text such as '198.51.100.7:40000'", value)
  const { address, port } = checkDestinationKey(key, field)
  return { address, port }
}

/** FNV-1a over address and port: stands for the hash by which a network card spreads clients over CPUs. */
function cpuOfClient(kernel: KernelState, { address, port }: Endpoint): number {
  const first = Math.min(kernel.reserveCore, kernel.options.cpus - 1)
  let hash = 0x811c9dc5
  for (const word of [address.a, address.b, address.c, address.d, port]) {
    for (let shift = 0; shift < 32; shift += 8) hash = Math.imul(hash ^ ((word >>> shift) & 255), 0x01000193)
  }
  return first + ((hash >>> 0) % (kernel.options.cpus - first))
}

function checkCpu(kernel: KernelState, value: number | undefined, client: Endpoint): number {
  if (!kernel.facts.perCpu) return 0
  if (value === undefined) return cpuOfClient(kernel, client)
  return checkInteger(value, 'options.cpu', 0, kernel.options.cpus - 1)
}

function virtualOf(service: ServiceObject, to: ConnectOptions['to']): Endpoint {
  const named = to?.address === undefined ? undefined : parseAddress(to.address)
  if (to?.address !== undefined && named?.family !== service.family) {
    throw invalidValue('options.to.address', "must be an address of the service's family", to.address)
  }
  const port = to?.port === undefined ? undefined : checkInteger(to.port, 'options.to.port', 0, 65535)
  const address: PackedAddress = service.fwmark === 0 ? service.address : (named ?? service.address)
  return { address, port: port ?? service.port }
}

/** An argument that is wrong is thrown, what the kernel refuses comes back. */
export function arrivalOf(kernel: KernelState, options: ConnectOptions): Arrival | Refusal {
  const key = checkService(options.service)
  const client = checkEndpoint(options.client, 'options.client')
  if (client.address.family !== key.address.family) {
    const family = key.address.family === AF_INET6 ? 'IPv6' : 'IPv4'
    throw invalidValue(
      'options.client',
      `must be an ${family} address like that of the service`,
      options.client,
    )
  }
  const service = kernel.loaded ? findService(kernel, key) : undefined
  if (!service) return { kind: 'no-service' }
  const { to } = options
  const protocol =
    service.fwmark === 0
      ? service.protocol
      : checkName(to?.protocol ?? 'tcp', 'options.to.protocol', PROTOCOLS)
  return {
    service,
    protocol,
    client,
    virtual: virtualOf(service, to),
    cpu: checkCpu(kernel, options.cpu, client),
    // Only useful with UDP (ip_vs_pe_sip.c:ip_vs_sip_fill_param).
    engineData: service.engine && protocol === PROTOCOLS.udp ? options.engineData : undefined,
  }
}
