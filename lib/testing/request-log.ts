/** Requests in words: what the tests of a control plane want to look at. */

import type { PackedAddress } from '../address'
import { formatPacked } from '../address'
import { familyName, PROTOCOL_NAMES } from '../numbers'
import { Operation, Transport } from '../records/layout.gen'
import type { UnpackedRequest, UnpackedService } from '../records/unpack-request'
import type { DestinationKey, Protocol, ServiceKey, TransportKind } from '../types'

const NAMES = {
  [Operation.probe]: 'probe',
  [Operation.serviceAdd]: 'services.add',
  [Operation.serviceSet]: 'services.set',
  [Operation.serviceRemove]: 'services.remove',
  [Operation.serviceGet]: 'services.get',
  [Operation.serviceList]: 'services.list',
  [Operation.destinationAdd]: 'destinations.add',
  [Operation.destinationSet]: 'destinations.set',
  [Operation.destinationRemove]: 'destinations.remove',
  [Operation.destinationList]: 'destinations.list',
  [Operation.localAddressAdd]: 'localAddresses.add',
  [Operation.localAddressRemove]: 'localAddresses.remove',
  [Operation.localAddressList]: 'localAddresses.list',
  [Operation.daemonStart]: 'daemons.start',
  [Operation.daemonStop]: 'daemons.stop',
  [Operation.daemonList]: 'daemons.list',
  [Operation.timeoutsSet]: 'timeouts.set',
  [Operation.timeoutsGet]: 'timeouts.get',
  [Operation.info]: 'info',
  [Operation.zero]: 'zero',
  [Operation.flush]: 'flush',
  [Operation.snapshot]: 'snapshot',
} as const

/**
 * What the kernel is asked for. `ensure`, `update` and some others of the API are made of these: `services.ensure` is a
 * `services.get`, and perhaps a `services.add` or `services.set` after it.
 */
export type FakeOperation = (typeof NAMES)[keyof typeof NAMES]

export interface FakeRequest {
  readonly operation: FakeOperation
  readonly transport: TransportKind
  readonly service?: ServiceKey
  readonly destination?: DestinationKey
  readonly localAddress?: string
  /** Numbers and names that were sent with it, in the kernel's terms. */
  readonly values?: { readonly [name: string]: number | string }
  /** What became of it: the name of an errno, `'lost'` where the answer was lost; undefined for success. */
  readonly error?: string
}

/** Undefined for a number that is no operation. */
export function operationName(operation: number): FakeOperation | undefined {
  return (NAMES as { readonly [operation: number]: FakeOperation })[operation]
}

/** A protocol without a name stays a number, as in what the library lists. */
export function serviceKeyOf(service: UnpackedService): ServiceKey {
  if (service.fwmark !== undefined) return { fwmark: service.fwmark, family: familyName(service.family) }
  const { protocol, address, port } = service
  return {
    protocol: PROTOCOL_NAMES[protocol] ?? (protocol as unknown as Protocol),
    address: formatPacked(address),
    port,
  }
}

/** A kernel that sends no family along means that of the service. */
const targetAddress = (address: PackedAddress, service: UnpackedService | undefined): string =>
  formatPacked(
    address.family === 2 || address.family === 10 ? address : { ...address, family: service?.family ?? 2 },
  )

type Values = { [name: string]: number | string }

function valuesOf(request: UnpackedRequest): Values | undefined {
  const values: Values = {}
  const put = (name: string, value: number | string | undefined) => {
    if (value !== undefined) values[name] = value
  }
  switch (request.operation) {
    case Operation.serviceAdd:
    case Operation.serviceSet:
      put('scheduler', request.scheduler)
      put('flags', request.flags)
      put('flagsMask', request.flagsMask)
      put('persistenceTimeout', request.persistenceTimeout)
      put('netmask', request.netmask)
      put('establishedTimeout', request.establishedTimeout)
      put('engine', request.engine)
      return values
    case Operation.destinationAdd:
    case Operation.destinationSet:
      put('forwarding', request.forwarding)
      put('weight', request.weight)
      put('upperThreshold', request.upperThreshold)
      put('lowerThreshold', request.lowerThreshold)
      put('tunnelType', request.tunnel?.type)
      put('tunnelPort', request.tunnel?.port)
      put('tunnelFlags', request.tunnel?.flags)
      return values
    case Operation.daemonStart:
      put('interface', request.daemon.interface)
      put('syncId', request.daemon.syncId)
      put('state', request.daemon.state)
      return values
    case Operation.daemonStop:
      put('state', request.daemon.state)
      return values
    case Operation.timeoutsSet:
      put('tcp', request.timeouts.tcp)
      put('tcpFin', request.timeouts.tcpFin)
      put('udp', request.timeouts.udp)
      return values
    default:
      return undefined
  }
}

const DESTINATIONS: readonly number[] = [
  Operation.destinationAdd,
  Operation.destinationSet,
  Operation.destinationRemove,
]
const LOCAL_ADDRESSES: readonly number[] = [Operation.localAddressAdd, Operation.localAddressRemove]

export function describeRequest(request: UnpackedRequest): FakeRequest {
  const { operation, service, target } = request
  const values = valuesOf(request)
  const address = () => targetAddress(target.address, service)
  return {
    operation: operationName(operation) as FakeOperation,
    transport: request.transport === Transport.sockopt ? 'sockopt' : 'netlink',
    ...(service ? { service: serviceKeyOf(service) } : {}),
    ...(DESTINATIONS.includes(operation) ? { destination: { address: address(), port: target.port } } : {}),
    ...(LOCAL_ADDRESSES.includes(operation) ? { localAddress: address() } : {}),
    ...(values ? { values } : {}),
  }
}
