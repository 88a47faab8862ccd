/** What a service or a destination counts. */

export interface Counters {
  connections: bigint
  inPackets: bigint
  outPackets: bigint
  inBytes: bigint
  outBytes: bigint
}

export const COUNTERS = ['connections', 'inPackets', 'outPackets', 'inBytes', 'outBytes'] as const

export function addCounters(to: Counters, counts: Partial<Counters>): void {
  for (const name of COUNTERS) to[name] += counts[name] ?? BigInt(0)
}

export function newCounters(): Counters {
  const zero = BigInt(0)
  return { connections: zero, inPackets: zero, outPackets: zero, inBytes: zero, outBytes: zero }
}
