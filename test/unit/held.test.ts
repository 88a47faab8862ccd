// Any raw state is put into the fake kernel, and every operation of the API works on it, or fails with the kernel's own errno
// or a documented refusal: never with an error about an argument that nobody passed. test/contract/held.ts has the states that
// are known from other tools, on real kernels too.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AddressServiceInfo, DestinationInfo, ServiceInfo, ServiceKey } from '../../lib'
import { formatServiceKey, fromJson, Ipvs, IpvsError, parseServiceKey, toJson } from '../../lib'
import { PROTOCOLS } from '../../lib/model/numbers'
import type { FakeDialect } from '../../lib/testing'
import { FakeKernel } from '../../lib/testing'
import { DIALECTS, setUp, WEB } from './fake-support'
import type { DestinationDump, Raw, ServiceDump } from './support/raw-states'
import { kernelWith, raws } from './support/raw-states'

const KERNEL = ['EINVAL', 'ERANGE', 'EEXIST', 'ENOENT', 'EACCES']

/** What the kernel, or a documented refusal of a new one, says; every other error is a fault of the library. */
async function outcome(promise: Promise<unknown>, what: string): Promise<string> {
  try {
    await promise
    return 'done'
  } catch (error) {
    expect(error, what).toBeInstanceOf(IpvsError)
    const { code } = error as IpvsError
    expect([...KERNEL, 'ERR_IPVS_UNSUPPORTED'], `${what}: ${String(error)}`).toContain(code)
    return code
  }
}

/** What the kernel would refuse in a destination that it holds: raw states can be what no interface of it lets in. */
function refusedBy(dialect: FakeDialect, { destination }: Raw): readonly string[] {
  const { weight, lowerThreshold, upperThreshold, across, forwarding, tunnel } = destination
  if (weight < 0 || lowerThreshold > upperThreshold) return ['ERANGE', 'EINVAL']
  if (dialect !== 'mainline') return []
  if (across && forwarding !== 2) return ['EINVAL']
  return forwarding === 2 && tunnel.type === 1 && tunnel.port === 0 ? ['EINVAL'] : []
}

describe.each(DIALECTS)('any state that %s can hold', (dialect) => {
  const fullnat = dialect !== 'mainline'

  async function check(raw: Raw): Promise<void> {
    const { kernel, open } = await kernelWith(dialect, raw)
    const state = kernel.dump()
    const ipvs = await open()
    const fresh = async () => {
      kernel.load(state)
      const [service] = (await ipvs.services.list()) as [ServiceInfo]
      const [destination] = (await ipvs.destinations.list(service)) as [DestinationInfo]
      return { service, destination }
    }
    const held = () => kernel.dump().services[0] as ServiceDump

    // ---- read
    const { service, destination } = await fresh()
    expect(await ipvs.services.get(service)).toEqual(service)
    expect(await ipvs.destinations.get(service, destination)).toEqual(destination)
    const { services } = await ipvs.snapshot()
    expect(services).toMatchObject([{ service, destinations: [destination] }])
    const key = parseServiceKey(formatServiceKey(service)) as ServiceKey
    expect(await ipvs.services.get(key)).toEqual(service)
    if (dialect !== 'fullnat-v3') await ipvs.zero(key)
    if (fullnat) {
      const [local] = await ipvs.localAddresses.list(key)
      expect(await ipvs.localAddresses.get(key, local?.address as string)).toEqual(local)
      await ipvs.localAddresses.coverage(key)
      await ipvs.localAddresses.remove(key, local?.address as string)
      kernel.load(state)
      expect(await ipvs.localAddresses.set(key, [])).toEqual({ added: [], removed: [local?.address] })
    }

    // ---- drained, changed: what is not named stays
    await fresh()
    const before = held()
    const drained = await outcome(ipvs.destinations.update(key, destination, { weight: 0 }), 'drain')
    const named = { ...raw, destination: { ...raw.destination, weight: 0 } }
    if (drained !== 'done') expect(refusedBy(dialect, named)).toContain(drained)
    else {
      const [was] = before.destinations as [DestinationDump]
      // 2.6.32 makes an address of its own, or one without a route, a local one, whoever asks (abi.md §4.1).
      const [now] = held().destinations as [DestinationDump]
      expect({ ...now, lastWeight: 0, tunnel: 0 }).toEqual({
        ...was,
        ...{ weight: 0, lastWeight: 0, tunnel: 0 },
        forwarding: fullnat && now.forwarding === 1 ? 1 : was.forwarding,
      })
      if (was.forwarding === 2) expect(now.tunnel).toEqual(was.tunnel)
    }
    await outcome(ipvs.destinations.update(key, destination, { forwarding: 'tunnel' }), 'forwarding')
    await outcome(ipvs.destinations.update(key, destination, { tunnel: undefined }), 'nothing')
    await fresh()
    const changed = await outcome(ipvs.services.update(key, { scheduler: 'lc' }), 'scheduler')
    if (changed === 'done') {
      const { scheduler, schedulerStates: _, ...kept } = held()
      expect(scheduler).toBe('lc')
      const { scheduler: __, schedulerStates: ___, ...was } = before
      // 0 is the kernel's word for its default, and what it does not have for other protocols.
      const established = was.establishedTimeout === 0 || kept.protocol !== PROTOCOLS.tcp
      if (established) expect(kept).toMatchObject({ ...was, establishedTimeout: expect.anything() })
      else expect(kept).toEqual(was)
    } else {
      expect([changed, raw.ipv6]).toEqual(['EINVAL', true])
    }
    await outcome(ipvs.services.update(key, { onePacket: false, persistence: undefined }), 'flags')
    expect(await outcome(ipvs.services.update(key, { persistence: null }), 'persistence')).toBe('done')
    expect((await ipvs.services.get(key))?.persistence).toBeUndefined()

    // ---- an input, here and in another kernel, as it is and from JSON
    for (const again of [service, fromJson<ServiceInfo>(toJson(service))]) {
      await fresh()
      await outcome(ipvs.services.set(again), 'set')
      await outcome(ipvs.services.ensure(again), 'ensure')
      await outcome(ipvs.services.add(again), 'add')
      const other = await Ipvs.open({ transport: new FakeKernel({ dialect, cpus: 4 }).transport() })
      const added = await outcome(other.services.add(again), 'add elsewhere')
      if (added !== 'done') {
        const ignored = (raw.flags & (fullnat ? 0x38 : 0x8000)) !== 0
        expect(added).toBe(ignored ? 'ERR_IPVS_UNSUPPORTED' : 'EINVAL')
        continue
      }
      const { stats: _, flags: __, establishedTimeout: ___, ...told } = service
      expect(await other.services.get(key)).toMatchObject(told)
      await outcome(other.destinations.add(key, destination), 'destination elsewhere')
    }
    for (const again of [destination, fromJson<DestinationInfo>(toJson(destination))]) {
      await fresh()
      await outcome(ipvs.destinations.set(key, again), 'destination set')
      await outcome(ipvs.destinations.ensure(key, again), 'destination ensure')
      await outcome(ipvs.destinations.add(key, again), 'destination add')
    }

    // ---- removed
    await fresh()
    await ipvs.destinations.remove(key, destination)
    expect(held().destinations).toEqual([])
    await fresh()
    await ipvs.services.remove(service)
    expect(kernel.dump().services).toEqual([])
    await fresh()
    await ipvs.flush()
    expect(kernel.dump().services).toEqual([])
    await ipvs.close()
  }

  it('is read, drained, changed, carried and removed', async () => {
    await fc.assert(fc.asyncProperty(raws, check), { numRuns: 150 })
  })
})

describe('flush on fullnat-v2', () => {
  it.each([50, 132])(
    'removes the destinations first, those of protocol %i too (abi.md §11-4)',
    async (protocol) => {
      const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v2' })
      await ipvs.services.add(WEB)
      const info = (await ipvs.services.get(WEB)) as AddressServiceInfo
      const key = { ...WEB, protocol }
      await ipvs.services.add({ ...info, ...key })
      await ipvs.destinations.add(key, { address: '10.0.0.1', port: 1, forwarding: 'masquerade' })
      kernel.requests.length = 0
      await ipvs.flush()
      const what = kernel.requests.map(({ operation, service }) => [
        operation,
        service && formatServiceKey(service),
      ])
      const name = protocol === 132 ? 'sctp' : protocol
      expect(what.slice(-2)).toEqual([
        ['destinations.remove', `${name} 192.0.2.1:80`],
        ['flush', undefined],
      ])
      // Sockopt cannot name it, and flushes it all the same.
      await ipvs.services.add({ ...info, ...key })
      await ipvs.destinations.add(key, { address: '10.0.0.1', port: 1, forwarding: 'masquerade' })
      const sockopt = await Ipvs.open({ transport: kernel.transport({ netlink: false }) })
      await sockopt.flush()
      expect(await ipvs.services.list()).toEqual([])
    },
  )
})

describe('coverage', () => {
  it('says of no CPU for certain what is not so, whatever reserve_core was', async () => {
    const octets = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 254 })), {
      maxLength: 6,
    })
    await fc.assert(
      fc.asyncProperty(octets, fc.integer({ min: 0, max: 5 }), async (added, now) => {
        const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v3', cpus: 4 })
        await ipvs.services.add(WEB)
        for (const [reserved, octet] of added) {
          kernel.reserveCore = reserved
          await ipvs.localAddresses.ensure(WEB, `10.1.0.${octet}`)
        }
        kernel.reserveCore = now
        const { cpus, uncovered, uncertain } = await ipvs.localAddresses.coverage(WEB)
        expect(cpus.map(({ cpu }) => cpu)).toEqual([0, 1, 2, 3].slice(now > 3 ? 0 : now))
        const slots = kernel.dump().services[0]?.localAddresses ?? []
        for (const { cpu } of cpus) {
          if (uncertain.includes(cpu)) continue
          expect(uncovered.includes(cpu), `CPU ${cpu}`).toBe((slots[cpu]?.list.length ?? 0) === 0)
        }
        if (now > 3) expect(uncovered).toEqual([0, 1, 2, 3])
      }),
      { numRuns: 300 },
    )
  })

  it('one CPU is certain, and an address that every reserve_core puts on the same', async () => {
    const one = await setUp({ dialect: 'fullnat-v3', cpus: 1 })
    await one.ipvs.services.add(WEB)
    await one.ipvs.localAddresses.add(WEB, '10.1.0.7')
    expect(await one.ipvs.localAddresses.coverage(WEB)).toMatchObject({ uncovered: [], uncertain: [] })
    const two = await setUp({ dialect: 'fullnat-v3', cpus: 2 })
    await two.ipvs.services.add(WEB)
    await two.ipvs.localAddresses.add(WEB, '10.1.0.7')
    expect(await two.ipvs.localAddresses.coverage(WEB)).toMatchObject({ uncovered: [0], uncertain: [] })
    // An even one can be on either.
    await two.ipvs.localAddresses.add(WEB, '10.1.0.8')
    expect(await two.ipvs.localAddresses.coverage(WEB)).toMatchObject({ uncovered: [], uncertain: [0] })
  })
})

describe('localAddresses.set that fails half way', () => {
  it('names the address, when adding and when removing', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v2' })
    await ipvs.services.add(WEB)
    const all = ['10.1.0.1', '10.1.0.2', '10.1.0.3']
    const [, second] = all as [string, string, string]
    kernel.fail({ operation: 'localAddresses.add', localAddress: second }, 'ENOMEM', { times: 1 })
    const error = {
      code: 'ENOMEM',
      errno: -12,
      operation: 'localAddresses.set',
      localAddress: second,
      sent: true,
    }
    await expect(ipvs.localAddresses.set(WEB, all)).rejects.toMatchObject({
      ...error,
      message: `ENOMEM: the kernel is out of memory, localAddresses.set tcp 192.0.2.1:80 via ${second}`,
    })
    expect((await ipvs.localAddresses.list(WEB)).map(({ address }) => address)).toEqual([
      '10.1.0.1',
      '10.1.0.3',
    ])
    await ipvs.localAddresses.set(WEB, all)
    kernel.fail({ operation: 'localAddresses.remove', localAddress: second }, 'ENOMEM', { times: 1 })
    await expect(ipvs.localAddresses.set(WEB, [])).rejects.toMatchObject(error)
  })
})
