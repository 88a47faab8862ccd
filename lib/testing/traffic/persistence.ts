/** Which destination a connection goes to: the scheduler's, or that of the client's template. */

import type { PackedAddress } from '../../model/address'
import { AF_INET, AF_INET6 } from '../../model/address'
import { SERVICE_FLAGS } from '../../model/numbers'
import type { Arrival, Endpoint, Refusal, TemplateObject } from '../objects/connection-objects'
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
function templateKey({ service, protocol, client, virtual, cpu, engineData }: Arrival): string {
  const from = addressId(network(client.address, service))
  // What the engine found comes on top (ip_vs_pe_sip.c:ip_vs_sip_ct_match).
  const engine = engineData === undefined ? '' : ` ${service.engine} ${engineData}`
  if (service.fwmark !== 0) return `${cpu} fwmark ${service.fwmark} ${from}${engine}`
  const port = virtual.port === service.port && service.port !== FTP ? virtual.port : 0
  return `${cpu} ${protocol} ${from} ${addressId(virtual.address)} ${port}${engine}`
}

const ADDRESS = '(4 \\d+|6 \\d+ \\d+ \\d+ \\d+)'
const TEMPLATE = new RegExp(
  `^\\d+ (?:fwmark (\\d+) ${ADDRESS}|(\\d+) ${ADDRESS} ${ADDRESS} (\\d+))(?: (.*))?$`,
)

function packed(id: string): PackedAddress {
  const [family, a = 0, b = 0, c = 0, d = 0] = id.split(' ').map(Number)
  return { family: family === 4 ? AF_INET : AF_INET6, a, b, c, d }
}

/** What the kernel keeps in the template itself; `engine` is the name and what it found. */
export function templateIdentity({ key }: TemplateObject): {
  readonly protocol: number
  readonly client: Endpoint
  /** Of a fwmark service: the mark in place of an address. */
  readonly virtual: Endpoint
  readonly engine: string | undefined
} {
  const [, mark, marked, protocol, from, to, port, engine] = TEMPLATE.exec(key) as RegExpExecArray
  const client = { address: packed((marked ?? from) as string), port: 0 }
  if (mark === undefined) {
    return {
      protocol: Number(protocol),
      client,
      virtual: { address: packed(to as string), port: Number(port) },
      engine,
    }
  }
  const { family } = client.address
  const virtual = { address: { family, a: Number(mark), b: 0, c: 0, d: 0 }, port: 0 }
  return { protocol: 0, client, virtual, engine }
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
  const { cpu } = arrival
  const template = { key, destination, timeout, cpu, controls: 0, assured: false, expires: kernel.now }
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
