/** Requests in words: what the tests of a control plane want to look at. */

import { Operation, Transport } from '../../border/layout.gen'
import type { RequestName } from '../../border/request-subject'
import { requestName, requestSubject } from '../../border/request-subject'
import type { UnpackedRequest } from '../../border/unpack-request'
import type { TransportKind } from '../../model/call-types'
import { DESTINATION_FIELDS, SERVICE_FIELDS, TIMEOUT_FIELDS } from '../../model/records.gen'
import type { DestinationKey, ServiceKey } from '../../model/types'

/**
 * What the kernel is asked for. `ensure`, `update` and some others of the API are made of these: `services.ensure` is a
 * `services.get`, and perhaps a `services.add` or `services.set` after it.
 */
export type FakeOperation = RequestName

/** A request that reached the fake kernel. */
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

type Values = { [name: string]: number | string }

function valuesOf(request: UnpackedRequest): Values | undefined {
  const values: Values = {}
  const put = (name: string, value: number | string | undefined) => {
    if (value !== undefined) values[name] = value
  }
  switch (request.operation) {
    case Operation.serviceAdd:
    case Operation.serviceSet:
      for (const name of SERVICE_FIELDS) put(name, request.config[name])
      put('flagsMask', request.flagsMask)
      return values
    case Operation.destinationAdd:
    case Operation.destinationSet:
      for (const name of DESTINATION_FIELDS) if (name !== 'tunnel') put(name, request.destination[name])
      put('tunnelType', request.destination.tunnel?.type)
      put('tunnelPort', request.destination.tunnel?.port)
      put('tunnelFlags', request.destination.tunnel?.flags)
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
      for (const name of TIMEOUT_FIELDS) put(name, request.timeouts[name])
      return values
    default:
      return undefined
  }
}

export function requestInWords(request: UnpackedRequest): FakeRequest {
  const values = valuesOf(request)
  return {
    operation: requestName(request.operation) as FakeOperation,
    transport: request.transport === Transport.sockopt ? 'sockopt' : 'netlink',
    ...requestSubject(request),
    ...(values ? { values } : {}),
  }
}
