/** The order in which a kernel lists services: by hash bucket, the newest of a bucket first, fwmark services last. */

import { AF_INET6 } from '../../model/address'
import type { DialectFacts } from './kernel-numbers'
import type { ServiceObject } from './table-objects'

/**
 * ip_vs_ctl.c:ip_vs_svc_hashkey and ip_vs_svc_fwm_hashkey. Mainline mixes the address of the namespace's structure in,
 * which no program can know: here it is 0, and the order is one that a mainline kernel could have.
 */
export function serviceBucket(service: ServiceObject, facts: DialectFacts): number {
  const mask = (1 << facts.tableBits) - 1
  if (service.fwmark !== 0) return (service.fwmark & mask) >>> 0
  const { a, b, c, d, family } = service.address
  const folded = family === AF_INET6 ? a ^ b ^ c ^ d : a
  const port = facts.hashesPort ? (service.port >>> facts.tableBits) ^ service.port : 0
  return ((service.protocol ^ folded ^ port) & mask) >>> 0
}

export function orderServices(services: Iterable<ServiceObject>, facts: DialectFacts): ServiceObject[] {
  return Array.from(services, (service) => ({ service, bucket: serviceBucket(service, facts) }))
    .sort((one, other) => {
      const kinds = Number(one.service.fwmark !== 0) - Number(other.service.fwmark !== 0)
      return kinds || one.bucket - other.bucket || other.service.id - one.service.id
    })
    .map(({ service }) => service)
}
