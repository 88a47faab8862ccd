// What the kernel holds is no argument: other tools leave states that no caller of the library may ask for, and all of them
// can be read, drained, changed, carried to another place and removed.

import { describe, expect, it } from 'vitest'
import type { DestinationInfo, Ipvs, ServiceInfo, ServiceInput } from '../../lib'
import { formatServiceKey, fromJson, parseServiceKey, toJson } from '../../lib'
import {
  DNS,
  expectFailure,
  expectUnsupported,
  type Harness,
  real,
  rejection,
  useWorld,
  WEB,
} from './harness'

const HASHED = 0x2
const A = real('198.51.100.1')
const WEB6 = { protocol: 'tcp', address: '2001:db8::1', port: 80 } as const
/** ESP: netlink takes it, and no packet finds the service. */
const ESP = { protocol: 50, address: '192.0.2.9', port: 0 } as const
/** fullnat-v3 has established timeouts for TCP alone. */
const NOT_TCP = { establishedTimeout: undefined }

/** Adds the service as no caller may ask for it: as if it had been listed so. */
async function hold(client: Ipvs, base: ServiceInput, odd: object): Promise<ServiceInfo> {
  await client.services.add(base)
  const info = (await client.services.get(base)) as ServiceInfo
  await client.services.remove(base)
  await client.services.add({ ...info, ...odd })
  return { ...info, ...odd } as ServiceInfo
}

async function holdDestination(client: Ipvs, service: ServiceInput, odd: object): Promise<DestinationInfo> {
  await client.destinations.add(service, A)
  const info = (await client.destinations.get(service, A)) as DestinationInfo
  await client.destinations.remove(service, A)
  await client.destinations.add(service, { ...info, ...odd })
  return { ...info, ...odd }
}

export function heldContract(harness: Harness): void {
  const can = harness.capabilities
  const fullnat = can.localAddresses
  const persistent = (timeout: number, netmask = '255.255.255.255') => ({
    persistence: { timeout, netmask },
    flags: HASHED | 1,
  })

  describe(`what the kernel holds, over ${harness.name}`, () => {
    const world = useWorld(harness)

    const services: [what: string, base: ServiceInput, odd: object][] = [
      ['a persistence of 2678400 s (ipvsadm -p 2678400)', WEB, persistent(2678400)],
      ['a persistence of 0 s', WEB, persistent(0)],
      ['a persistence of 4294967 s', WEB, persistent(4294967)],
      ['a netmask with holes', WEB, persistent(60, '255.0.255.0')],
      ['one-packet scheduling of TCP', WEB, { onePacket: true, flags: HASHED | 4 }],
      ['a virtual address 0.0.0.0 (abi.md §2.4, a mark of 0)', WEB, { address: '0.0.0.0', port: 0 }],
    ]
    if (can.synproxy) {
      services.push(['SYNPROXY of UDP (keepalived)', DNS, { synproxy: true, flags: HASHED | 0x8000 }])
    }
    if (can.establishedTimeout) {
      services.push(['a random established timeout (abi.md §1.7-g)', WEB, { establishedTimeout: 4264247 }])
    }
    if (can.ipv6) services.push(['an IPv4-mapped virtual address', WEB6, { address: '::ffff:192.0.2.1' }])
    if (can.ipv6) services.push(['a protocol without a name', WEB, { ...ESP, ...NOT_TCP }])
    if (can.ipv6 && !can.sctp)
      services.push(['SCTP, which it does not balance', WEB, { protocol: 'sctp', ...NOT_TCP }])

    it.runIf(can.serviceWrites).each(services)('a service with %s', async (_, base, odd) => {
      const { ipvs, full } = world
      const held = await hold(full, base, odd)
      const expected = { ...held, stats: expect.anything() }
      expect(await ipvs.services.list()).toEqual([expected])
      const info = (await ipvs.services.get(held)) as ServiceInfo
      expect(info).toEqual(expected)
      expect((await ipvs.snapshot()).services[0]?.service).toEqual(expected)
      // Filled and drained.
      await ipvs.destinations.add(info, info.family === 'ipv6' ? real('2001:db8::9') : A)
      const [destination] = await ipvs.destinations.list(info)
      await ipvs.destinations.update(info, destination as DestinationInfo, { weight: 0 })
      expect(await ipvs.destinations.list(info)).toMatchObject([{ weight: 0 }])
      // Changed: all that is not named stays what it is.
      await ipvs.services.update(info, { scheduler: 'rr' })
      expect(await ipvs.services.get(info)).toEqual({ ...expected, scheduler: 'rr' })
      // As an input, from JSON too.
      expect(await ipvs.services.ensure(info)).toBe('changed')
      expect(await ipvs.services.ensure(fromJson<ServiceInput>(toJson(info)))).toBe('unchanged')
      await ipvs.services.set(info)
      expect(await ipvs.services.get(info)).toEqual(expected)
      const key = parseServiceKey(formatServiceKey(info))
      await ipvs.services.remove(key as ServiceInput)
      expect(await ipvs.services.list()).toEqual([])
      await ipvs.services.add(info)
      expect(await ipvs.services.list()).toEqual([expected])
      await ipvs.flush()
      expect(await full.services.list()).toEqual([])
    })

    it.runIf(can.serviceWrites)('seconds overflow where the kernel counts ticks in 32 bits', async () => {
      await hold(world.full, WEB, persistent(4294967295))
      const info = (await world.ipvs.services.get(WEB)) as ServiceInfo
      // ip_vs_ctl.c:ip_vs_add_service: timeout * HZ, and back; 1000 on FULLNAT kernels, 250 or 1000 on Debian's.
      const kept = [1000, 250].map((hz) => Math.floor(Number((4294967295n * BigInt(hz)) % 2n ** 32n) / hz))
      expect(fullnat ? kept.slice(0, 1) : kept).toContain(info.persistence?.timeout)
      expect(await world.ipvs.services.ensure(info)).toBe('unchanged')
      await world.ipvs.services.set(info)
      expect(await world.ipvs.services.get(WEB)).toEqual({ ...info, stats: expect.anything() })
    })

    it.runIf(!can.serviceWrites)(
      'a random established timeout is read, and its service removed',
      async () => {
        await hold(world.full, WEB, { establishedTimeout: 4264247 })
        await world.ipvs.destinations.add(WEB, A)
        await world.ipvs.destinations.update(WEB, A, { weight: 0 })
        await world.ipvs.services.remove(WEB)
        expect(await world.full.services.list()).toEqual([])
      },
    )

    it.runIf(!can.ipv6)(
      'a protocol without a name is listed and flushed over sockopt, and no key',
      async () => {
        await hold(world.full, WEB, ESP)
        await world.full.destinations.add(ESP, A)
        const [info] = await world.ipvs.services.list()
        expect(info).toMatchObject(ESP)
        const wanted = { about: '50 192.0.2.9:0', service: ESP }
        const { services, destinations } = world.ipvs
        await expectUnsupported(services.remove(ESP), { ...wanted, operation: 'services.remove' })
        await expectUnsupported(destinations.list(ESP), { ...wanted, operation: 'destinations.list' })
        await world.ipvs.flush()
        expect(await world.full.services.list()).toEqual([])
      },
    )

    it.runIf(can.ipv6)('a protocol without a name is made from a listing alone', async () => {
      for (const call of ['add', 'ensure', 'set'] as const) {
        const error = await rejection<Error & { field: string }>(world.ipvs.services[call](ESP))
        expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE', field: 'service.protocol' })
      }
      await expectFailure(world.ipvs.services.remove(ESP), {
        code: 'ESRCH',
        errno: -3,
        operation: 'services.remove',
        about: '50 192.0.2.9:0',
        service: ESP,
      })
      expect(await world.ipvs.services.get(ESP)).toBeUndefined()
    })

    const destinations: [what: string, odd: object][] = [
      ['method 6', { forwarding: 6 }],
      ['method 7', { forwarding: 7, weight: 3 }],
    ]
    if (fullnat) {
      destinations.push(['thresholds above 2^31', { upperThreshold: 4294967295, lowerThreshold: 2147483648 }])
    }
    if (can.tunnelTypes) {
      const tunnel = (odd: object) => ({ forwarding: 'tunnel', tunnel: { checksum: 'none', ...odd } })
      destinations.push(
        ['a tunnel type without a name', tunnel({ type: 9 })],
        ['tunnel flags without a name', tunnel({ type: 'gue', port: 6080, checksum: 3 })],
        ['a port of IP-in-IP', tunnel({ type: 'ipip', port: 6080 })],
        ['checksums of IP-in-IP', tunnel({ type: 'ipip', checksum: 'full' })],
      )
    }

    it.each(destinations)('a destination with %s', async (_, odd) => {
      const { ipvs, full } = world
      await full.services.add(WEB)
      const held = await holdDestination(full, WEB, odd)
      const expected = { ...held, stats: expect.anything() }
      expect(await ipvs.destinations.list(WEB)).toEqual([expected])
      const info = (await ipvs.destinations.get(WEB, A)) as DestinationInfo
      expect(info).toEqual(expected)
      await ipvs.destinations.update(WEB, info, { weight: 0 })
      expect(await ipvs.destinations.get(WEB, A)).toEqual({ ...expected, weight: 0 })
      expect(await ipvs.destinations.ensure(WEB, info)).toBe('changed')
      expect(await ipvs.destinations.ensure(WEB, fromJson<DestinationInfo>(toJson(info)))).toBe('unchanged')
      await ipvs.destinations.set(WEB, { ...info, weight: 9 })
      expect(await ipvs.destinations.get(WEB, A)).toEqual({ ...expected, weight: 9 })
      await ipvs.destinations.update(WEB, info, {
        forwarding: 'masquerade',
        upperThreshold: 0,
        lowerThreshold: 0,
      })
      expect(await ipvs.destinations.get(WEB, A)).toMatchObject({ forwarding: 'masquerade', weight: 9 })
      await ipvs.destinations.remove(WEB, info)
      await ipvs.destinations.add(WEB, info)
      expect(await ipvs.destinations.list(WEB)).toEqual([expected])
      await ipvs.services.remove(WEB)
      expect(await full.services.list()).toEqual([])
    })

    it.runIf(fullnat).each(['0.0.0.0', '224.0.0.1'])(
      'a local address %s is listed, added from a listing alone, and removed',
      async (address) => {
        const { ipvs, full } = world
        await full.services.add(WEB)
        const error = await rejection(ipvs.localAddresses.add(WEB, address))
        expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE', field: 'localAddress' })
        const listed = { address, portConflicts: 0n, connections: 0 }
        await ipvs.localAddresses.add(WEB, listed)
        expect(await ipvs.localAddresses.list(WEB)).toEqual([listed])
        await ipvs.localAddresses.remove(WEB, address)
        const outcomes = await ipvs.batch((batch) => batch.localAddresses.add(WEB, listed))
        expect(outcomes).toMatchObject([{ status: 'fulfilled' }])
        expect(await ipvs.localAddresses.list(WEB)).toEqual([listed])
      },
    )

    it('a method by its number is for what was listed', async () => {
      await world.full.services.add(WEB)
      const input = { ...A, forwarding: 6 } as never
      const error = await rejection(world.ipvs.destinations.add(WEB, input))
      expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE', field: 'destination.forwarding' })
    })
  })

  describe(`what is handed out is no input again, over ${harness.name}`, () => {
    const world = useWorld(harness)

    it('an error names a service, and changing that changes no later call', async () => {
      const other = { ...WEB, port: 443 }
      await world.full.services.add(other)
      for (const operation of ['remove', 'get'] as const) {
        const { service } = await rejection(world.ipvs.services.remove(WEB))
        expect(service).toEqual(WEB)
        Reflect.set(service as object, 'port', 443)
        await rejection(world.ipvs.destinations.list(WEB)).then(({ service: named }) => {
          Reflect.set(named as object, 'port', 443)
        })
        const called = world.ipvs.services[operation](WEB)
        if (operation === 'get') expect(await called).toBeUndefined()
        else
          await expectFailure(called, {
            code: 'ESRCH',
            operation: 'services.remove',
            about: 'tcp 192.0.2.1:80',
          })
      }
      expect(await world.full.services.list()).toMatchObject([other])
    })

    it('two gets of one tick give an object each', async () => {
      await world.full.services.add(WEB)
      await world.full.destinations.add(WEB, A)
      const get = () => world.ipvs.destinations.get(WEB, A)
      const [one, other] = (await Promise.all([get(), get()])) as [DestinationInfo, DestinationInfo]
      expect(one).toEqual(other)
      Object.assign(one, { weight: 77 })
      Object.assign(one.stats, { connections: 77n })
      expect(other.weight).toBe(1)
      expect(other.stats.connections).toBe(0n)
    })

    it.runIf(fullnat)('two gets of one local address, too', async () => {
      await world.full.services.add(WEB)
      await world.full.localAddresses.add(WEB, '10.77.1.1')
      const get = () => world.ipvs.localAddresses.get(WEB, '10.77.1.1')
      const [one, other] = await Promise.all([get(), get()])
      Object.assign(one as object, { connections: 77 })
      expect(other).toEqual({ address: '10.77.1.1', portConflicts: 0n, connections: 0 })
    })
  })

  describe.runIf(can.destinationFamily)(
    `a tunnel to the other family and a sync daemon, over ${harness.name}`,
    () => {
      const world = useWorld(harness)
      const tunnel = { ...real('2001:db8::9'), forwarding: 'tunnel' } as const
      const daemon = { state: 'master', interface: harness.interface } as const

      it('EINVAL of the destination names the daemon', async () => {
        await world.full.services.add(WEB)
        await world.full.daemons.start(daemon)
        const errors = [
          await rejection(world.ipvs.destinations.add(WEB, tunnel)),
          await rejection(world.ipvs.destinations.ensure(WEB, tunnel)),
        ]
        await world.full.daemons.stop('master')
        for (const error of errors) {
          expect(error).toMatchObject({ code: 'EINVAL', hint: expect.stringContaining('daemon') })
        }
        await world.ipvs.destinations.add(WEB, tunnel)
        const multicast = { ...real('224.0.0.1'), forwarding: 'tunnel' } as const
        const refused = await rejection(world.ipvs.destinations.add(WEB, multicast))
        expect(refused).toMatchObject({ code: 'EINVAL', hint: expect.not.stringContaining('daemon') })
      })

      it('EINVAL of the daemon names the destination', async () => {
        await world.full.services.add(WEB)
        await world.full.destinations.add(WEB, tunnel)
        const error = await rejection(world.ipvs.daemons.start(daemon))
        expect(error).toMatchObject({
          code: 'EINVAL',
          hint: expect.stringContaining('destination of the other address family'),
        })
        await world.full.destinations.remove(WEB, tunnel)
        await world.ipvs.daemons.start(daemon)
        await world.ipvs.daemons.stop('master')
      })
    },
  )
}
