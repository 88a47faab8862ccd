/** A snapshot by identity. */

import { destinationKeyId, serviceKeyId } from '../model/keys'
import type { DestinationInfo, ServiceInfo, Snapshot } from '../model/types'
import { destinationFingerprint, serviceFingerprint } from './fingerprint'
import type { PlanStep } from './plan-types'

interface Entry {
  readonly service: ServiceInfo
  readonly destinations: ReadonlyMap<string, DestinationInfo>
  readonly localAddresses: ReadonlySet<string>
}

export class TableView {
  private readonly entries: ReadonlyMap<string, Entry>

  /** `only`: ids of the services that are asked for. */
  constructor({ services }: Snapshot, only: ReadonlySet<string>) {
    const entries = new Map<string, Entry>()
    for (const { service, destinations, localAddresses } of services) {
      const id = serviceKeyId(service)
      if (!only.has(id)) continue
      entries.set(id, {
        service,
        destinations: new Map(destinations.map((info) => [destinationKeyId(info), info] as const)),
        localAddresses: new Set(localAddresses.map(({ address }) => address)),
      })
    }
    this.entries = entries
  }

  /** As the fingerprints of plans, which services and destinations have; undefined where there is no such object. */
  fingerprint(step: PlanStep): string | undefined {
    if (step.kind === 'service') {
      const service = this.service(step)
      return service && serviceFingerprint(service)
    }
    const destination = this.destination(step)
    return destination && destinationFingerprint(destination)
  }

  service(step: PlanStep): ServiceInfo | undefined {
    return 'service' in step ? this.entries.get(serviceKeyId(step.service))?.service : undefined
  }

  destination(step: PlanStep): DestinationInfo | undefined {
    if (step.kind !== 'destination') return undefined
    return this.entries.get(serviceKeyId(step.service))?.destinations.get(destinationKeyId(step.destination))
  }

  hasLocalAddress(step: PlanStep): boolean {
    if (step.kind !== 'localAddress') return false
    return this.entries.get(serviceKeyId(step.service))?.localAddresses.has(step.localAddress) ?? false
  }
}
