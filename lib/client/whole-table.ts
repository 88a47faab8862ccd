/** Operations on everything at once: snapshot, zero, flush, info. */

import { decodeDestination, decodeInfo, decodeLocalAddress, decodeService } from '../border/decode'
import { DestinationLayout, LocalAddressLayout, Operation } from '../border/layout.gen'
import type { RecordSink, Reply } from '../border/reply'
import type { CallPlan, Command, PlannedRequest, Write } from '../dispatch/call-plan'
import { FollowUp, nothing } from '../dispatch/call-plan'
import { lockOfService } from '../dispatch/object-locks'
import { checkServiceKey } from '../input'
import { expressibleBySockopt, removesDestinationsFirst, ruleWrites, ruleZero } from '../kernel/rules'
import type {
  DestinationInfo,
  Info,
  LocalAddressInfo,
  ServiceInfo,
  ServiceKey,
  SnapshotService,
} from '../model/types'
import type { Context } from './operation'
import { collect } from './operation'
import { removalsOf } from './services'

interface Building {
  readonly service: ServiceInfo
  readonly destinations: DestinationInfo[]
  readonly localAddresses: LocalAddressInfo[]
}

/** Destinations and local addresses name their service by its ordinal among those of the same snapshot. */
function snapshotRequest(services: Building[], localAddresses: boolean, stats: boolean): PlannedRequest {
  const intoOwner = (
    section: 'destinations' | 'localAddresses',
    parent: number,
    put: (owner: Building, reply: Reply, index: number) => void,
  ): RecordSink => ({
    section,
    take(reply, from, to) {
      const { start, stride } = reply[section]
      for (let i = from; i < to; i++) {
        const owner = services[reply.numbers[(start + i * stride + parent) >> 2] as number]
        if (owner) put(owner, reply, i)
      }
    },
  })
  return {
    fields: { operation: Operation.snapshot, localAddresses },
    sinks: [
      {
        section: 'services',
        take(reply, from, to) {
          for (let i = from; i < to; i++) {
            services.push({ service: decodeService(reply, i, stats), destinations: [], localAddresses: [] })
          }
        },
      },
      intoOwner('destinations', DestinationLayout.parent, ({ destinations }, reply, index) => {
        destinations.push(decodeDestination(reply, index, stats))
      }),
      intoOwner('localAddresses', LocalAddressLayout.parent, ({ localAddresses: found }, reply, index) => {
        found.push(decodeLocalAddress(reply, index))
      }),
    ],
  }
}

export function takeSnapshot({ capabilities }: Context, stats: boolean): CallPlan<SnapshotService[]> {
  const services: Building[] = []
  return {
    operation: 'snapshot',
    subject: {},
    request: snapshotRequest(services, capabilities.localAddresses, stats),
    done: () => services,
  }
}

export function zeroCounters({ capabilities }: Context, key: ServiceKey | undefined): Command {
  const operation = 'zero'
  const service = key === undefined ? undefined : checkServiceKey(key)
  ruleZero(capabilities, service, operation)
  return { fields: { operation: Operation.zero, service } }
}

export function flushTable({ capabilities }: Context): Write {
  const operation = 'flush'
  ruleWrites(capabilities, operation)
  const flush: Command = { fields: { operation: Operation.flush } }
  if (!removesDestinationsFirst(capabilities.dialect)) return flush
  const services: Building[] = []
  return {
    operation,
    subject: {},
    lock: lockOfService({}),
    request: snapshotRequest(services, false, false),
    done: () => {
      const removals: PlannedRequest[] = []
      for (const { service, destinations } of services) {
        const key = checkServiceKey(service)
        // What sockopt cannot name it can flush; no packet ever finds such a service there but an IPv6 one, which it cannot
        // list.
        if (capabilities.transport === 'sockopt' && !expressibleBySockopt(capabilities, key)) continue
        for (const removal of removalsOf(key, destinations)) removals.push(removal)
      }
      return new FollowUp<void>([...removals, flush], nothing)
    },
  }
}

export function readInfo(): CallPlan<Info> {
  const found: Info[] = []
  return {
    operation: 'info',
    subject: {},
    request: { fields: { operation: Operation.info }, sinks: [collect('infos', decodeInfo, found)] },
    done: () => found[0] as Info,
  }
}
