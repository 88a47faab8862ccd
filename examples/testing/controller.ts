// A small controller: makes the kernel's services what a configuration says, and drains what is to go.

import type { DestinationInput, DestinationKey, Ipvs, ServiceInput } from 'ipvs-fullnat'

export interface ServiceSpec {
  readonly service: ServiceInput
  readonly destinations: readonly DestinationInput[]
  /** FULLNAT kernels only. */
  readonly localAddresses?: readonly string[]
}

export interface Report {
  /** CPUs of fullnat-v3 on which a service has no local address: clients that arrive there are refused. */
  readonly uncovered: readonly number[]
  /** Destinations that take nothing any more and still have connections. */
  readonly draining: readonly DestinationKey[]
}

const same = (one: DestinationKey, other: DestinationKey) =>
  one.address === other.address && one.port === other.port

export class Controller {
  constructor(private readonly ipvs: Ipvs) {}

  /**
   * Adds and changes what differs. A destination that is no longer wanted gets weight 0, and is removed by a later call
   * when its last connection has ended: removing it at once would drop their packets.
   */
  async reconcile({ service, destinations, localAddresses = [] }: ServiceSpec): Promise<Report> {
    const { ipvs } = this
    await ipvs.services.ensure(service)
    // Before the destinations: FULLNAT refuses every client while there is no local address.
    if (ipvs.capabilities.localAddresses) await ipvs.localAddresses.set(service, localAddresses)
    await Promise.all(destinations.map((destination) => ipvs.destinations.ensure(service, destination)))
    const draining: DestinationKey[] = []
    for (const found of await ipvs.destinations.list(service)) {
      if (destinations.some((wanted) => same(wanted, found))) continue
      const { address, port, activeConnections, inactiveConnections } = found
      if (activeConnections + inactiveConnections === 0) {
        await ipvs.destinations.remove(service, found)
        continue
      }
      if (found.weight > 0) await ipvs.destinations.update(service, found, { weight: 0 })
      draining.push({ address, port })
    }
    const { uncovered } = ipvs.capabilities.localAddresses
      ? await ipvs.localAddresses.coverage(service)
      : { uncovered: [] }
    return { uncovered, draining }
  }

  /** `reconcile`, again where nobody knows whether it was done: everything in it can be repeated. */
  async settle(spec: ServiceSpec, tries = 3): Promise<Report> {
    for (let left = tries; ; left--) {
      try {
        return await this.reconcile(spec)
      } catch (error) {
        if ((error as { code?: string }).code !== 'ERR_IPVS_OUTCOME_UNKNOWN' || left <= 1) throw error
      }
    }
  }
}
