/** Which destination a connection goes to: the scheduler's, or that of the client's template. */

import type { PackedAddress } from '../../model/address'
import { AF_INET } from '../../model/address'
import { SERVICE_FLAGS } from '../../model/numbers'
import type { Arrival, Refusal, TemplateObject } from '../objects/connection-objects'
import { applyPrefix } from '../objects/machine'
import type { DestinationObject, ServiceObject } from '../objects/table-objects'
import { addressId } from '../objects/table-objects'
import { schedulerOf } from '../schedulers'
import type { KernelState } from '../table/state'
import { hold, letGo } from './binding'

export interface Choice {
  readonly destination: DestinationObject
  readonly port: number
  readonly template: TemplateObject | undefined
}

const FTP = 21

function network(client: PackedAddress, { netmask }: ServiceObject): PackedAddress {
  if (client.family === AF_INET) return { ...client, a: (client.a & netmask) >>> 0 }
  return applyPrefix(client, netmask)
}

/**
 * ip_vs_core.c:ip_vs_sched_persist: <protocol, client network, VIP, port>, without the port for FTP and for services of
 * every port, by the mark for fwmark services. The table is that of the CPU on fullnat-v3.
 */
function templateKey({ service, protocol, client, virtual, cpu }: Arrival): string {
  const from = addressId(network(client.address, service))
  if (service.fwmark !== 0) return `${cpu} fwmark ${service.fwmark} ${from}`
  const port = virtual.port === service.port && service.port !== FTP ? virtual.port : 0
  return `${cpu} ${protocol} ${from} ${addressId(virtual.address)} ${port}`
}

export function dropTemplate(kernel: KernelState, template: TemplateObject): void {
  if (kernel.templates.get(template.key) === template) kernel.templates.delete(template.key)
  letGo(kernel, template.destination, template.cpu, 'persistent')
}

function schedule(kernel: KernelState, arrival: Arrival): DestinationObject | undefined {
  const { service, client, virtual, cpu } = arrival
  const packet = { client: client.address, clientPort: client.port, address: virtual.address }
  const state = kernel.schedulerState(service, cpu)
  return schedulerOf(service.scheduler).schedule(state, kernel.view(service, cpu), packet)
}

function makeTemplate(kernel: KernelState, arrival: Arrival, key: string): TemplateObject | undefined {
  const destination = schedule(kernel, arrival)
  if (!destination) return undefined
  hold(destination, arrival.cpu, 'persistent')
  const timeout = arrival.service.persistenceTimeout
  const template = { key, destination, timeout, cpu: arrival.cpu, controls: 0, expires: kernel.now }
  kernel.templates.set(key, template)
  return template
}

/** ip_vs_conn.c:ip_vs_check_template: its destination was removed, or is quiescent and that is reason enough. */
function isStale(kernel: KernelState, { destination }: TemplateObject): boolean {
  if (!destination.available) return true
  return kernel.sysctl('expire_quiescent_template') !== 0 && destination.weight === 0
}

export function chooseByTemplate(kernel: KernelState, arrival: Arrival): Choice | Refusal {
  const { service, virtual } = arrival
  const persistent = (service.flags & SERVICE_FLAGS.persistent) !== 0
  const matches = virtual.port === service.port
  if (service.fwmark === 0 && !matches && !(persistent && service.port === 0)) {
    return { kind: 'wrong-port', port: virtual.port }
  }
  if (!persistent) {
    const destination = schedule(kernel, arrival)
    if (!destination) return { kind: 'no-destination', scheduler: service.scheduler }
    return { destination, port: destination.port || virtual.port, template: undefined }
  }
  const key = templateKey(arrival)
  let template = kernel.templates.get(key)
  if (template && isStale(kernel, template)) {
    dropTemplate(kernel, template)
    template = undefined
  }
  if (!template) template = makeTemplate(kernel, arrival, key)
  if (!template) return { kind: 'no-destination', scheduler: service.scheduler }
  // Its timer starts over with each connection.
  template.expires = kernel.now + template.timeout * 1000
  const { destination } = template
  return { destination, port: (matches && destination.port) || virtual.port, template }
}
