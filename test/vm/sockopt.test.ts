// Both interfaces of one kernel: what one writes the other reads, and 'auto' takes sockopt where netlink is gone.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Ipvs, ServiceInfo, Snapshot } from '../../lib'
import { DNS, NOWHERE, real, rejection, WEB } from '../contract/harness'
import { Recorder } from '../contract/recorder'
import { kernelHarness } from './support/kernel'

const overNetlink = await kernelHarness('netlink')
const overSockopt = await kernelHarness('sockopt')
const can = overSockopt.capabilities

/** Without what sockopt has no field for. */
function comparable({ services }: Snapshot) {
  return services
    .map(({ service, destinations, localAddresses }) => {
      const { establishedTimeout: _, ...rest } = service
      const byName = <T extends { address: string; port?: number }>(items: readonly T[]) =>
        [...items].sort((one, other) =>
          `${one.address} ${one.port}` < `${other.address} ${other.port}` ? -1 : 1,
        )
      const targets = byName(destinations).map(({ tunnel: _, ...info }) => info)
      return { service: rest, destinations: targets, localAddresses: byName(localAddresses) }
    })
    .sort((one, other) => (one.service.port ?? 0) - (other.service.port ?? 0))
}

describe('netlink and sockopt', () => {
  let netlink: Ipvs
  let sockopt: Ipvs
  beforeAll(async () => {
    netlink = await overNetlink.open()
    sockopt = await overSockopt.open()
  })
  beforeEach(() => overNetlink.reset())
  afterAll(async () => {
    await overNetlink.reset()
    await Promise.all([netlink.close(), sockopt.close()])
  })

  async function fill(services: Ipvs, rest: Ipvs): Promise<void> {
    await services.services.add({
      ...WEB,
      scheduler: 'wrr',
      persistence: { timeout: 60, netmask: '255.255.255.0' },
    })
    await services.services.add({ ...DNS, scheduler: 'rr', onePacket: true })
    await services.services.add({ ...WEB, port: 443, ...(can.synproxy ? { synproxy: true } : {}) })
    await services.services.add({ fwmark: 7, scheduler: 'sh' })
    for (const [i, forwarding] of can.forwardingMethods.entries()) {
      const input = { forwarding, weight: i * 100, upperThreshold: i * 10, lowerThreshold: i * 5 }
      await rest.destinations.add(WEB, { address: `198.51.100.${i + 1}`, port: 8080, ...input })
    }
    await rest.destinations.add({ fwmark: 7 }, real('198.51.100.1', 0))
    if (can.localAddresses) await rest.localAddresses.set(WEB, ['10.77.1.1', '10.77.1.2'])
  }

  it('what netlink writes sockopt reads', async () => {
    await fill(netlink, netlink)
    const [one, other] = [await netlink.snapshot(), await sockopt.snapshot()]
    expect(comparable(other)).toEqual(comparable(one))
    expect(other.services).toHaveLength(4)
    expect(await sockopt.services.list()).toEqual(other.services.map(({ service }) => service))
    expect(await sockopt.timeouts.get()).toEqual(await netlink.timeouts.get())
  })

  it('what sockopt writes netlink reads', async () => {
    // Where sockopt cannot add services, everything else still goes over it.
    await fill(can.serviceWrites ? sockopt : netlink, sockopt)
    const [one, other] = [await netlink.snapshot(), await sockopt.snapshot()]
    expect(comparable(one)).toEqual(comparable(other))
    const web = one.services.find(({ service }) => service.port === 80)
    expect(web?.destinations).toHaveLength(can.forwardingMethods.length)
    await sockopt.destinations.update(WEB, { address: '198.51.100.1', port: 8080 }, { weight: 77 })
    const changed = await netlink.destinations.get(WEB, { address: '198.51.100.1', port: 8080 })
    expect(changed).toMatchObject({ weight: 77 })
    await sockopt.timeouts.set({ tcp: 777 })
    expect((await netlink.timeouts.get()).tcp).toBe(777)
    await sockopt.services.remove(WEB)
    await sockopt.services.remove({ fwmark: 7 })
    expect(await netlink.services.list()).toHaveLength(2)
    await sockopt.flush()
    expect(await netlink.services.list()).toEqual([])
  })

  it('both write in turn, and each finds what the other did', async () => {
    await netlink.services.add({ ...WEB, scheduler: 'rr' })
    for (let i = 1; i <= 20; i++) {
      const [writer, reader] = i % 2 ? [sockopt, netlink] : [netlink, sockopt]
      await writer.destinations.add(WEB, real(`198.51.100.${i}`))
      expect(await reader.destinations.list(WEB)).toHaveLength(i)
    }
    for (let i = 20; i >= 1; i--) {
      const [writer, reader] = i % 2 ? [netlink, sockopt] : [sockopt, netlink]
      await writer.destinations.remove(WEB, { address: `198.51.100.${i}`, port: 8080 })
      expect(await reader.destinations.list(WEB)).toHaveLength(i - 1)
    }
  })

  it('both fail alike', async () => {
    await netlink.services.add(WEB)
    const calls = [
      (ipvs: Ipvs) => ipvs.services.remove(NOWHERE),
      (ipvs: Ipvs) => ipvs.destinations.list(NOWHERE),
      (ipvs: Ipvs) => ipvs.destinations.add(NOWHERE, real('198.51.100.1')),
      (ipvs: Ipvs) => ipvs.destinations.remove(WEB, real('198.51.100.1')),
      (ipvs: Ipvs) => ipvs.destinations.add(WEB, real('224.0.0.1')),
      ...(can.serviceWrites ? [(ipvs: Ipvs) => ipvs.services.add(WEB)] : []),
      ...(can.serviceWrites ? [(ipvs: Ipvs) => ipvs.services.set({ ...WEB, scheduler: 'nosuch' })] : []),
      ...(can.localAddresses ? [(ipvs: Ipvs) => ipvs.localAddresses.remove(WEB, '10.77.1.1')] : []),
    ]
    for (const call of calls) {
      const [one, other] = [await rejection(call(netlink)), await rejection(call(sockopt))]
      const { syscall: _, sent: __, ...rest } = one.toJSON()
      expect(other.toJSON()).toMatchObject(rest)
      expect(other.syscall).toMatch(/^[gs]etsockopt$/)
    }
  })

  it('the number of IPv4 services comes over sockopt alone', async () => {
    await netlink.services.add(WEB)
    await netlink.services.add({ fwmark: 7 })
    await netlink.services.add({ ...WEB, address: '2001:db8::1' })
    const [one, other] = [await netlink.info(), await sockopt.info()]
    expect(one.serviceCount).toBeUndefined()
    expect(other).toEqual({ ...one, serviceCount: 2 })
  })

  it('IPv6 services are not in the lists of sockopt (abi.md §1.1)', async () => {
    await netlink.services.add(WEB)
    await netlink.services.add({ ...WEB, address: '2001:db8::1' })
    await netlink.services.add({ fwmark: 7, family: 'ipv6' })
    const seen = (await sockopt.services.list()).map((info: ServiceInfo) => info.address)
    expect(seen).toEqual(['192.0.2.1'])
  })

  it("'auto' takes sockopt where the netlink family is gone", async () => {
    const recorder = new Recorder()
    // The harness hides the family from a wrapped client.
    const ipvs = await overSockopt.open({ wrap: recorder.wrap })
    expect(ipvs.capabilities).toMatchObject({
      transport: 'sockopt',
      ipv6: false,
      dialect: overNetlink.dialect,
    })
    await netlink.services.add(WEB)
    expect(await ipvs.services.list()).toMatchObject([WEB])
    expect(recorder.operations).toEqual(['probe', 'serviceList'])
    await ipvs.close()
  })

  it.runIf(can.localAddresses && can.serviceWrites)('2,000 local addresses over both', async () => {
    await netlink.services.add(WEB)
    const wanted = Array.from({ length: 2000 }, (_, i) => `10.78.${i >> 8}.${i & 255}`)
    const { added } = await sockopt.localAddresses.set(WEB, wanted)
    expect(added).toHaveLength(2000)
    expect(await netlink.localAddresses.list(WEB)).toHaveLength(2000)
    expect(await sockopt.localAddresses.list(WEB)).toEqual(await netlink.localAddresses.list(WEB))
  })
})
