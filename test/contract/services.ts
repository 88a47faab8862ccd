import { describe, expect, it } from 'vitest'
import type { ServiceInfo } from '../../lib'
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
import { Rival, recorded } from './recorder'

const keyOf = ({ protocol, address, port }: ServiceInfo) => `${protocol} ${address} ${port}`

export function servicesContract(harness: Harness): void {
  const can = harness.capabilities
  const itWrites = it.runIf(can.serviceWrites)

  describe(`services over ${harness.name}`, () => {
    const world = useWorld(harness)
    const missing = { code: 'ESRCH', errno: -3, says: 'no such service', about: 'tcp 192.0.2.254:9' }

    it('an empty table is an empty list', async () => {
      expect(await world.ipvs.services.list()).toEqual([])
      expect(await collect(world.ipvs.services.iterate())).toEqual([])
    })

    itWrites('add makes a service with the documented defaults', async () => {
      expect(await world.ipvs.services.add(WEB)).toBeUndefined()
      const info = await world.ipvs.services.get(WEB)
      expect(info).toMatchObject({
        ...WEB,
        family: 'ipv4',
        scheduler: 'wlc',
        schedulerFlags: [],
        persistence: undefined,
        onePacket: false,
        synproxy: false,
      })
      expect(info?.fwmark).toBeUndefined()
      expect(await world.full.services.get(WEB)).toMatchObject({ ...WEB, scheduler: 'wlc' })
    })

    it('get, list and iterate agree', async () => {
      await world.full.services.add({ ...WEB, scheduler: 'rr' })
      await world.full.services.add({ ...DNS, scheduler: 'wrr' })
      const list = await world.ipvs.services.list()
      expect(list.map(keyOf).sort()).toEqual(['tcp 192.0.2.1 80', 'udp 192.0.2.1 53'])
      expect(await collect(world.ipvs.services.iterate())).toEqual(list)
      expect(await world.ipvs.services.get(WEB)).toEqual(list.find(({ protocol }) => protocol === 'tcp'))
      expect(await world.ipvs.services.get(DNS)).toEqual(list.find(({ protocol }) => protocol === 'udp'))
    })

    it('counters are bigint and 0, rates are there where the kernel has them', async () => {
      await world.full.services.add(WEB)
      const info = await world.ipvs.services.get(WEB)
      const zero = { connections: 0n, inPackets: 0n, outPackets: 0n, inBytes: 0n, outBytes: 0n }
      expect(info?.stats).toEqual({ ...zero, rates: can.rates ? zero : undefined })
    })

    it('get of a missing service is undefined', async () => {
      expect(await world.ipvs.services.get(NOWHERE)).toBeUndefined()
    })

    itWrites('EEXIST: add of a service that is there', async () => {
      await world.ipvs.services.add(WEB)
      await expectFailure(world.ipvs.services.add({ ...WEB, scheduler: 'rr' }), {
        code: 'EEXIST',
        errno: -17,
        operation: 'services.add',
        says: 'service already exists',
        about: 'tcp 192.0.2.1:80',
        service: WEB,
        sent: true,
      })
      expect(await world.ipvs.services.get(WEB)).toMatchObject({ scheduler: 'wlc' })
    })

    itWrites('ESRCH: set of a missing service', async () => {
      const wanted = { ...missing, operation: 'services.set', service: NOWHERE }
      await expectFailure(world.ipvs.services.set(NOWHERE), wanted)
    })

    itWrites('ESRCH: update of a missing service', async () => {
      const wanted = { ...missing, operation: 'services.update', service: NOWHERE }
      await expectFailure(world.ipvs.services.update(NOWHERE, { scheduler: 'rr' }), wanted)
    })

    it('ESRCH: remove of a missing service', async () => {
      const wanted = { ...missing, operation: 'services.remove', service: NOWHERE }
      await expectFailure(world.ipvs.services.remove(NOWHERE), wanted)
    })

    itWrites('ENOENT: a scheduler that the kernel does not have, on add, set and ensure', async () => {
      const wanted = {
        code: 'ENOENT',
        errno: -2,
        says: 'no such scheduler or persistence engine',
        about: 'tcp 192.0.2.1:80',
      }
      const unknown = { ...WEB, scheduler: 'nosuch' }
      await expectFailure(world.ipvs.services.add(unknown), { ...wanted, operation: 'services.add' })
      await expectFailure(world.ipvs.services.ensure(unknown), { ...wanted, operation: 'services.ensure' })
      expect(await world.ipvs.services.list()).toEqual([])
      await world.ipvs.services.add({ ...WEB, scheduler: 'rr' })
      await expectFailure(world.ipvs.services.set(unknown), { ...wanted, operation: 'services.set' })
      expect(await world.ipvs.services.get(WEB)).toMatchObject({ scheduler: 'rr' })
    })

    describe.runIf(can.serviceWrites)('schedulers', () => {
      it.each(harness.schedulers)('%s can be added and set', async (scheduler) => {
        await world.ipvs.services.add({ ...WEB, scheduler })
        expect(await world.full.services.get(WEB)).toMatchObject({ scheduler })
        const other = scheduler === 'rr' ? 'wrr' : 'rr'
        await world.ipvs.services.set({ ...WEB, scheduler: other })
        await world.ipvs.services.set({ ...WEB, scheduler })
        expect(await world.full.services.get(WEB)).toMatchObject({ scheduler })
      })
    })

    it('capabilities name every scheduler of the kernel', () => {
      expect(harness.schedulers.length).toBeGreaterThanOrEqual(10)
      expect(can.schedulers).toEqual(expect.arrayContaining([...harness.schedulers]))
    })

    itWrites('set replaces the configuration, what is left out takes its default', async () => {
      await world.ipvs.services.add({ ...WEB, scheduler: 'rr', persistence: { timeout: 60 } })
      expect(await world.ipvs.services.set({ ...WEB, scheduler: 'wrr' })).toBeUndefined()
      expect(await world.ipvs.services.get(WEB)).toMatchObject({ scheduler: 'wrr', persistence: undefined })
      await world.ipvs.services.set(WEB)
      expect(await world.ipvs.services.get(WEB)).toMatchObject({ scheduler: 'wlc' })
    })

    itWrites('update changes the named properties and leaves the others', async () => {
      await world.ipvs.services.add({ ...WEB, scheduler: 'rr', persistence: { timeout: 60 } })
      expect(await world.ipvs.services.update(WEB, { scheduler: 'sh' })).toBeUndefined()
      expect(await world.ipvs.services.get(WEB)).toMatchObject({
        scheduler: 'sh',
        persistence: { timeout: 60, netmask: '255.255.255.255' },
      })
      // Not named, so it stays.
      await world.ipvs.services.update(WEB, { persistence: undefined })
      expect(await world.ipvs.services.get(WEB)).toMatchObject({ persistence: { timeout: 60 } })
      await world.ipvs.services.update(WEB, { persistence: null })
      expect(await world.ipvs.services.get(WEB)).toMatchObject({ scheduler: 'sh', persistence: undefined })
    })

    itWrites('set and update keep the destinations', async () => {
      await world.ipvs.services.add(WEB)
      await world.full.destinations.add(WEB, real('198.51.100.1'))
      await world.ipvs.services.set({ ...WEB, scheduler: 'rr' })
      await world.ipvs.services.update(WEB, { scheduler: 'sed' })
      expect(await world.full.destinations.list(WEB)).toHaveLength(1)
    })

    itWrites('ensure adds, changes, and sends nothing for what is equal', async () => {
      const { recorder, ipvs } = await recorded(harness)
      const wanted = { ...WEB, scheduler: 'wrr', persistence: { timeout: 300 } }
      recorder.clear()
      expect(await ipvs.services.ensure(wanted)).toBe('added')
      expect(recorder.writes).toEqual(['serviceAdd'])
      recorder.clear()
      expect(await ipvs.services.ensure(wanted)).toBe('unchanged')
      expect(recorder.operations).toEqual(['serviceGet'])
      recorder.clear()
      expect(await ipvs.services.ensure({ ...wanted, scheduler: 'rr' })).toBe('changed')
      expect(recorder.writes).toEqual(['serviceSet'])
      expect(await ipvs.services.get(WEB)).toMatchObject({ scheduler: 'rr', persistence: { timeout: 300 } })
      await ipvs.close()
    })

    itWrites('ensure looks again when another program was faster', async () => {
      const rival = new Rival()
      const ipvs = await harness.open({ wrap: rival.wrap })
      const { services } = world.full
      rival.before('serviceAdd', () => services.add({ ...WEB, scheduler: 'rr' }))
      expect(await ipvs.services.ensure({ ...WEB, scheduler: 'rr' })).toBe('unchanged')
      rival.before('serviceSet', () => services.remove(WEB))
      expect(await ipvs.services.ensure({ ...WEB, scheduler: 'wrr' })).toBe('added')
      await services.remove(WEB)
      rival.before('serviceAdd', () => services.add({ ...WEB, scheduler: 'rr' }))
      expect(await ipvs.services.ensure({ ...WEB, scheduler: 'wrr' })).toBe('changed')
      expect(await services.list()).toMatchObject([{ scheduler: 'wrr' }])
      await ipvs.close()
    })

    itWrites('ensure of what was listed is unchanged', async () => {
      await world.ipvs.services.add({ ...WEB, scheduler: 'lc', persistence: { timeout: 5 } })
      for (const info of await world.ipvs.services.list()) {
        expect(await world.ipvs.services.ensure(info)).toBe('unchanged')
      }
    })

    it('remove takes the service away with its destinations', async () => {
      await world.full.services.add(WEB)
      await world.full.services.add(DNS)
      await world.full.destinations.add(WEB, real('198.51.100.1'))
      expect(await world.ipvs.services.remove(WEB)).toBeUndefined()
      expect((await world.full.services.list()).map(keyOf)).toEqual(['udp 192.0.2.1 53'])
      await world.full.services.add(WEB)
      expect(await world.full.destinations.list(WEB)).toEqual([])
    })

    it('identity is protocol, address and port', async () => {
      const neighbours = [
        WEB,
        { ...WEB, protocol: 'udp' },
        { ...WEB, port: 81 },
        { ...WEB, address: '192.0.2.2' },
      ] as const
      for (const service of neighbours) await world.full.services.add(service)
      await world.ipvs.services.remove(WEB)
      const left = (await world.ipvs.services.list()).map(keyOf).sort()
      expect(left).toEqual(['tcp 192.0.2.1 81', 'tcp 192.0.2.2 80', 'udp 192.0.2.1 80'])
    })

    it('the listed service is a key and an input', async () => {
      await world.full.services.add({ ...WEB, scheduler: 'sed' })
      const [info] = await world.ipvs.services.list()
      await world.ipvs.services.remove(info as ServiceInfo)
      expect(await world.ipvs.services.list()).toEqual([])
      await world.full.services.add(info as ServiceInfo)
      expect(await world.ipvs.services.get(WEB)).toMatchObject({ scheduler: 'sed' })
    })

    it('port 0 and port 65535', async () => {
      await world.full.services.add({ ...WEB, port: 0, persistence: { timeout: 10 } })
      await world.full.services.add({ ...WEB, port: 65535 })
      const ports = (await world.ipvs.services.list()).map(({ port }) => port)
      expect(ports.sort()).toEqual([0, 65535])
      expect(await world.ipvs.services.get({ ...WEB, port: 0 })).toMatchObject({ port: 0 })
    })

    it('1,000 services come complete through list and iterate', async () => {
      const added = await world.full.batch(({ services }) => {
        for (let i = 0; i < 1000; i++) {
          services.add({ protocol: 'tcp', address: `192.0.${2 + (i >> 8)}.${i & 255}`, port: 80 })
        }
      })
      expect(added.filter(({ status }) => status !== 'fulfilled')).toEqual([])
      const list = await world.ipvs.services.list()
      expect(new Set(list.map(keyOf)).size).toBe(1000)
      expect(list).toHaveLength(1000)
      expect(await collect(world.ipvs.services.iterate())).toEqual(list)
    })

    it('an iteration can be left early, and the client goes on', async () => {
      await world.full.services.add(WEB)
      await world.full.services.add(DNS)
      for await (const info of world.ipvs.services.iterate()) {
        expect(info.address).toBe('192.0.2.1')
        break
      }
      expect(await world.ipvs.services.list()).toHaveLength(2)
    })

    it.runIf(can.serviceWrites && can.sctp)('SCTP', async () => {
      const service = { protocol: 'sctp', address: '192.0.2.1', port: 80 } as const
      await world.ipvs.services.add(service)
      expect(await world.ipvs.services.list()).toMatchObject([service])
      await world.ipvs.services.remove(service)
      expect(await world.ipvs.services.list()).toEqual([])
    })

    it.runIf(!can.serviceWrites)('add, set, update and ensure are refused, and nothing changes', async () => {
      await world.full.services.add({ ...WEB, scheduler: 'rr' })
      const before = await world.full.snapshot()
      const about = 'tcp 192.0.2.1:80'
      const { services } = world.ipvs
      await expectUnsupported(services.add(WEB), { operation: 'services.add', about, service: WEB })
      await expectUnsupported(services.set(WEB), { operation: 'services.set', about, service: WEB })
      await expectUnsupported(services.ensure(WEB), { operation: 'services.ensure', about, service: WEB })
      const update = services.update(WEB, { scheduler: 'wrr' })
      await expectUnsupported(update, { operation: 'services.update', about, service: WEB })
      expect(await world.full.snapshot()).toEqual(before)
    })
  })
}
