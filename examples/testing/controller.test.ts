// The tests of the controller, on a kernel that exists in memory alone. Run them with vitest.

import { Ipvs } from 'ipvs-fullnat'
import { FakeKernel } from 'ipvs-fullnat/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { Controller, type ServiceSpec } from './controller'

const web = { protocol: 'tcp', address: '192.0.2.1', port: 80, scheduler: 'rr' } as const
const real = (address: string) => ({ address, port: 8080, forwarding: 'fullnat' }) as const
const spec: ServiceSpec = {
  service: web,
  destinations: [real('10.9.0.5'), real('10.9.0.6')],
  localAddresses: ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.4'],
}

describe('the controller', () => {
  let kernel: FakeKernel
  let ipvs: Ipvs
  let controller: Controller
  beforeEach(async () => {
    kernel = new FakeKernel({ dialect: 'fullnat-v3', cpus: 4 })
    ipvs = await Ipvs.open({ transport: kernel.transport() })
    controller = new Controller(ipvs)
  })

  it('sets a service up so that clients get through on every CPU', async () => {
    expect(await controller.reconcile(spec)).toEqual({ uncovered: [], draining: [] })
    for (const cpu of [0, 1, 2, 3]) {
      const connection = kernel.connect({ client: `198.51.100.7:${40000 + cpu}`, service: web, cpu })
      expect(spec.localAddresses).toContain(connection.localAddress)
    }
  })

  it('reports the CPUs that would refuse clients', async () => {
    const { uncovered } = await controller.reconcile({ ...spec, localAddresses: ['10.1.0.1', '10.1.0.5'] })
    expect(uncovered).toEqual([0, 2, 3])
    const { refused } = kernel.attempt({ client: '198.51.100.7:40000', service: web, cpu: 2 })
    expect(refused).toEqual({ kind: 'no-local-address', cpu: 2 })
  })

  it('writes nothing when nothing differs', async () => {
    await controller.reconcile(spec)
    kernel.requests.length = 0
    await controller.reconcile(spec)
    expect(kernel.requests.filter(({ operation }) => !/\.(get|list)$/.test(operation))).toEqual([])
  })

  it('drains a destination before it removes it', async () => {
    await controller.reconcile(spec)
    const clients = [1, 2].map((port) =>
      kernel.connect({ client: `198.51.100.7:${port}`, service: web, cpu: 0 }),
    )
    const old = clients.find(({ destination }) => destination.address === '10.9.0.5')
    const smaller = { ...spec, destinations: [real('10.9.0.6')] }
    expect((await controller.reconcile(smaller)).draining).toEqual([{ address: '10.9.0.5', port: 8080 }])
    // Its client goes on, new ones go elsewhere.
    expect(old?.traffic({ inPackets: 1, inBytes: 60 })).toBe(true)
    const next = kernel.connect({ client: '198.51.100.8:1', service: web, cpu: 0 })
    expect(next.destination.address).toBe('10.9.0.6')
    // The client says goodbye, and time-wait passes.
    old?.close()
    kernel.advance(60)
    expect((await controller.reconcile(smaller)).draining).toEqual([])
    expect(await ipvs.destinations.list(web)).toMatchObject([{ address: '10.9.0.6' }])
  })

  it('repeats what got no answer, and gives up what was refused', async () => {
    kernel.loseAnswer('destinations.add')
    await controller.settle(spec)
    expect(await ipvs.destinations.list(web)).toHaveLength(2)
    kernel.fail('services.get', 'EPERM')
    await expect(controller.settle(spec)).rejects.toMatchObject({ code: 'EPERM' })
  })
})
