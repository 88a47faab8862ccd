/** /proc/net/ip_vs_status of mainline kernels with tables that grow (ip_vs_ctl.c:ip_vs_status_show). */

import { hashText } from '../../model/hash'
import { serviceBucket } from '../objects/service-order'
import type { KernelState } from '../table/state'

/** Chains of 7 and more share the last count. */
const LENGTHS = 8
/** Of the smallest table of services (ip_vs.h: IP_VS_SVC_TAB_MIN_BITS). */
const SERVICE_BITS_MIN = 4
const SERVICE_FACTOR = -3

/** Any hash does: that of the kernel has a secret key. */
const bucketOf = (text: string, buckets: number): number => hashText(text) % buckets

function chainLines(table: string, buckets: number, members: readonly number[]): string[] {
  if (members.length === 0) return []
  const lengths = new Array<number>(buckets).fill(0)
  for (const bucket of members) lengths[bucket] = (lengths[bucket] as number) + 1
  const counts = new Array<number>(LENGTHS).fill(0)
  for (const length of lengths) {
    const slot = Math.min(length, LENGTHS - 1)
    counts[slot] = (counts[slot] as number) + 1
  }
  const [empty] = counts as [number]
  const percent = (count: number, of: number) => Math.floor((count * 100) / Math.max(of, 1))
  const lines = [`${table} buckets empty:\t${empty} (${percent(empty, buckets)}%)`]
  counts.forEach((count, length) => {
    if (length === 0 || count === 0) return
    lines.push(`${table} buckets len-${length}:\t${count} (${percent(count, buckets - empty)}%)`)
  })
  return lines
}

const sizeLine = (table: string, buckets: number, factor: number): string =>
  `${table} buckets:\t${buckets} (${buckets === 0 ? 0 : Math.log2(buckets)} bits, lfactor ${factor})`

/** The table goes with the last service. */
const serviceBuckets = (services: number): number =>
  services === 0 ? 0 : 2 ** Math.max(SERVICE_BITS_MIN, Math.ceil(Math.log2(services)) - SERVICE_FACTOR)

export function statusText(kernel: KernelState): string {
  const { services, facts } = kernel
  const buckets = kernel.options.connectionTableSize ?? facts.connectionTableSize
  // Each is in the table twice, by what the client sends and by what the destination answers (ip_vs_conn.c:ip_vs_conn_hash).
  const connections = Array.from(kernel.byClient.keys(), (key) => [
    bucketOf(`in ${key}`, buckets),
    bucketOf(`out ${key}`, buckets),
  ])
  const flat = ([] as number[]).concat(...connections)
  const forServices = serviceBuckets(services.size)
  const hashed = Array.from(services.values(), (service) => serviceBucket(service, facts) % forServices)
  return `${[
    `Conns:\t${kernel.connections.size}`,
    sizeLine('Conn', buckets, -4),
    ...chainLines('Conn', buckets, flat),
    `Services:\t${services.size}`,
    sizeLine('Service', forServices, services.size === 0 ? 0 : SERVICE_FACTOR),
    ...chainLines('Service', forServices, hashed),
    'Stats thread slots:\t1 (max 4)',
    'Stats chain max len:\t151',
    'Stats thread ests:\t362400',
  ].join('\n')}\n`
}
