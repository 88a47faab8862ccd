// Sources of metrics without a kernel: shapes as the client gives them.

import type {
  ClientActivity,
  DestinationInfo,
  Dialect,
  ExtendedStatistics,
  Info,
  ServiceInfo,
  ServiceKey,
  Snapshot,
  SnapshotService,
  Stats,
  TrafficStatistics,
} from '../../../lib'
import type { MetricsSource } from '../../../lib/metrics'

export const stats = (counts: Partial<Record<keyof Stats, bigint>> = {}): Stats => ({
  connections: BigInt(0),
  inPackets: BigInt(0),
  outPackets: BigInt(0),
  inBytes: BigInt(0),
  outBytes: BigInt(0),
  ...counts,
  rates: undefined,
})

export function service(key: ServiceKey, counts: Parameters<typeof stats>[0] = {}): ServiceInfo {
  const state = {
    scheduler: 'rr',
    schedulerFlags: [],
    persistence: undefined,
    onePacket: false,
    synproxy: false,
    establishedTimeout: undefined,
    flags: 2,
    stats: stats(counts),
  }
  if (key.fwmark !== undefined) return { fwmark: key.fwmark, family: key.family ?? 'ipv4', ...state }
  const { protocol, address, port } = key
  return { protocol, address, port, family: address.includes(':') ? 'ipv6' : 'ipv4', ...state }
}

export const destination = (
  address: string,
  port: number,
  more: Partial<DestinationInfo> = {},
): DestinationInfo => ({
  address,
  port,
  family: address.includes(':') ? 'ipv6' : 'ipv4',
  forwarding: 'masquerade',
  weight: 1,
  upperThreshold: 0,
  lowerThreshold: 0,
  tunnel: undefined,
  activeConnections: 0,
  inactiveConnections: 0,
  persistentConnections: 0,
  stats: stats(),
  ...more,
})

export const entry = (
  one: ServiceInfo,
  destinations: readonly DestinationInfo[] = [],
  localAddresses: SnapshotService['localAddresses'] = [],
): SnapshotService => ({ service: one, destinations, localAddresses })

const ACTIVITY: ClientActivity = {
  calls: 12,
  trips: 4,
  requests: 15,
  errors: { EEXIST: 2, ERR_IPVS_TIMEOUT: 1 },
  outcomeUnknown: 1,
  queued: 3,
  pending: 5,
  kernelTime: {
    buckets: [
      { atMost: 0.001, count: 1 },
      { atMost: 0.5, count: 3 },
      { atMost: Number.POSITIVE_INFINITY, count: 4 },
    ],
    sum: 1.25,
    count: 4,
  },
}

const TOTAL = {
  connections: BigInt(1),
  inPackets: BigInt(2),
  outPackets: BigInt(3),
  inBytes: BigInt(4),
  outBytes: BigInt(5),
}

export interface Parts {
  dialect: Dialect
  services: readonly SnapshotService[]
  snapshot: () => Promise<Snapshot>
  info: () => Promise<Info>
  stats: () => Promise<TrafficStatistics>
  extendedStats: () => Promise<ExtendedStatistics>
}

export type CountingSource = MetricsSource & { readonly asked: string[] }

/** Everything answers at once unless it is replaced. `asked`: which methods were called, with what timeout. */
export function sourceOf(parts: Partial<Parts> = {}): CountingSource {
  const asked: string[] = []
  const extended = { cpus: [], counters: [], get: () => undefined }
  const note = <T>(name: string, answer: () => Promise<T>) => {
    return (options?: { readonly timeout?: number | undefined }): Promise<T> => {
      asked.push(`${name} ${options?.timeout}`)
      return answer()
    }
  }
  return {
    asked,
    dialect: parts.dialect ?? 'mainline',
    snapshot: note(
      'snapshot',
      parts.snapshot ?? (async () => ({ services: parts.services ?? [], consistent: undefined })),
    ),
    info: note(
      'info',
      parts.info ?? (async () => ({ version: '1.2.1', connectionTableSize: 4096, serviceCount: undefined })),
    ),
    stats: note('stats', parts.stats ?? (async () => ({ total: TOTAL, cpus: [], rates: undefined }))),
    extendedStats: note('extendedStats', parts.extendedStats ?? (async () => extended)),
    activity: () => ACTIVITY,
  }
}

export const extendedOf = (
  cpus: readonly number[],
  rows: Readonly<Record<string, readonly bigint[]>>,
): ExtendedStatistics => ({
  cpus,
  counters: Object.entries(rows).map(([name, perCpu]) => ({
    name,
    perCpu,
    total: perCpu.reduce((sum, one) => sum + one, BigInt(0)),
    group: undefined,
    meaning: undefined,
    advice: undefined,
  })),
  get: () => undefined,
})

/** A promise and what settles it. */
export function held<T>(): {
  readonly promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: unknown) => void
} {
  let resolve: (value: T) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<T>((done, fail) => {
    resolve = done
    reject = fail
  })
  return { promise, resolve, reject }
}
