// Flags of services and the established timeout.

import { describe, expect, it } from 'vitest'
import { DNS, expectUnsupported, type Harness, useWorld, WEB } from './harness'
import { Recorder } from './recorder'

const PERSISTENT = 0x1
const HASHED = 0x2
const ONE_PACKET = 0x4
const SYNPROXY = 0x8000

export function flagsContract(harness: Harness): void {
  const can = harness.capabilities
  const itWrites = it.runIf(can.serviceWrites)

  describe(`flags over ${harness.name}`, () => {
    const world = useWorld(harness)
    const flagsOf = async () => (await world.full.services.list())[0]?.flags

    it('HASHED is dumped but never sent (abi.md §10.1-5, §11-3)', async () => {
      await world.full.services.add({ ...WEB, scheduler: 'rr' })
      const [info] = await world.ipvs.services.list()
      expect((info?.flags as number) & HASHED).toBe(HASHED)
      await world.full.services.remove(WEB)
      const recorder = new Recorder()
      const client = can.serviceWrites
        ? await harness.open({ wrap: recorder.wrap })
        : await harness.openFull()
      // With the bit the service would be in no table: not listed, not found, not removable.
      await client.services.add(info as typeof WEB)
      await client.services.set(info as typeof WEB)
      for (const { flags, flagsMask } of recorder.requests) {
        expect(flags & HASHED).toBe(0)
        expect(flagsMask & HASHED).toBe(0)
      }
      expect(await client.services.get(WEB)).toMatchObject({ scheduler: 'rr' })
      expect(await client.services.list()).toHaveLength(1)
      await client.services.remove(WEB)
      expect(await client.services.list()).toEqual([])
      await client.close()
    })

    itWrites('each flag is set and cleared by itself', async () => {
      await world.ipvs.services.add({ ...DNS, onePacket: true })
      expect(await flagsOf()).toBe(HASHED | ONE_PACKET)
      await world.ipvs.services.update(DNS, { persistence: { timeout: 60 } })
      expect(await flagsOf()).toBe(HASHED | ONE_PACKET | PERSISTENT)
      await world.ipvs.services.update(DNS, { onePacket: false })
      expect(await flagsOf()).toBe(HASHED | PERSISTENT)
      await world.ipvs.services.set(DNS)
      expect(await flagsOf()).toBe(HASHED)
    })

    itWrites('one-packet scheduling', async () => {
      await world.ipvs.services.add({ ...DNS, onePacket: true })
      expect(await world.ipvs.services.get(DNS)).toMatchObject({ onePacket: true })
      expect(await world.ipvs.services.ensure({ ...DNS, onePacket: true })).toBe('unchanged')
      expect(await world.ipvs.services.ensure(DNS)).toBe('changed')
      expect(await world.ipvs.services.get(DNS)).toMatchObject({ onePacket: false })
    })

    describe.runIf(can.serviceWrites && can.synproxy)('SYNPROXY', () => {
      it('is set, kept by update and cleared by set', async () => {
        await world.ipvs.services.add({ ...WEB, synproxy: true })
        expect(await flagsOf()).toBe(HASHED | SYNPROXY)
        expect(await world.ipvs.services.get(WEB)).toMatchObject({ synproxy: true, onePacket: false })
        await world.ipvs.services.update(WEB, { persistence: { timeout: 60 } })
        expect(await flagsOf()).toBe(HASHED | SYNPROXY | PERSISTENT)
        await world.ipvs.services.update(WEB, { synproxy: false })
        expect(await flagsOf()).toBe(HASHED | PERSISTENT)
        expect(await world.ipvs.services.ensure({ ...WEB, synproxy: true })).toBe('changed')
        expect(await flagsOf()).toBe(HASHED | SYNPROXY)
        expect(await world.ipvs.services.ensure({ ...WEB, synproxy: true })).toBe('unchanged')
        await world.ipvs.services.set(WEB)
        expect(await flagsOf()).toBe(HASHED)
      })

      it('on a fwmark service', async () => {
        await world.ipvs.services.add({ fwmark: 7, synproxy: true })
        expect(await world.ipvs.services.get({ fwmark: 7 })).toMatchObject({ synproxy: true })
      })
    })

    it.runIf(can.serviceWrites && !can.synproxy)(
      'SYNPROXY is refused: the bit would be stored without effect (abi.md §10.2-4)',
      async () => {
        const wanted = { about: 'tcp 192.0.2.1:80', service: WEB }
        const input = { ...WEB, synproxy: true }
        await expectUnsupported(world.ipvs.services.add(input), { ...wanted, operation: 'services.add' })
        await world.ipvs.services.add(WEB)
        await expectUnsupported(world.ipvs.services.set(input), { ...wanted, operation: 'services.set' })
        const update = world.ipvs.services.update(WEB, { synproxy: true })
        await expectUnsupported(update, { ...wanted, operation: 'services.update' })
        expect(await flagsOf()).toBe(HASHED)
      },
    )

    it.runIf(can.serviceWrites && can.schedulerFlags)('scheduler flags', async () => {
      const all = ['flag-1', 'flag-2', 'flag-3'] as const
      await world.ipvs.services.add({ ...WEB, scheduler: 'sh', schedulerFlags: ['flag-2', 'flag-1'] })
      expect(await flagsOf()).toBe(HASHED | 0x18)
      expect(await world.ipvs.services.get(WEB)).toMatchObject({ schedulerFlags: ['flag-1', 'flag-2'] })
      await world.ipvs.services.update(WEB, { schedulerFlags: all })
      expect(await flagsOf()).toBe(HASHED | 0x38)
      await world.ipvs.services.update(WEB, { persistence: { timeout: 9 } })
      expect(await flagsOf()).toBe(HASHED | PERSISTENT | 0x38)
      const same = { ...WEB, scheduler: 'sh', schedulerFlags: all, persistence: { timeout: 9 } }
      expect(await world.ipvs.services.ensure(same)).toBe('unchanged')
      expect(await world.ipvs.services.ensure({ ...same, schedulerFlags: [] })).toBe('changed')
      expect(await flagsOf()).toBe(HASHED | PERSISTENT)
    })

    it.runIf(can.serviceWrites && !can.schedulerFlags)('scheduler flags are refused', async () => {
      const add = world.ipvs.services.add({ ...WEB, scheduler: 'sh', schedulerFlags: ['flag-1'] })
      await expectUnsupported(add, { operation: 'services.add', about: 'tcp 192.0.2.1:80' })
      expect(await world.full.services.list()).toEqual([])
    })
  })
}

export function establishedTimeoutContract(harness: Harness): void {
  const can = harness.capabilities

  describe(`established timeout over ${harness.name}`, () => {
    const world = useWorld(harness)
    const timeoutOf = async (service: typeof WEB | { fwmark: number } = WEB) =>
      (await world.full.services.get(service))?.establishedTimeout

    it.runIf(can.serviceWrites && !can.establishedTimeout)(
      'is refused where the kernel has none',
      async () => {
        const add = world.ipvs.services.add({ ...WEB, establishedTimeout: 900 })
        await expectUnsupported(add, { operation: 'services.add', about: 'tcp 192.0.2.1:80' })
        expect(await world.full.services.list()).toEqual([])
        await world.ipvs.services.add(WEB)
        expect(await timeoutOf()).toBeUndefined()
      },
    )

    describe.runIf(can.serviceWrites && can.establishedTimeout)('where the kernel has it', () => {
      it.each([1, 255, 256, 900, 2147483])('%i s', async (establishedTimeout) => {
        await world.ipvs.services.add({ ...WEB, establishedTimeout })
        expect(await timeoutOf()).toBe(establishedTimeout)
        expect((await world.ipvs.services.list())[0]?.establishedTimeout).toBe(establishedTimeout)
      })

      it('left out, it is the timeout for tcp of that moment', async () => {
        const { tcp } = await world.ipvs.timeouts.get()
        await world.ipvs.services.add(WEB)
        expect(await timeoutOf()).toBe(tcp)
        await world.ipvs.timeouts.set({ tcp: tcp + 30 })
        expect(await timeoutOf()).toBe(tcp)
        await world.ipvs.services.add({ ...WEB, port: 81 })
        const other = await world.ipvs.services.get({ ...WEB, port: 81 })
        expect(other?.establishedTimeout).toBe(tcp + 30)
      })

      it('EST_TIMEOUT is kept by set, update and ensure (abi.md §4.3, §10.1-6)', async () => {
        await world.ipvs.services.add({ ...WEB, scheduler: 'rr', establishedTimeout: 900 })
        await world.ipvs.services.set({ ...WEB, scheduler: 'wrr' })
        expect(await timeoutOf()).toBe(900)
        await world.ipvs.services.update(WEB, { scheduler: 'lc' })
        expect(await timeoutOf()).toBe(900)
        expect(await world.ipvs.services.ensure({ ...WEB, scheduler: 'lc' })).toBe('unchanged')
        expect(await world.ipvs.services.ensure({ ...WEB, scheduler: 'sh', synproxy: true })).toBe('changed')
        expect(await timeoutOf()).toBe(900)
      })

      it('EST_TIMEOUT is changed where it is named', async () => {
        await world.ipvs.services.add({ ...WEB, establishedTimeout: 900 })
        await world.ipvs.services.set({ ...WEB, establishedTimeout: 901 })
        expect(await timeoutOf()).toBe(901)
        await world.ipvs.services.update(WEB, { establishedTimeout: 902 })
        expect(await timeoutOf()).toBe(902)
        expect(await world.ipvs.services.ensure({ ...WEB, establishedTimeout: 903 })).toBe('changed')
        expect(await timeoutOf()).toBe(903)
        expect(await world.ipvs.services.ensure({ ...WEB, establishedTimeout: 903 })).toBe('unchanged')
      })

      it('on a fwmark service', async () => {
        await world.ipvs.services.add({ fwmark: 7, establishedTimeout: 900 })
        await world.ipvs.services.set({ fwmark: 7, scheduler: 'rr' })
        expect(await timeoutOf({ fwmark: 7 })).toBe(900)
      })

      it('a UDP service has none, and none is accepted', async () => {
        await world.ipvs.services.add(DNS)
        const info = await world.ipvs.services.get(DNS)
        expect(info).toHaveProperty('establishedTimeout', undefined)
        await world.ipvs.services.set({ ...DNS, scheduler: 'rr' })
        const update = world.ipvs.services.update(DNS, { establishedTimeout: 900 })
        await expect(update).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
      })

      it('what was listed carries it to another service', async () => {
        await world.ipvs.services.add({ ...WEB, establishedTimeout: 900 })
        const [info] = await world.ipvs.services.list()
        await world.ipvs.services.remove(WEB)
        await world.ipvs.services.add(info as typeof WEB)
        expect(await timeoutOf()).toBe(900)
      })
    })
  })
}
