import { describe, expect, it } from 'vitest'
import {
  collect,
  expectFailure,
  expectUnsupported,
  type Harness,
  NOWHERE,
  real,
  useWorld,
  WEB,
} from './harness'
import { Rival, recorded } from './recorder'

const L1 = '10.77.1.1'
const L2 = '10.77.1.2'
const L3 = '10.77.1.3'
const ABOUT = `tcp 192.0.2.1:80 via ${L1}`

function withoutLocalAddresses(harness: Harness): void {
  describe(`local addresses over ${harness.name}`, () => {
    const world = useWorld(harness)

    it('every operation is refused: this kernel has none', async () => {
      await world.full.services.add(WEB)
      const { localAddresses } = world.ipvs
      const service = 'tcp 192.0.2.1:80'
      const calls = [
        ['list', () => localAddresses.list(WEB), service],
        ['iterate', () => collect(localAddresses.iterate(WEB)), service],
        ['get', () => localAddresses.get(WEB, L1), ABOUT],
        ['add', () => localAddresses.add(WEB, L1), ABOUT],
        ['set', () => localAddresses.set(WEB, [L1]), service],
        ['ensure', () => localAddresses.ensure(WEB, L1), ABOUT],
        ['remove', () => localAddresses.remove(WEB, L1), ABOUT],
        ['coverage', () => localAddresses.coverage(WEB), service],
      ] as const
      for (const [name, call, about] of calls) {
        await expectUnsupported(call(), {
          operation: `localAddresses.${name}`,
          about,
          says: 'this kernel has no local addresses',
          service: WEB,
        })
      }
    })
  })
}

export function localAddressesContract(harness: Harness): void {
  if (!harness.capabilities.localAddresses) {
    withoutLocalAddresses(harness)
    return
  }

  describe(`local addresses over ${harness.name}`, () => {
    const world = useWorld(harness)
    const addresses = async () =>
      (await world.ipvs.localAddresses.list(WEB)).map(({ address }) => address).sort()

    it('a service without local addresses has an empty list', async () => {
      await world.full.services.add(WEB)
      expect(await world.ipvs.localAddresses.list(WEB)).toEqual([])
      expect(await collect(world.ipvs.localAddresses.iterate(WEB))).toEqual([])
    })

    it('add, list, iterate and get', async () => {
      await world.full.services.add(WEB)
      expect(await world.ipvs.localAddresses.add(WEB, L1)).toBeUndefined()
      await world.ipvs.localAddresses.add(WEB, L2)
      const list = await world.ipvs.localAddresses.list(WEB)
      const fresh = { portConflicts: 0n, connections: 0 }
      expect([...list].sort((one, other) => one.address.localeCompare(other.address))).toEqual([
        { address: L1, ...fresh },
        { address: L2, ...fresh },
      ])
      expect(await collect(world.ipvs.localAddresses.iterate(WEB))).toEqual(list)
      expect(await world.ipvs.localAddresses.get(WEB, L2)).toEqual({ address: L2, ...fresh })
      expect(await world.full.localAddresses.list(WEB)).toEqual(list)
    })

    it('get is undefined for a missing address and for a missing service', async () => {
      await world.full.services.add(WEB)
      expect(await world.ipvs.localAddresses.get(WEB, L1)).toBeUndefined()
      expect(await world.ipvs.localAddresses.get(NOWHERE, L1)).toBeUndefined()
    })

    it('EEXIST: add of an address that the service has', async () => {
      await world.full.services.add(WEB)
      await world.ipvs.localAddresses.add(WEB, L1)
      await expectFailure(world.ipvs.localAddresses.add(WEB, L1), {
        code: 'EEXIST',
        errno: -17,
        operation: 'localAddresses.add',
        says: 'the service already has this local address',
        about: ABOUT,
        service: WEB,
        localAddress: L1,
        sent: true,
      })
      expect(await addresses()).toEqual([L1])
    })

    it('ENOENT: remove of an address that the service does not have', async () => {
      await world.full.services.add(WEB)
      await expectFailure(world.ipvs.localAddresses.remove(WEB, L1), {
        code: 'ENOENT',
        errno: -2,
        operation: 'localAddresses.remove',
        says: 'the service has no such local address',
        about: ABOUT,
        service: WEB,
        localAddress: L1,
      })
    })

    it('ESRCH: every operation on a missing service', async () => {
      const { localAddresses } = world.ipvs
      const wanted = { code: 'ESRCH', errno: -3, says: 'no such service', service: NOWHERE }
      const one = { ...wanted, about: `tcp 192.0.2.254:9 via ${L1}`, localAddress: L1 }
      await expectFailure(localAddresses.add(NOWHERE, L1), { ...one, operation: 'localAddresses.add' })
      await expectFailure(localAddresses.remove(NOWHERE, L1), { ...one, operation: 'localAddresses.remove' })
      await expectFailure(localAddresses.ensure(NOWHERE, L1), { ...one, operation: 'localAddresses.ensure' })
      const all = { ...wanted, about: 'tcp 192.0.2.254:9' }
      await expectFailure(localAddresses.list(NOWHERE), { ...all, operation: 'localAddresses.list' })
      await expectFailure(localAddresses.set(NOWHERE, [L1]), { ...all, operation: 'localAddresses.set' })
      await expectFailure(localAddresses.coverage(NOWHERE), { ...all, operation: 'localAddresses.coverage' })
      const iterate = collect(localAddresses.iterate(NOWHERE))
      await expectFailure(iterate, { ...all, operation: 'localAddresses.iterate' })
    })

    it('ensure of what another program has just added is unchanged', async () => {
      await world.full.services.add(WEB)
      const rival = new Rival()
      const ipvs = await harness.open({ wrap: rival.wrap })
      rival.before('localAddressAdd', () => world.full.localAddresses.add(WEB, L1))
      expect(await ipvs.localAddresses.ensure(WEB, L1)).toBe('unchanged')
      expect(rival.times).toBe(0)
      await ipvs.close()
    })

    it('ensures and gets of one service read its list once', async () => {
      await world.full.services.add(WEB)
      const { recorder, ipvs } = await recorded(harness)
      const wanted = Array.from({ length: 40 }, (_, i) => `10.77.2.${i + 1}`)
      recorder.clear()
      const ensured = await Promise.all(wanted.map((address) => ipvs.localAddresses.ensure(WEB, address)))
      expect(new Set(ensured)).toEqual(new Set(['added']))
      expect(recorder.operations).toEqual(['localAddressList', ...wanted.map(() => 'localAddressAdd')])
      recorder.clear()
      const found = await Promise.all(wanted.map((address) => ipvs.localAddresses.get(WEB, address)))
      expect(found.map((info) => info?.address)).toEqual(wanted)
      expect(recorder.operations).toEqual(['localAddressList'])
      await ipvs.close()
    })

    it('ensure adds once, and sends nothing for what is there', async () => {
      await world.full.services.add(WEB)
      const { recorder, ipvs } = await recorded(harness)
      expect(await ipvs.localAddresses.ensure(WEB, L1)).toBe('added')
      expect(recorder.writes).toEqual(['localAddressAdd'])
      recorder.clear()
      expect(await ipvs.localAddresses.ensure(WEB, L1)).toBe('unchanged')
      expect(recorder.operations).toEqual(['localAddressList'])
      await ipvs.close()
    })

    it('set is a set difference: what stays is not touched', async () => {
      await world.full.services.add(WEB)
      const { recorder, ipvs } = await recorded(harness)
      expect(await ipvs.localAddresses.set(WEB, [L1, L2])).toEqual({ added: [L1, L2], removed: [] })
      recorder.clear()
      expect(await ipvs.localAddresses.set(WEB, [L2, L3])).toEqual({ added: [L3], removed: [L1] })
      // What is new comes first, so that the service is never without an address.
      expect(recorder.operations).toEqual(['localAddressList', 'localAddressAdd', 'localAddressRemove'])
      expect(await addresses()).toEqual([L2, L3])
      recorder.clear()
      expect(await ipvs.localAddresses.set(WEB, [L3, L2])).toEqual({ added: [], removed: [] })
      expect(recorder.operations).toEqual(['localAddressList'])
      expect(await ipvs.localAddresses.set(WEB, [])).toEqual({ added: [], removed: [L2, L3] })
      expect(await addresses()).toEqual([])
      await ipvs.close()
    })

    it('remove takes one address away', async () => {
      await world.full.services.add(WEB)
      await world.ipvs.localAddresses.set(WEB, [L1, L2, L3])
      expect(await world.ipvs.localAddresses.remove(WEB, L2)).toBeUndefined()
      expect(await addresses()).toEqual([L1, L3])
    })

    it('the same address in two services is two local addresses', async () => {
      const other = { ...WEB, port: 81 }
      await world.full.services.add(WEB)
      await world.full.services.add(other)
      await world.ipvs.localAddresses.add(WEB, L1)
      await world.ipvs.localAddresses.add(other, L1)
      await world.ipvs.localAddresses.remove(WEB, L1)
      expect(await world.ipvs.localAddresses.list(WEB)).toEqual([])
      expect(await world.ipvs.localAddresses.list(other)).toMatchObject([{ address: L1 }])
    })

    it('they stay when the service is set and go when it is removed', async () => {
      await world.full.services.add(WEB)
      await world.ipvs.localAddresses.add(WEB, L1)
      await world.full.services.set({ ...WEB, scheduler: 'rr' })
      expect(await addresses()).toEqual([L1])
      await world.full.services.remove(WEB)
      await world.full.services.add(WEB)
      expect(await addresses()).toEqual([])
    })

    it('254 addresses of one service come complete', async () => {
      await world.full.services.add(WEB)
      const wanted = Array.from({ length: 254 }, (_, i) => `10.77.2.${i + 1}`)
      const { added } = await world.ipvs.localAddresses.set(WEB, wanted)
      expect(added).toEqual(wanted)
      expect(await addresses()).toEqual([...wanted].sort())
      expect(await collect(world.ipvs.localAddresses.iterate(WEB))).toHaveLength(254)
    })

    it('coverage says which CPUs have one', async () => {
      await world.full.services.add(WEB)
      const cpus = can.perCpuLocalAddresses ? harness.cpus : 1
      const all = Array.from({ length: cpus }, (_, cpu) => cpu)
      const none = all.map((cpu) => ({ cpu, addresses: [] }))
      expect(await world.ipvs.localAddresses.coverage(WEB)).toEqual({
        cpus: none,
        uncovered: all,
        uncertain: [],
      })
      await world.ipvs.localAddresses.set(
        WEB,
        all.map((cpu) => `10.77.3.${cpus * 4 + cpu}`),
      )
      expect(await world.ipvs.localAddresses.coverage(WEB)).toEqual({
        cpus: all.map((cpu) => ({ cpu, addresses: [`10.77.3.${cpus * 4 + cpu}`] })),
        uncovered: [],
        // The kernel does not tell where they live, and where there are several CPUs another reserve_core could have put them
        // all elsewhere.
        uncertain: cpus === 1 ? [] : all,
      })
    })

    it('snapshot has them with their service', async () => {
      const other = { ...WEB, port: 81 }
      await world.full.services.add(WEB)
      await world.full.services.add(other)
      await world.full.destinations.add(WEB, real('198.51.100.1'))
      await world.ipvs.localAddresses.add(WEB, L1)
      const { services } = await world.ipvs.snapshot()
      const found = services.find(({ service }) => service.port === 80)
      expect(found?.localAddresses).toEqual([{ address: L1, portConflicts: 0n, connections: 0 }])
      expect(services.find(({ service }) => service.port === 81)?.localAddresses).toEqual([])
    })
  })

  const can = harness.capabilities
}
