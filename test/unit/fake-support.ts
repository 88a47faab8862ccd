// What the tests of the fake kernel share.

import { Ipvs } from '../../lib'
import type { FakeDialect, FakeKernelOptions, FakeTransportOptions } from '../../lib/testing'
import { FakeKernel } from '../../lib/testing'

export const DIALECTS: readonly FakeDialect[] = ['mainline', 'fullnat-v2', 'fullnat-v3']

export const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
export const DNS = { protocol: 'udp', address: '192.0.2.1', port: 53 } as const

export async function setUp(options: FakeKernelOptions = {}, transport?: FakeTransportOptions) {
  const kernel = new FakeKernel(options)
  const ipvs = await Ipvs.open({ transport: kernel.transport(transport), timeout: 1000 })
  return { kernel, ipvs }
}

/** Destinations 10.0.0.1:8080, 10.0.0.2:8080 … with these weights, so that the last is the first of the kernel's list. */
export async function addDestinations(
  ipvs: Ipvs,
  weights: readonly number[],
  service = WEB as object,
  more = {},
) {
  for (const [i, weight] of weights.entries()) {
    await ipvs.destinations.add(service as typeof WEB, {
      address: `10.0.0.${i + 1}`,
      port: 8080,
      forwarding: 'masquerade',
      weight,
      ...more,
    })
  }
}

/** The last octets of the destinations of the next `count` clients. */
export function turns(kernel: FakeKernel, count: number, service = 'tcp 192.0.2.1:80', from = 40000): string {
  let text = ''
  for (let i = 0; i < count; i++) {
    const { connection } = kernel.attempt({ client: `198.51.100.7:${from + i}`, service })
    text += connection ? (connection.destination.address.split('.')[3] as string) : '-'
  }
  return text
}
