/** What a packed request is and what it is about, in the words of the API. */

import type { ErrorSubject } from '../errors/ipvs-error'
import type { PackedAddress } from '../model/address'
import { AF_INET, AF_INET6, formatPacked } from '../model/address'
import { familyName, PROTOCOL_NAMES } from '../model/numbers'
import type { ServiceKeyRecord } from '../model/records.gen'
import type { ServiceKey } from '../model/types'
import { Operation } from './layout.gen'
import type { UnpackedRequest } from './unpack-request'

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

export type RequestName = (typeof NAMES)[keyof typeof NAMES]

/** What an error names. */
export interface About {
  /** `'services.add'` */
  readonly operation: string
  readonly subject: ErrorSubject
}

/** Undefined for a number that is no operation. */
export function requestName(operation: number): RequestName | undefined {
  return (NAMES as { readonly [operation: number]: RequestName })[operation]
}

/** A protocol without a name stays a number, as in what the library lists. */
export function serviceKeyOf({ protocol, address, port, fwmark }: ServiceKeyRecord): ServiceKey {
  if (fwmark !== undefined) return { fwmark, family: familyName(address.family) }
  return {
    protocol: PROTOCOL_NAMES[protocol] ?? protocol,
    address: formatPacked(address),
    port,
  }
}

/** A kernel that sends no family along means that of the service. */
const targetAddress = (address: PackedAddress, service: ServiceKeyRecord | undefined): string =>
  formatPacked(
    address.family === AF_INET || address.family === AF_INET6
      ? address
      : { ...address, family: service?.address.family ?? AF_INET },
  )

const DESTINATIONS: readonly number[] = [
  Operation.destinationAdd,
  Operation.destinationSet,
  Operation.destinationRemove,
]
const LOCAL_ADDRESSES: readonly number[] = [Operation.localAddressAdd, Operation.localAddressRemove]

/** What an error about the request names; what does not belong to it has no property. */
export function requestSubject({ operation, service, target }: UnpackedRequest): ErrorSubject {
  const address = () => targetAddress(target.address, service)
  return {
    ...(service ? { service: serviceKeyOf(service) } : {}),
    ...(DESTINATIONS.includes(operation) ? { destination: { address: address(), port: target.port } } : {}),
    ...(LOCAL_ADDRESSES.includes(operation) ? { localAddress: address() } : {}),
  }
}

/** What a request is, and what it is about. */
export function describeRequest(request: UnpackedRequest): About {
  return { operation: requestName(request.operation) as string, subject: requestSubject(request) }
}
