/** The order of ipvsadm's lists (libipvs.c:ipvs_cmp_services, ipvs_cmp_dests), addresses as unsigned numbers. */

import type { PackedAddress } from '../../model/address'
import type { NormalizedDestinationKey, NormalizedServiceKey } from '../../model/normalized'

const compareAddresses = (x: PackedAddress, y: PackedAddress): number =>
  x.family - y.family || x.a - y.a || x.b - y.b || x.c - y.c || x.d - y.d

export function compareServiceKeys(x: NormalizedServiceKey, y: NormalizedServiceKey): number {
  if (x.kind === 'fwmark' || y.kind === 'fwmark') {
    const mark = (key: NormalizedServiceKey) => (key.kind === 'fwmark' ? key.fwmark : 0)
    return mark(x) - mark(y) || x.family - y.family
  }
  return (
    x.family - y.family ||
    x.protocol - y.protocol ||
    compareAddresses(x.address, y.address) ||
    x.port - y.port
  )
}

export const compareDestinationKeys = (x: NormalizedDestinationKey, y: NormalizedDestinationKey): number =>
  compareAddresses(x.address, y.address) || x.port - y.port
