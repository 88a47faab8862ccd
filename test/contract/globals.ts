// What is not about one service: daemons, timeouts, info, zero, flush, snapshot.

import { afterEach, describe, expect, it } from 'vitest'
import type { Ipvs } from '../../lib'
import { DNS, expectFailure, expectUnsupported, type Harness, NOWHERE, real, useWorld, WEB } from './harness'
import { recorded } from './recorder'

export function timeoutsContract(harness: Harness): void {
  describe(`timeouts over ${harness.name}`, () => {
    const world = useWorld(harness)

    it('set changes all three', async () => {
      const wanted = { tcp: 901, tcpFin: 121, udp: 301 }
      expect(await world.ipvs.timeouts.set(wanted)).toBeUndefined()
      expect(await world.ipvs.timeouts.get()).toEqual(wanted)
      expect(await world.full.timeouts.get()).toEqual(wanted)
    })

    it.each(['tcp', 'tcpFin', 'udp'] as const)('set of %s alone leaves the others', async (name) => {
      await world.full.timeouts.set({ tcp: 501, tcpFin: 51, udp: 151 })
      await world.ipvs.timeouts.set({ [name]: 77 })
      expect(await world.ipvs.timeouts.get()).toEqual({ tcp: 501, tcpFin: 51, udp: 151, [name]: 77 })
    })

    it('1 and 2147483 seconds', async () => {
      await world.ipvs.timeouts.set({ tcp: 2147483, tcpFin: 1, udp: 2147483 })
      expect(await world.ipvs.timeouts.get()).toEqual({ tcp: 2147483, tcpFin: 1, udp: 2147483 })
      await world.ipvs.timeouts.set({ tcp: 1, tcpFin: 2147483, udp: 1 })
      expect(await world.ipvs.timeouts.get()).toEqual({ tcp: 1, tcpFin: 2147483, udp: 1 })
    })

    it('nothing named changes nothing', async () => {
      const before = await world.ipvs.timeouts.get()
      await world.ipvs.timeouts.set({})
      expect(await world.ipvs.timeouts.get()).toEqual(before)
    })

    it('large timeouts never reach the kernel, which would overflow (abi.md §10.1-25, §11-18)', async () => {
      const before = await world.ipvs.timeouts.get()
      const { recorder, ipvs } = await recorded(harness)
      for (const seconds of [0, -1, 2147484, 4294967295, 1.5, Number.NaN]) {
        const set = ipvs.timeouts.set({ tcp: seconds })
        await expect(set).rejects.toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
      }
      expect(recorder.requests).toEqual([])
      expect(await ipvs.timeouts.get()).toEqual(before)
      await ipvs.close()
    })
  })
}

export function daemonsContract(harness: Harness): void {
  const can = harness.capabilities
  const fullnat = harness.dialect.startsWith('fullnat')
  const plain = { state: 'master', interface: harness.interface, syncId: 3 } as const

  describe(`daemons over ${harness.name}`, () => {
    const world = useWorld(harness)
    let forced: Ipvs | undefined
    const client = async () => {
      forced ??= await harness.open({ force: true })
      return forced
    }
    afterEach(async () => {
      for (const { state } of await world.full.daemons.list()) await world.full.daemons.stop(state)
      await forced?.close()
      forced = undefined
    })

    it('none runs', async () => {
      expect(await world.ipvs.daemons.list()).toEqual([])
    })

    it.runIf(fullnat)('start is refused without force (abi.md §6.1, §10.1-30, §11-9)', async () => {
      for (const state of ['master', 'backup'] as const) {
        await expectUnsupported(world.ipvs.daemons.start({ ...plain, state }), { operation: 'daemons.start' })
      }
      expect(await world.ipvs.daemons.list()).toEqual([])
    })

    it('start, list and stop of a master and a backup', async () => {
      const ipvs = await client()
      expect(await ipvs.daemons.start(plain)).toBeUndefined()
      expect(await ipvs.daemons.list()).toMatchObject([plain])
      const backup = { ...plain, state: 'backup', syncId: 255 } as const
      await ipvs.daemons.start(backup)
      expect(await ipvs.daemons.list()).toMatchObject([plain, backup])
      expect(await world.full.daemons.list()).toMatchObject([plain, backup])
      expect(await ipvs.daemons.stop('master')).toBeUndefined()
      expect(await ipvs.daemons.list()).toMatchObject([backup])
      await ipvs.daemons.stop('backup')
      expect(await ipvs.daemons.list()).toEqual([])
    })

    it('EEXIST: a daemon of this state runs', async () => {
      const ipvs = await client()
      await ipvs.daemons.start(plain)
      await expectFailure(ipvs.daemons.start(plain), {
        code: 'EEXIST',
        errno: -17,
        operation: 'daemons.start',
        says: 'a daemon of this state already runs',
      })
      expect(await ipvs.daemons.list()).toHaveLength(1)
    })

    it('ESRCH: no daemon of this state runs', async () => {
      for (const state of ['master', 'backup'] as const) {
        await expectFailure(world.ipvs.daemons.stop(state), {
          code: 'ESRCH',
          errno: -3,
          operation: 'daemons.stop',
          says: 'no daemon of this state runs',
        })
      }
    })

    it('ENODEV: an interface that is not there', async () => {
      const ipvs = await client()
      await expectFailure(ipvs.daemons.start({ ...plain, interface: 'nosuch0' }), {
        code: 'ENODEV',
        errno: -19,
        operation: 'daemons.start',
        says: 'no such network interface',
      })
      expect(await ipvs.daemons.list()).toEqual([])
    })

    const options = {
      syncMaxLength: 1400,
      multicastGroup: '224.0.0.99',
      multicastPort: 8849,
      multicastTtl: 3,
    }

    it.runIf(can.daemonOptions)('multicast group, port, TTL and message size', async () => {
      const daemon = { ...plain, ...options }
      await world.ipvs.daemons.start(daemon)
      expect(await world.ipvs.daemons.list()).toEqual([daemon])
    })

    it.runIf(!can.daemonOptions)('multicast options are refused', async () => {
      const ipvs = await client()
      await expectUnsupported(ipvs.daemons.start({ ...plain, ...options }), { operation: 'daemons.start' })
      expect(await ipvs.daemons.list()).toEqual([])
    })
  })
}

export function tableContract(harness: Harness): void {
  const can = harness.capabilities

  describe(`info, zero, flush and snapshot over ${harness.name}`, () => {
    const world = useWorld(harness)

    it('info', async () => {
      await world.full.services.add(WEB)
      const info = await world.ipvs.info()
      expect(info.version).toBe('1.2.1')
      // A power of two on every kernel.
      expect(info.connectionTableSize).toBeGreaterThanOrEqual(256)
      expect(Math.log2(info.connectionTableSize) % 1).toBe(0)
      expect([undefined, 1]).toContain(info.serviceCount)
      expect(info.connectionTableSize).toBe((await world.full.info()).connectionTableSize)
    })

    it.runIf(can.zero)('zero of one service and of everything', async () => {
      await world.full.services.add(WEB)
      await world.full.destinations.add(WEB, real('198.51.100.1'))
      expect(await world.ipvs.zero(WEB)).toBeUndefined()
      expect(await world.ipvs.zero()).toBeUndefined()
      expect((await world.ipvs.services.get(WEB))?.stats.connections).toBe(0n)
    })

    it.runIf(can.zero)('ESRCH: zero of a missing service', async () => {
      await expectFailure(world.ipvs.zero(NOWHERE), {
        code: 'ESRCH',
        errno: -3,
        operation: 'zero',
        about: 'tcp 192.0.2.254:9',
        service: NOWHERE,
      })
    })

    it.runIf(!can.zero)(
      'ZERO is refused as unsupported, not as a lack of privilege (abi.md §6.4, §10.1-16)',
      async () => {
        await world.full.services.add(WEB)
        await expectUnsupported(world.ipvs.zero(), { operation: 'zero' })
        await expectUnsupported(world.ipvs.zero(WEB), {
          operation: 'zero',
          about: 'tcp 192.0.2.1:80',
          service: WEB,
        })
      },
    )

    it('flush removes every service of both families', async () => {
      await world.full.services.add(WEB)
      await world.full.services.add({ ...WEB, address: '2001:db8::1' })
      await world.full.services.add({ fwmark: 7 })
      await world.full.services.add({ fwmark: 7, family: 'ipv6' })
      await world.full.destinations.add(WEB, real('198.51.100.1'))
      await world.full.destinations.add(WEB, real('198.51.100.2'))
      if (can.localAddresses) await world.full.localAddresses.add(WEB, '10.77.1.1')
      expect(await world.ipvs.flush()).toBeUndefined()
      expect(await world.full.services.list()).toEqual([])
      expect(await world.ipvs.flush()).toBeUndefined()
      await world.full.services.add(WEB)
      expect(await world.full.destinations.list(WEB)).toEqual([])
    })

    it('snapshot of an empty table', async () => {
      expect(await world.ipvs.snapshot()).toEqual({ services: [], consistent: undefined })
      expect(await world.ipvs.snapshot({ consistent: true })).toEqual({ services: [], consistent: true })
    })

    it('snapshot says the same as the lists, in one job', async () => {
      await world.full.services.add(WEB)
      await world.full.services.add({ ...DNS, scheduler: 'rr' })
      await world.full.services.add({ fwmark: 7 })
      for (let i = 1; i <= 40; i++) await world.full.destinations.add(WEB, real(`198.51.100.${i}`))
      await world.full.destinations.add({ fwmark: 7 }, real('198.51.100.1', 0))
      const { recorder, ipvs } = await recorded(harness)
      const { services } = await ipvs.snapshot()
      expect(recorder.operations).toEqual(['snapshot'])
      expect(services.map(({ service }) => service)).toEqual(await ipvs.services.list())
      for (const { service, destinations } of services) {
        expect(destinations).toEqual(await ipvs.destinations.list(service))
      }
      expect(services.reduce((sum, { destinations }) => sum + destinations.length, 0)).toBe(41)
      await ipvs.close()
    })

    it('snapshot without counters is the same but for them, and what it lists can be added again', async () => {
      await world.full.services.add({ ...WEB, persistence: { timeout: 300 } })
      await world.full.services.add({ fwmark: 7 })
      await world.full.destinations.add(WEB, real('198.51.100.1'))
      const whole = await world.ipvs.snapshot()
      const lean = await world.ipvs.snapshot({ stats: false, consistent: true })
      const without = <T extends object>(listed: T) => ({ ...listed, stats: {} })
      expect(lean.services).toEqual(
        whole.services.map((one) => ({
          ...one,
          service: without(one.service),
          destinations: one.destinations.map(without),
        })),
      )
      await world.full.flush()
      for (const { service, destinations } of lean.services) {
        await world.full.services.add(service)
        for (const destination of destinations) await world.full.destinations.add(service, destination)
      }
      const again = await world.ipvs.snapshot()
      const sorted = (services: readonly { readonly service: { readonly fwmark?: number | undefined } }[]) =>
        [...services].sort((one, other) => (one.service.fwmark ?? 0) - (other.service.fwmark ?? 0))
      expect(sorted(again.services)).toEqual(sorted(whole.services))
    })

    it('snapshot of 100 services with 5 destinations each', async () => {
      const outcomes = await world.full.batch(({ services, destinations }) => {
        for (let s = 0; s < 100; s++) {
          const service = { ...WEB, port: 1000 + s }
          services.add(service)
          for (let d = 0; d < 5; d++) destinations.add(service, real(`198.51.100.${1 + d}`, 1000 + s))
        }
      })
      expect(outcomes.filter(({ status }) => status !== 'fulfilled')).toEqual([])
      const { services, consistent } = await world.ipvs.snapshot({ consistent: true })
      expect(consistent).toBe(true)
      expect(new Set(services.map(({ service }) => service.port)).size).toBe(100)
      for (const { service, destinations } of services) {
        expect(destinations).toHaveLength(5)
        // Each destination carries its service's port: none sits under another service.
        expect(new Set(destinations.map(({ port }) => port))).toEqual(new Set([service.port]))
      }
    })
  })
}
