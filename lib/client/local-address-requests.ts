/** The requests that plans about local addresses are made of. */

import { decodeLocalAddress } from '../border/decode'
import { Operation } from '../border/layout.gen'
import type { Command, PlannedRequest } from '../dispatch/call-plan'
import type { NormalizedLocalAddress, NormalizedServiceKey } from '../model/normalized'
import type { LocalAddressInfo } from '../model/types'
import { collect } from './operation'

export function write(
  operation: number,
  service: NormalizedServiceKey,
  target: NormalizedLocalAddress,
): Command {
  return { fields: { operation, service, target } }
}

/** Reads the list of the service into `found`. */
export function listRequest(service: NormalizedServiceKey, found: LocalAddressInfo[]): PlannedRequest {
  return {
    fields: { operation: Operation.localAddressList, service },
    sinks: [collect('localAddresses', decodeLocalAddress, found)],
  }
}
