// Persistence, IPv6 and fwmark services: what a service can be found by, and how clients stick.

import { describe, expect, it } from 'vitest'
import {
  collect,
  DNS,
  expectFailure,
  expectUnsupported,
  type Harness,
  real,
  rejection,
  useWorld,
  WEB,
} from './harness'
import { recorded } from './recorder'

export function persistenceContract(harness: Harness): void {
  const can = harness.capabilities
  const itWrites = it.runIf(can.serviceWrites)

  describe(`persistence over ${harness.name}`, () => {
    const world = useWorld(harness)

    it.each([1, 300, 86400, 2147483])('a timeout of %i s', async (timeout) => {
      await world.full.services.add({ ...WEB, persistence: { timeout } })
      const expected = { timeout, netmask: '255.255.255.255' }
      expect((await world.ipvs.services.get(WEB))?.persistence).toEqual(expected)
      expect((await world.ipvs.services.list())[0]?.persistence).toEqual(expected)
    })

    it.each(['255.255.255.255', '255.255.255.0', '255.255.128.0', '128.0.0.0', '0.0.0.0'])(
      'the netmask %s',
      async (netmask) => {
        await world.full.services.add({ ...WEB, persistence: { timeout: 60, netmask } })
        expect((await world.ipvs.services.get(WEB))?.persistence).toEqual({ timeout: 60, netmask })
      },
    )

    itWrites('set turns it on, changes it and turns it off', async () => {
      await world.ipvs.services.add(WEB)
      await world.ipvs.services.set({ ...WEB, persistence: { timeout: 60, netmask: '255.255.255.0' } })
      const expected = { timeout: 60, netmask: '255.255.255.0' }
      expect((await world.full.services.get(WEB))?.persistence).toEqual(expected)
      await world.ipvs.services.set({ ...WEB, persistence: { timeout: 61 } })
      const changed = { timeout: 61, netmask: '255.255.255.255' }
      expect((await world.full.services.get(WEB))?.persistence).toEqual(changed)
      await world.ipvs.services.set(WEB)
      const info = await world.full.services.get(WEB)
      expect(info?.persistence).toBeUndefined()
      expect((info?.flags as number) & 1).toBe(0)
    })

    itWrites('ensure sees a different timeout and a different netmask', async () => {
      const persistence = { timeout: 60, netmask: '255.255.255.0' }
      await world.ipvs.services.add({ ...WEB, persistence })
      expect(await world.ipvs.services.ensure({ ...WEB, persistence })).toBe('unchanged')
      const longer = { ...persistence, timeout: 61 }
      expect(await world.ipvs.services.ensure({ ...WEB, persistence: longer })).toBe('changed')
      const wider = { ...longer, netmask: '255.255.0.0' }
      expect(await world.ipvs.services.ensure({ ...WEB, persistence: wider })).toBe('changed')
      expect((await world.full.services.get(WEB))?.persistence).toEqual(wider)
      expect(await world.ipvs.services.ensure(WEB)).toBe('changed')
      expect((await world.full.services.get(WEB))?.persistence).toBeUndefined()
    })

    describe.runIf(can.persistenceEngine)('engine', () => {
      const sip = { timeout: 60, netmask: '255.255.255.255', engine: 'sip' }

      it('sip', async () => {
        await world.ipvs.services.add({ ...DNS, persistence: { timeout: 60, engine: 'sip' } })
        expect((await world.ipvs.services.get(DNS))?.persistence).toEqual(sip)
        await world.ipvs.services.update(DNS, { scheduler: 'rr' })
        expect((await world.ipvs.services.get(DNS))?.persistence).toEqual(sip)
        const persistence = { timeout: 60, engine: 'sip' }
        expect(await world.ipvs.services.ensure({ ...DNS, scheduler: 'rr', persistence })).toBe('unchanged')
        await world.ipvs.services.set({ ...DNS, persistence: { timeout: 60 } })
        const { engine: _, ...plain } = sip
        expect((await world.ipvs.services.get(DNS))?.persistence).toEqual(plain)
      })

      it('ENOENT: an engine that the kernel does not have', async () => {
        await expectFailure(
          world.ipvs.services.add({ ...DNS, persistence: { timeout: 60, engine: 'nosuch' } }),
          {
            code: 'ENOENT',
            errno: -2,
            operation: 'services.add',
            about: 'udp 192.0.2.1:53',
            says: 'no such scheduler or persistence engine',
          },
        )
        expect(await world.ipvs.services.list()).toEqual([])
      })
    })

    it.runIf(can.serviceWrites && !can.persistenceEngine)('an engine is refused', async () => {
      const add = world.ipvs.services.add({ ...DNS, persistence: { timeout: 60, engine: 'sip' } })
      await expectUnsupported(add, { operation: 'services.add', about: 'udp 192.0.2.1:53' })
      expect(await world.full.services.list()).toEqual([])
    })
  })
}

const WEB6 = { protocol: 'tcp', address: '2001:db8::1', port: 80 } as const

export function ipv6Contract(harness: Harness): void {
  const can = harness.capabilities

  describe(`IPv6 over ${harness.name}`, () => {
    const world = useWorld(harness)
    const routed = harness.own.ipv6.replace(/[^:]*$/, '')

    it.runIf(!can.ipv6)('is refused for services, destinations and local addresses alike', async () => {
      await world.full.services.add(WEB6)
      const about = 'tcp [2001:db8::1]:80'
      const { services, destinations } = world.ipvs
      await expectUnsupported(services.get(WEB6), { operation: 'services.get', about })
      await expectUnsupported(services.remove(WEB6), { operation: 'services.remove', about })
      await expectUnsupported(destinations.list(WEB6), { operation: 'destinations.list', about })
      const add = destinations.add(WEB6, real(`${routed}9`))
      await expectUnsupported(add, { operation: 'destinations.add', about: `${about} -> [${routed}9]:8080` })
      const mark = { fwmark: 6, family: 'ipv6' } as const
      await expectUnsupported(services.get(mark), { operation: 'services.get', about: 'fwmark 6 ipv6' })
      // An IPv4 client does not see them.
      expect(await services.list()).toEqual([])
      expect(await world.full.services.list()).toHaveLength(1)
    })

    describe.runIf(can.ipv6)('services', () => {
      it('cycle of a service with a destination', async () => {
        await world.ipvs.services.add({ ...WEB6, scheduler: 'rr' })
        expect(await world.ipvs.services.get(WEB6)).toMatchObject({ ...WEB6, family: 'ipv6' })
        const target = { address: `${routed}9`, port: 8080 }
        await world.ipvs.destinations.add(WEB6, { ...target, forwarding: 'masquerade', weight: 2 })
        const expected = { ...target, family: 'ipv6', forwarding: 'masquerade', weight: 2 }
        expect(await world.ipvs.destinations.list(WEB6)).toMatchObject([expected])
        await world.ipvs.destinations.update(WEB6, target, { weight: 3 })
        expect(await world.ipvs.destinations.get(WEB6, target)).toMatchObject({ weight: 3 })
        await world.ipvs.destinations.remove(WEB6, target)
        expect(await world.ipvs.destinations.list(WEB6)).toEqual([])
        await world.ipvs.services.remove(WEB6)
        expect(await world.ipvs.services.list()).toEqual([])
      })

      it.each([
        ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
        ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
        ['fe80::1', 'fe80::1'],
        ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', undefined],
      ])('%s is one address however it is written', async (written, canonical) => {
        const service = { ...WEB6, address: written }
        await world.ipvs.services.add(service)
        expect((await world.ipvs.services.list()).map(({ address }) => address)).toEqual([
          canonical ?? written,
        ])
        expect(await world.ipvs.services.get({ ...WEB6, address: canonical ?? written })).toBeDefined()
        expect(await world.ipvs.services.get(service)).toBeDefined()
      })

      it('an IPv6 address that ends in zeros is not taken for IPv4', async () => {
        const service = { ...WEB6, address: 'c000:201::' }
        await world.ipvs.services.add(service)
        await world.ipvs.services.add({ ...WEB, address: '192.0.2.1' })
        await world.ipvs.destinations.add(service, real('c633:6401::'))
        const found = (await world.ipvs.services.list()).map(({ address }) => address)
        expect(found.sort()).toEqual(['192.0.2.1', 'c000:201::'])
        expect(await world.ipvs.destinations.list(service)).toMatchObject([{ address: 'c633:6401::' }])
      })

      it('IPv4 and IPv6 lie side by side', async () => {
        await world.ipvs.services.add(WEB)
        await world.ipvs.services.add(WEB6)
        await world.ipvs.services.remove(WEB)
        expect(await world.ipvs.services.list()).toMatchObject([WEB6])
        expect((await world.ipvs.snapshot()).services).toMatchObject([{ service: WEB6 }])
      })

      it.each([1, 48, 64, 127, 128])('persistence with the prefix length %i', async (netmask) => {
        await world.ipvs.services.add({ ...WEB6, persistence: { timeout: 60, netmask } })
        expect((await world.ipvs.services.get(WEB6))?.persistence).toEqual({ timeout: 60, netmask })
        const ensured = await world.ipvs.services.ensure({ ...WEB6, persistence: { timeout: 60, netmask } })
        expect(ensured).toBe('unchanged')
      })

      it('every forwarding method', async () => {
        await world.ipvs.services.add(WEB6)
        for (const [i, forwarding] of can.forwardingMethods.entries()) {
          await world.ipvs.destinations.add(WEB6, { address: `${routed}${i + 10}`, port: 80, forwarding })
        }
        const seen = (await world.ipvs.destinations.list(WEB6)).map(({ forwarding }) => forwarding)
        expect(seen.sort()).toEqual([...can.forwardingMethods].sort())
      })

      it('EEXIST, ESRCH and ENOENT name the IPv6 objects', async () => {
        await world.ipvs.services.add(WEB6)
        const about = 'tcp [2001:db8::1]:80'
        const add = world.ipvs.services.add(WEB6)
        await expectFailure(add, { code: 'EEXIST', operation: 'services.add', about, service: WEB6 })
        const target = { address: `${routed}9`, port: 80 }
        await expectFailure(world.ipvs.destinations.remove(WEB6, target), {
          code: 'ENOENT',
          operation: 'destinations.remove',
          about: `${about} -> [${routed}9]:80`,
          destination: target,
        })
      })

      it.runIf(can.localAddresses)('IPv6 local addresses', async () => {
        await world.ipvs.services.add(WEB6)
        const locals = ['2001:db8:1::1', '2001:db8:1::2']
        expect(await world.ipvs.localAddresses.set(WEB6, locals)).toEqual({ added: locals, removed: [] })
        const list = await world.ipvs.localAddresses.list(WEB6)
        expect(list.map(({ address }) => address).sort()).toEqual(locals)
        expect(await collect(world.ipvs.localAddresses.iterate(WEB6))).toEqual(list)
        const written = '2001:DB8:1:0::0001'
        expect(await world.ipvs.localAddresses.get(WEB6, written)).toMatchObject({ address: locals[0] })
        expect(await world.ipvs.localAddresses.ensure(WEB6, written)).toBe('unchanged')
        await world.ipvs.localAddresses.remove(WEB6, written)
        expect(await world.ipvs.localAddresses.list(WEB6)).toMatchObject([{ address: locals[1] }])
        const { services } = await world.ipvs.snapshot()
        expect(services[0]?.localAddresses).toMatchObject([{ address: locals[1] }])
      })

      it.runIf(harness.dialect.startsWith('fullnat'))(
        'an address of the director becomes local, and ensure lets it be',
        async () => {
          await world.ipvs.services.add(WEB6)
          const input = { address: harness.own.ipv6, port: 80, forwarding: 'fullnat' } as const
          expect(await world.ipvs.destinations.ensure(WEB6, input)).toBe('added')
          expect(await world.ipvs.destinations.list(WEB6)).toMatchObject([{ forwarding: 'local' }])
          expect(await world.ipvs.destinations.ensure(WEB6, input)).toBe('unchanged')
        },
      )

      it.runIf(can.destinationFamily)('a tunnel may go to the other address family', async () => {
        await world.ipvs.services.add(WEB6)
        await world.ipvs.services.add(WEB)
        const to4 = { address: '198.51.100.1', port: 80, forwarding: 'tunnel' } as const
        const to6 = { address: `${routed}9`, port: 80, forwarding: 'tunnel' } as const
        await world.ipvs.destinations.add(WEB6, to4)
        await world.ipvs.destinations.add(WEB, to6)
        expect(await world.ipvs.destinations.list(WEB6)).toMatchObject([{ ...to4, family: 'ipv4' }])
        expect(await world.ipvs.destinations.list(WEB)).toMatchObject([{ ...to6, family: 'ipv6' }])
        expect(await world.ipvs.destinations.ensure(WEB, to6)).toBe('unchanged')
        await world.ipvs.destinations.update(WEB, to6, { weight: 9 })
        expect(await world.ipvs.destinations.get(WEB, to6)).toMatchObject({ weight: 9 })
        expect((await world.ipvs.snapshot()).services).toHaveLength(2)
        await world.ipvs.destinations.remove(WEB, to6)
        await world.ipvs.destinations.remove(WEB6, to4)
        expect(await world.ipvs.destinations.list(WEB)).toEqual([])
        expect(await world.ipvs.destinations.list(WEB6)).toEqual([])
      })

      it.runIf(!can.destinationFamily)('a destination of the other address family is refused', async () => {
        await world.ipvs.services.add(WEB6)
        const input = { address: '198.51.100.1', port: 80, forwarding: 'tunnel' } as const
        await expectUnsupported(world.ipvs.destinations.add(WEB6, input), {
          operation: 'destinations.add',
          about: 'tcp [2001:db8::1]:80 -> 198.51.100.1:80',
        })
        const error = await rejection<TypeError & { code: string }>(
          world.ipvs.destinations.add(WEB6, { ...input, forwarding: 'masquerade' }),
        )
        expect(error.code).toBe('ERR_INVALID_ARG_VALUE')
        expect(await world.ipvs.destinations.list(WEB6)).toEqual([])
      })
    })
  })
}

export function fwmarkContract(harness: Harness): void {
  const can = harness.capabilities
  const families = can.ipv6 ? (['ipv4', 'ipv6'] as const) : (['ipv4'] as const)

  describe(`fwmark services over ${harness.name}`, () => {
    const world = useWorld(harness)

    it.each(families)('cycle, %s', async (family) => {
      const key = { fwmark: 7, family }
      const address = family === 'ipv6' ? `${harness.own.ipv6.replace(/[^:]*$/, '')}9` : '198.51.100.1'
      await world.full.services.add({ ...key, scheduler: 'rr' })
      const info = await world.ipvs.services.get(key)
      expect(info).toMatchObject({ ...key, scheduler: 'rr', persistence: undefined })
      expect(info).not.toHaveProperty('protocol')
      expect(info).not.toHaveProperty('address')
      expect(info).not.toHaveProperty('port')
      expect(await world.ipvs.services.list()).toEqual([info])
      const target = { address, port: 0 }
      await world.ipvs.destinations.add(key, { ...target, forwarding: 'direct-route', weight: 2 })
      expect(await world.ipvs.destinations.list(key)).toMatchObject([{ ...target, weight: 2 }])
      await world.ipvs.destinations.set(key, { ...target, forwarding: 'direct-route', weight: 3 })
      await world.ipvs.destinations.update(key, target, { upperThreshold: 5 })
      expect(await world.ipvs.destinations.get(key, target)).toMatchObject({ weight: 3, upperThreshold: 5 })
      const same = { ...target, forwarding: 'direct-route', weight: 3, upperThreshold: 5 } as const
      expect(await world.ipvs.destinations.ensure(key, same)).toBe('unchanged')
      if (can.localAddresses) {
        const local = family === 'ipv6' ? '2001:db8:1::1' : '10.77.1.1'
        await world.ipvs.localAddresses.add(key, local)
        expect(await world.ipvs.localAddresses.list(key)).toMatchObject([{ address: local }])
        await world.ipvs.localAddresses.remove(key, local)
        expect(await world.ipvs.localAddresses.list(key)).toEqual([])
      }
      if (can.zero) await world.ipvs.zero(key)
      expect((await world.ipvs.snapshot()).services).toMatchObject([{ service: key, destinations: [target] }])
      await world.ipvs.destinations.remove(key, target)
      expect(await world.ipvs.destinations.list(key)).toEqual([])
      await world.ipvs.services.remove(key)
      expect(await world.full.services.list()).toEqual([])
    })

    it.runIf(can.serviceWrites)('add, set, update and ensure', async () => {
      const key = { fwmark: 8 }
      await world.ipvs.services.add({ ...key, scheduler: 'rr', persistence: { timeout: 60 } })
      await world.ipvs.services.update(key, { scheduler: 'wrr' })
      const updated = { fwmark: 8, family: 'ipv4', scheduler: 'wrr', persistence: { timeout: 60 } }
      expect(await world.full.services.get(key)).toMatchObject(updated)
      expect(
        await world.ipvs.services.ensure({ ...key, scheduler: 'wrr', persistence: { timeout: 60 } }),
      ).toBe('unchanged')
      await world.ipvs.services.set({ ...key, scheduler: 'sh' })
      const expected = { scheduler: 'sh', persistence: undefined }
      expect(await world.full.services.get(key)).toMatchObject(expected)
      expect(await world.ipvs.services.ensure({ fwmark: 9 })).toBe('added')
    })

    it.runIf(can.serviceWrites)('EEXIST: a mark that is there', async () => {
      await world.ipvs.services.add({ fwmark: 7 })
      await expectFailure(world.ipvs.services.add({ fwmark: 7 }), {
        code: 'EEXIST',
        errno: -17,
        operation: 'services.add',
        about: 'fwmark 7',
        service: { fwmark: 7, family: 'ipv4' },
      })
    })

    it('ESRCH: a mark that is missing', async () => {
      const wanted = { code: 'ESRCH', errno: -3, about: 'fwmark 7', service: { fwmark: 7, family: 'ipv4' } }
      const key = { fwmark: 7 }
      await expectFailure(world.ipvs.services.remove(key), { ...wanted, operation: 'services.remove' })
      await expectFailure(world.ipvs.destinations.list(key), { ...wanted, operation: 'destinations.list' })
      expect(await world.ipvs.services.get(key)).toBeUndefined()
      expect(await world.ipvs.destinations.get(key, { address: '10.0.0.1', port: 0 })).toBeUndefined()
    })

    it.each([1, 255, 256, 65536, 2147483648, 4294967295])('the mark %i', async (fwmark) => {
      await world.full.services.add({ fwmark })
      expect((await world.ipvs.services.list()).map((info) => info.fwmark)).toEqual([fwmark])
      expect(await world.ipvs.services.get({ fwmark })).toMatchObject({ fwmark })
      await world.ipvs.services.remove({ fwmark })
      expect(await world.full.services.list()).toEqual([])
    })

    it.runIf(can.ipv6)('the same mark in both families is two services', async () => {
      await world.ipvs.services.add({ fwmark: 7 })
      await world.ipvs.services.add({ fwmark: 7, family: 'ipv6' })
      await world.ipvs.services.remove({ fwmark: 7 })
      expect(await world.ipvs.services.list()).toMatchObject([{ fwmark: 7, family: 'ipv6' }])
    })

    it('FWMARK 0 is never sent (abi.md §0.2-3, §2.4, §10.1-34)', async () => {
      const { recorder, ipvs } = await recorded(harness)
      const error = await rejection<RangeError & { code: string }>(ipvs.services.add({ fwmark: 0 }))
      expect(error).toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
      expect(await rejection(ipvs.services.get({ fwmark: 0 }))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
      expect(recorder.requests).toEqual([])
      expect(await world.full.services.list()).toEqual([])
      await ipvs.close()
    })
  })
}
