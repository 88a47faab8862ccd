/** Dumps over netlink: chunk by chunk, resumed by position (ip_vs_ctl.c:ip_vs_genl_dump_services and the other two). */

import { Operation, Transport } from '../../border/layout.gen'
import type { ReplySections } from '../../border/pack-reply'
import { serviceKeyOf } from '../../border/request-subject'
import type { ServiceKeyRecord } from '../../model/records.gen'
import type { DumpKind } from '../faults/faults'
import type { ServiceObject } from '../objects/table-objects'
import { addressId, destinationId, destinationsOf, localAddressesOf } from '../objects/table-objects'
import { findService } from '../table/service-table'
import type { KernelState } from '../table/state'
import type { Execution } from './execution'
import type { RecordContext } from './reply-records'
import { destinationRecord, localAddressRecord, serviceRecord } from './reply-records'

export interface DumpRequest {
  readonly kind: DumpKind
  /** Index of the request in its job. */
  readonly requestIndex: number
  /** Of destinations and local addresses. */
  readonly service: ServiceKeyRecord | undefined
  /** Ordinal of the service in a snapshot. */
  readonly parent: number
}

export const DUMP_KINDS: { readonly [operation: number]: DumpKind } = {
  [Operation.serviceList]: 'services',
  [Operation.destinationList]: 'destinations',
  [Operation.localAddressList]: 'localAddresses',
}

interface Entry {
  readonly id: string
  /** Of a dump of services. */
  readonly service?: ServiceObject
  put(reply: ReplySections): void
}

/** The list as it is at one moment. */
interface DumpSource {
  readonly length: number
  /** Entries `from` to `to` (excluded). */
  slice(from: number, to: number): Entry[]
}

function sourceOf<T>(items: readonly T[], entryOf: (item: T) => Entry): DumpSource {
  return { length: items.length, slice: (from, to) => items.slice(from, to).map(entryOf) }
}

/** The service is looked up for every chunk anew, and one that is gone ends the dump. */
function listNow(kernel: KernelState, { kind, requestIndex, service, parent }: DumpRequest): DumpSource {
  const context: RecordContext = { facts: kernel.facts, transport: Transport.netlink, requestIndex }
  if (kind === 'services') {
    return sourceOf(kernel.orderedServices(), (entry) => ({
      id: entry.key,
      service: entry,
      put: (reply) => reply.services.push(serviceRecord(context, entry)),
    }))
  }
  const owner = service && findService(kernel, service)
  if (!owner) return sourceOf([], (entry) => entry)
  if (kind === 'destinations') {
    return sourceOf(destinationsOf(owner), (entry) => ({
      id: destinationId(entry.address, entry.port),
      put: (reply) => reply.destinations.push(destinationRecord(context, entry, parent)),
    }))
  }
  return sourceOf(localAddressesOf(owner), (entry) => ({
    id: addressId(entry.address),
    put: (reply) => reply.localAddresses.push(localAddressRecord(context, entry, parent)),
  }))
}

/**
 * Puts the entries into the reply, chunk by chunk, and resolves to how many there were. Entries that come twice are dropped,
 * as the engine drops them (native/engine/seen.h). `onService` sees each service.
 */
export async function runDump(
  { session: { kernel, faults }, description, reply, pieceDone }: Execution,
  dump: DumpRequest,
  onService?: (service: ServiceObject) => void,
): Promise<number> {
  const size = kernel.options.chunkSize ?? kernel.facts.chunk[dump.kind]
  const ours = ({ dump: kind }: { readonly dump: DumpKind | undefined }) =>
    kind === undefined || kind === dump.kind
  const seen = new Set<string>()
  // Somebody removed entries before the position, or added some.
  let position = faults.take('skipEntries', description, ours)?.effect.count ?? 0
  let repeat = faults.take('repeatEntries', description, ours)?.effect.count ?? 0
  for (;;) {
    const part = listNow(kernel, dump).slice(position, position + size)
    for (const entry of part) {
      if (seen.has(entry.id)) continue
      seen.add(entry.id)
      entry.put(reply())
      if (entry.service) onService?.(entry.service)
    }
    position += part.length
    await pieceDone()
    if (position >= listNow(kernel, dump).length) {
      if (repeat === 0 || part.length === 0) return seen.size
    } else {
      const service = dump.service && serviceKeyOf(dump.service)
      const gap = { dump: dump.kind, service, read: seen.size }
      await faults.take('betweenChunks', description)?.effect.run(gap)
    }
    position = Math.max(0, position - repeat)
    repeat = 0
  }
}
