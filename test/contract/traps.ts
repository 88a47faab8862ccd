// Traps of abi.md §10 and §11 that a caller could step into through the API, each named after its number. The ones
// about flags, FWMARK 0, timeouts, EST_TIMEOUT, ZERO and daemons stand with their themes.

import { describe, expect, it } from 'vitest'
import type { DestinationInfo } from '../../lib'
import {
  collect,
  DNS,
  expectFailure,
  expectUnsupported,
  type Harness,
  NOWHERE,
  real,
  useWorld,
  WEB,
} from './harness'
import { recorded, Skipper } from './recorder'

const A = { address: '198.51.100.1', port: 8080 } as const
const ABOUT = 'tcp 192.0.2.1:80 -> 198.51.100.1:8080'

export function trapsContract(harness: Harness): void {
  const can = harness.capabilities
  const fullnat = harness.dialect.startsWith('fullnat')

  describe(`traps over ${harness.name}`, () => {
    const world = useWorld(harness)

    it('capabilities agree with the dialect', () => {
      expect(world.ipvs.dialect).toBe(harness.dialect)
      expect(world.ipvs.capabilities).toEqual(can)
      expect(Object.isFrozen(world.ipvs.capabilities)).toBe(true)
      expect(can.fullnat).toBe(fullnat)
      expect(can.localAddresses).toBe(fullnat)
      expect(can.forwardingMethods.includes('fullnat')).toBe(fullnat)
      expect(can.networkNamespaces).toBe(!fullnat)
    })

    it.runIf(!can.fullnat)('method 5 is refused on mainline (abi.md §4.1, §10.2-3)', async () => {
      await world.full.services.add(WEB)
      const input = { ...A, forwarding: 'fullnat' } as const
      const { destinations } = world.ipvs
      const wanted = { about: ABOUT, service: WEB, destination: A, says: 'this kernel has no FULLNAT' }
      await expectUnsupported(destinations.add(WEB, input), { ...wanted, operation: 'destinations.add' })
      await expectUnsupported(destinations.set(WEB, input), { ...wanted, operation: 'destinations.set' })
      await expectUnsupported(destinations.ensure(WEB, input), {
        ...wanted,
        operation: 'destinations.ensure',
      })
      await destinations.add(WEB, { ...A, forwarding: 'masquerade' })
      const update = destinations.update(WEB, A, { forwarding: 'fullnat' })
      await expectUnsupported(update, { ...wanted, operation: 'destinations.update' })
      expect(await world.full.destinations.list(WEB)).toMatchObject([{ forwarding: 'masquerade' }])
    })

    it.runIf(can.fullnat && !can.udpFullnat)('UDP FULLNAT is refused (abi.md §4.1, §11-26)', async () => {
      await world.full.services.add(DNS)
      const about = 'udp 192.0.2.1:53 -> 198.51.100.1:8080'
      const { destinations } = world.ipvs
      const add = destinations.add(DNS, { ...A, forwarding: 'fullnat' })
      await expectUnsupported(add, { operation: 'destinations.add', about })
      await destinations.add(DNS, { ...A, forwarding: 'masquerade' })
      const update = destinations.update(DNS, A, { forwarding: 'fullnat' })
      await expectUnsupported(update, { operation: 'destinations.update', about })
      expect(await world.full.destinations.list(DNS)).toMatchObject([{ forwarding: 'masquerade' }])
    })

    it('the scheduler name "ftp" would load a helper module (abi.md §5)', async () => {
      const { recorder, ipvs } = await recorded(harness)
      for (const scheduler of ['ftp', 'FTP', 'pe_sip', 'pe-sip']) {
        const add = ipvs.services.add({ ...WEB, scheduler })
        await expectUnsupported(add, { operation: 'services.add', about: 'tcp 192.0.2.1:80' })
      }
      expect(recorder.requests).toEqual([])
      expect(await world.full.services.list()).toEqual([])
      await ipvs.close()
    })

    it.runIf(fullnat)("mainline's schedulers are refused by name (abi.md §10.1-22)", async () => {
      for (const scheduler of ['fo', 'ovf', 'mh', 'twos', 'none']) {
        const add = world.ipvs.services.add({ ...WEB, scheduler })
        await expectUnsupported(add, { operation: 'services.add', about: 'tcp 192.0.2.1:80' })
      }
      expect(await world.full.services.list()).toEqual([])
    })

    it.runIf(!can.sctp)('SCTP would be accepted and dead (abi.md §2.4, §10.1-22)', async () => {
      const service = { protocol: 'sctp', address: '192.0.2.1', port: 80 } as const
      const add = world.ipvs.services.add(service)
      await expectUnsupported(add, { operation: 'services.add', about: 'sctp 192.0.2.1:80' })
      expect(await world.full.services.list()).toEqual([])
    })

    it('an empty dump for a missing service is told apart (abi.md §2.10, §10.1-14)', async () => {
      await world.full.services.add(WEB)
      expect(await world.ipvs.destinations.list(WEB)).toEqual([])
      const wanted = { code: 'ESRCH', errno: -3, about: 'tcp 192.0.2.254:9' }
      const list = world.ipvs.destinations.list(NOWHERE)
      await expectFailure(list, { ...wanted, operation: 'destinations.list' })
      const iterate = collect(world.ipvs.destinations.iterate(NOWHERE))
      await expectFailure(iterate, { ...wanted, operation: 'destinations.iterate' })
      if (!can.localAddresses) return
      expect(await world.ipvs.localAddresses.list(WEB)).toEqual([])
      const locals = world.ipvs.localAddresses.list(NOWHERE)
      await expectFailure(locals, { ...wanted, operation: 'localAddresses.list' })
    })

    it('two dumps at a time on one client (abi.md §2.10, §10.1-13)', async () => {
      await world.full.services.add(WEB)
      await world.full.batch(({ destinations }) => {
        for (let i = 0; i < 200; i++) destinations.add(WEB, real('198.51.100.1', 1 + i))
      })
      const lists = await Promise.all(Array.from({ length: 8 }, () => world.ipvs.destinations.list(WEB)))
      for (const list of lists) expect(list).toHaveLength(200)
      const [services, snapshot, iterated] = await Promise.all([
        world.ipvs.services.list(),
        world.ipvs.snapshot(),
        collect(world.ipvs.destinations.iterate(WEB)),
      ])
      expect(services).toHaveLength(1)
      expect(snapshot.services[0]?.destinations).toHaveLength(200)
      expect(iterated).toHaveLength(200)
    })

    /** A service with a long list, and a client that can be made to miss its first destination. */
    const useSkipper = async () => {
      await world.full.services.add(WEB)
      await world.full.batch(({ destinations }) => {
        for (let port = 1; port <= 40; port++) destinations.add(WEB, real('198.51.100.1', port))
      })
      const skipper = new Skipper()
      const ipvs = await harness.open({ wrap: skipper.wrap })
      const first = (await ipvs.destinations.list(WEB))[0] as DestinationInfo
      return { skipper, ipvs, first }
    }

    it('an update looks again for a destination that a dump skipped (abi.md §2.10)', async () => {
      const { skipper, ipvs, first } = await useSkipper()
      skipper.count = 2
      await ipvs.destinations.update(WEB, first, { weight: 7 })
      expect(skipper.count).toBe(0)
      expect(await world.full.destinations.get(WEB, first)).toMatchObject({ weight: 7 })
      const missing = { address: '198.51.100.2', port: 1 }
      await expectFailure(ipvs.destinations.update(WEB, missing, { weight: 7 }), {
        code: 'ENOENT',
        operation: 'destinations.update',
        about: 'tcp 192.0.2.1:80 -> 198.51.100.2:1',
        sent: false,
      })
      await ipvs.close()
    })

    it('get and ensure look again for a destination that a dump skipped (abi.md §2.10)', async () => {
      const { skipper, ipvs, first } = await useSkipper()
      skipper.count = 3
      expect(await ipvs.destinations.get(WEB, first)).toEqual(first)
      expect(skipper.count).toBe(0)
      const wanted = real(first.address, first.port)
      skipper.count = 2
      expect(await ipvs.destinations.ensure(WEB, wanted)).toBe('unchanged')
      expect(skipper.count).toBe(0)
      skipper.count = 2
      expect(await ipvs.destinations.ensure(WEB, { ...wanted, weight: 7 })).toBe('changed')
      expect(await world.full.destinations.get(WEB, first)).toMatchObject({ weight: 7 })
      expect(await ipvs.destinations.get(WEB, { address: '198.51.100.2', port: 1 })).toBeUndefined()
      await ipvs.close()
    })

    it('thresholds of a listed destination can be sent back (abi.md §4.4)', async () => {
      await world.full.services.add(WEB)
      const input = { ...A, forwarding: 'masquerade', upperThreshold: 2147483647, lowerThreshold: 1 } as const
      await world.ipvs.destinations.add(WEB, input)
      const [info] = await world.ipvs.destinations.list(WEB)
      await world.ipvs.destinations.set(WEB, info as typeof input)
      expect(await world.ipvs.destinations.list(WEB)).toEqual([info])
    })

    it('a method with internal bits is masked both ways (abi.md §1.7-j, §1.7-k, §11-12)', async () => {
      await world.full.services.add(WEB)
      const methods = can.forwardingMethods
      for (const [i, forwarding] of methods.entries()) {
        await world.ipvs.destinations.add(WEB, { address: '198.51.100.1', port: 1 + i, forwarding })
      }
      for (const [i, forwarding] of methods.entries()) {
        const target = { address: '198.51.100.1', port: 1 + i }
        const info = await world.ipvs.destinations.get(WEB, target)
        expect(info?.forwarding).toBe(forwarding)
        await world.ipvs.destinations.set(WEB, info as typeof info & { forwarding: typeof forwarding })
        expect(await world.full.destinations.get(WEB, target)).toMatchObject({ forwarding })
      }
    })

    it.runIf(fullnat)(
      'a fwmark service is changed with its stored protocol (abi.md §1.7-i, §11-1)',
      async () => {
        // Over sockopt a wrong protocol would lock v2 up at the next change.
        const key = { fwmark: 7 }
        await world.full.services.add(key)
        for (let i = 0; i < 3; i++) {
          await world.ipvs.destinations.add(key, { address: '198.51.100.1', port: 0, forwarding: 'tunnel' })
          await world.ipvs.destinations.set(key, {
            address: '198.51.100.1',
            port: 0,
            forwarding: 'direct-route',
          })
          await world.ipvs.destinations.remove(key, { address: '198.51.100.1', port: 0 })
        }
        await world.ipvs.services.remove(key)
        expect(await world.full.services.list()).toEqual([])
        await world.full.services.add(key)
        await world.ipvs.flush()
        expect(await world.full.services.list()).toEqual([])
      },
    )

    it.runIf(harness.dialect === 'fullnat-v2')(
      'destinations go before their service (abi.md §11-4)',
      async () => {
        await world.full.services.add(WEB)
        for (let i = 1; i <= 3; i++) await world.full.destinations.add(WEB, real(`198.51.100.${i}`))
        const { recorder, ipvs } = await recorded(harness)
        await ipvs.services.remove(WEB)
        const three = ['destinationRemove', 'destinationRemove', 'destinationRemove']
        expect(recorder.writes).toEqual([...three, 'serviceRemove'])
        await world.full.services.add(WEB)
        for (let i = 1; i <= 3; i++) await world.full.destinations.add(WEB, real(`198.51.100.${i}`))
        recorder.clear()
        await ipvs.flush()
        expect(recorder.writes).toEqual([...three, 'flush'])
        expect(await world.full.services.list()).toEqual([])
        await ipvs.close()
      },
    )

    it.runIf(fullnat && can.ipv6)(
      'an unchanged IPv6 destination is not sent again: each SET leaks a route (abi.md §11-11)',
      async () => {
        const service = { ...WEB, address: '2001:db8::1' }
        await world.full.services.add(service)
        const input = { ...real(harness.own.ipv6.replace(/[^:]*$/, '9')), weight: 2 }
        await world.ipvs.destinations.add(service, input)
        const { recorder, ipvs } = await recorded(harness)
        expect(await ipvs.destinations.ensure(service, input)).toBe('unchanged')
        // Without a route the kernel calls it local; sending it again would not change that for long.
        const unrouted = { ...real('2001:db8:ffff::9'), weight: 2 }
        await ipvs.destinations.add(service, unrouted)
        recorder.clear()
        expect(await ipvs.destinations.ensure(service, unrouted)).toBe('unchanged')
        expect(recorder.writes).toEqual([])
        await ipvs.close()
      },
    )
  })
}
