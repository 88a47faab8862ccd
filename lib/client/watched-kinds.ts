/** The three kinds of row of a table that is watched. */

import {
  decodeDestination,
  decodeDestinationKey,
  decodeLocalAddress,
  decodeService,
  decodeServiceKey,
} from '../border/decode'
import { DESTINATION_WORDS, LOCAL_ADDRESS_WORDS, SERVICE_WORDS } from '../border/row-words'
import { destinationKeyId, serviceKeyId } from '../model/keys'
import type { DestinationInfo, LocalAddressInfo, ServiceInfo, Stats } from '../model/types'
import type { RowKind } from './watched-rows'

function freezeStats(stats: Stats): void {
  if (stats.rates) Object.freeze(stats.rates)
  Object.freeze(stats)
}

export const SERVICES: RowKind<ServiceInfo> = {
  section: 'services',
  words: SERVICE_WORDS,
  decode(reply, index) {
    const service = decodeService(reply, index)
    freezeStats(service.stats)
    if (service.persistence) Object.freeze(service.persistence)
    Object.freeze(service.schedulerFlags)
    return Object.freeze(service)
  },
  id: serviceKeyId,
  idAt: (reply, index) => serviceKeyId(decodeServiceKey(reply, index)),
}

export const DESTINATIONS: RowKind<DestinationInfo> = {
  section: 'destinations',
  words: DESTINATION_WORDS,
  decode(reply, index) {
    const destination = decodeDestination(reply, index)
    freezeStats(destination.stats)
    if (destination.tunnel) Object.freeze(destination.tunnel)
    return Object.freeze(destination)
  },
  id: destinationKeyId,
  idAt: (reply, index) => destinationKeyId(decodeDestinationKey(reply, index)),
}

export const LOCAL_ADDRESSES: RowKind<LocalAddressInfo> = {
  section: 'localAddresses',
  words: LOCAL_ADDRESS_WORDS,
  decode: (reply, index) => Object.freeze(decodeLocalAddress(reply, index)),
  id: ({ address }) => address,
  idAt: (reply, index) => decodeLocalAddress(reply, index).address,
}
