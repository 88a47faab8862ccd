/** Operations on everything at once: snapshot, zero, flush, info. */

import { decodeDestination, decodeInfo, decodeLocalAddress, decodeService } from '../border/decode'
import { DestinationLayout, LocalAddressLayout, Operation } from '../border/layout.gen'
import type { Reply } from '../border/reply'
import type { CallPlan, Command, PlannedRequest, Write } from '../dispatch/call-plan'
import { FollowUp, nothing } from '../dispatch/call-plan'
import { checkServiceKey } from '../input'
import { expressibleBySockopt, removesDestinationsFirst, ruleWrites, ruleZero } from '../kernel/rules'
import { serviceKeyId } from '../model/keys'
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
function snapshotRequest(services: Building[], localAddresses: boolean): PlannedRequest {
  const parent = (reply: Reply, start: number, offset: number) =>
    services[reply.numbers[(start + offset) >> 2] as number]
  return {
    fields: { operation: Operation.snapshot, localAddresses },
    sinks: [
      {
        section: 'services',
        take(reply, from, to) {
          for (let i = from; i < to; i++) {
            services.push({ service: decodeService(reply, i), destinations: [], localAddresses: [] })
          }
        },
      },
      {
        section: 'destinations',
        take(reply, from, to) {
          const { start, stride } = reply.destinations
          for (let i = from; i < to; i++) {
            const owner = parent(reply, start + i * stride, DestinationLayout.parent)
            owner?.destinations.push(decodeDestination(reply, i))
          }
        },
      },
      {
        section: 'localAddresses',
        take(reply, from, to) {
          const { start, stride } = reply.localAddresses
          for (let i = from; i < to; i++) {
            const owner = parent(reply, start + i * stride, LocalAddressLayout.parent)
            owner?.localAddresses.push(decodeLocalAddress(reply, i))
          }
        },
      },
    ],
  }
}

export function takeSnapshot({ capabilities }: Context): CallPlan<SnapshotService[]> {
  const services: Building[] = []
  return {
    operation: 'snapshot',
    subject: {},
    request: snapshotRequest(services, capabilities.localAddresses),
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
    lock: { service: '', object: '' },
    request: snapshotRequest(services, false),
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

/** The identities of everything in a snapshot, in a fixed order: what `consistent` compares. */
export function snapshotIdentity(services: readonly SnapshotService[]): string {
  return services
    .map(({ service, destinations, localAddresses }) => {
      const key = serviceKeyId(service)
      const targets = destinations.map(({ address, port }) => `${address} ${port}`).sort()
      const locals = localAddresses.map(({ address }) => address).sort()
      return [key, ...targets, '|', ...locals].join(',')
    })
    .sort()
    .join('\n')
}
