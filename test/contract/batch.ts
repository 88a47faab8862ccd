import { describe, expect, it } from 'vitest'
import type { BatchOutcome, ServiceInput } from '../../lib'
import { DNS, expectFailure, type Harness, NOWHERE, real, rejection, useWorld, WEB } from './harness'
import { recorded } from './recorder'

const shape = (outcome: BatchOutcome) =>
  outcome.status === 'fulfilled'
    ? [outcome.operation, outcome.value]
    : [outcome.operation, outcome.error.code]

export function batchContract(harness: Harness): void {
  const can = harness.capabilities

  describe(`batch over ${harness.name}`, () => {
    const world = useWorld(harness)

    it('nothing in it is an empty list, and nothing is sent', async () => {
      const { recorder, ipvs } = await recorded(harness)
      expect(await ipvs.batch(() => {})).toEqual([])
      expect(recorder.jobs).toEqual([])
      await ipvs.close()
    })

    it('every operation has an outcome of its own, in order, in one job', async () => {
      await world.full.services.add(WEB)
      const { recorder, ipvs } = await recorded(harness)
      const outcomes = await ipvs.batch(({ destinations }) => {
        destinations.add(WEB, real('198.51.100.1'))
        destinations.add(WEB, real('198.51.100.1'))
        destinations.add(NOWHERE, real('198.51.100.1'))
        destinations.add(WEB, { ...real('198.51.100.2'), port: 70000 })
        destinations.add(WEB, real('224.0.0.1'))
        destinations.set(WEB, { ...real('198.51.100.1'), weight: 9 })
        destinations.remove(WEB, { address: '198.51.100.9', port: 1 })
        destinations.add(WEB, real('198.51.100.3'))
      })
      expect(outcomes.map(shape)).toEqual([
        ['destinations.add', undefined],
        ['destinations.add', 'EEXIST'],
        ['destinations.add', 'ESRCH'],
        ['destinations.add', 'ERR_OUT_OF_RANGE'],
        ['destinations.add', 'EINVAL'],
        ['destinations.set', undefined],
        ['destinations.remove', 'ENOENT'],
        ['destinations.add', undefined],
      ])
      expect(recorder.jobs).toHaveLength(1)
      const left = await world.full.destinations.list(WEB)
      expect(left.map(({ address, weight }) => `${address} ${weight}`).sort()).toEqual([
        '198.51.100.1 9',
        '198.51.100.3 1',
      ])
      await ipvs.close()
    })

    it('errors in a batch are as complete as those of single calls', async () => {
      const [outcome] = await world.ipvs.batch(({ destinations }) => {
        destinations.add(NOWHERE, real('198.51.100.1'))
      })
      const error = outcome?.status === 'rejected' ? Promise.reject(outcome.error) : Promise.resolve(outcome)
      await expectFailure(error, {
        code: 'ESRCH',
        errno: -3,
        operation: 'destinations.add',
        says: 'no such service',
        about: 'tcp 192.0.2.254:9 -> 198.51.100.1:8080',
        service: NOWHERE,
      })
    })

    it.runIf(can.serviceWrites)('every method, dependent operations in order', async () => {
      const outcomes = await world.ipvs.batch((batch) => {
        batch.services.add({ ...WEB, scheduler: 'rr' })
        batch.services.ensure({ ...WEB, scheduler: 'rr' })
        batch.services.update(WEB, { scheduler: 'wrr' })
        batch.services.set({ ...WEB, scheduler: 'sh' })
        batch.destinations.add(WEB, real('198.51.100.1'))
        batch.destinations.ensure(WEB, real('198.51.100.1'))
        batch.destinations.ensure(WEB, real('198.51.100.2'))
        batch.destinations.update(WEB, real('198.51.100.1'), { weight: 2 })
        batch.destinations.set(WEB, { ...real('198.51.100.2'), weight: 3 })
        batch.services.ensure(DNS)
        batch.services.remove(DNS)
        batch.destinations.remove(WEB, real('198.51.100.2'))
        if (can.zero) batch.zero(WEB)
      })
      expect(outcomes.map(shape)).toEqual([
        ['services.add', undefined],
        ['services.ensure', 'unchanged'],
        ['services.update', undefined],
        ['services.set', undefined],
        ['destinations.add', undefined],
        ['destinations.ensure', 'unchanged'],
        ['destinations.ensure', 'added'],
        ['destinations.update', undefined],
        ['destinations.set', undefined],
        ['services.ensure', 'added'],
        ['services.remove', undefined],
        ['destinations.remove', undefined],
        ...(can.zero ? [['zero', undefined]] : []),
      ])
      const { services } = await world.ipvs.snapshot()
      expect(services).toMatchObject([
        { service: { ...WEB, scheduler: 'sh' }, destinations: [{ address: '198.51.100.1', weight: 2 }] },
      ])
    })

    it.runIf(can.localAddresses)('local addresses', async () => {
      await world.full.services.add(WEB)
      const outcomes = await world.ipvs.batch(({ localAddresses }) => {
        localAddresses.add(WEB, '10.77.1.1')
        localAddresses.ensure(WEB, '10.77.1.1')
        localAddresses.set(WEB, ['10.77.1.2', '10.77.1.3'])
        localAddresses.remove(WEB, '10.77.1.3')
        localAddresses.remove(WEB, '10.77.1.3')
      })
      expect(outcomes.map(shape)).toEqual([
        ['localAddresses.add', undefined],
        ['localAddresses.ensure', 'unchanged'],
        ['localAddresses.set', { added: ['10.77.1.2', '10.77.1.3'], removed: ['10.77.1.1'] }],
        ['localAddresses.remove', undefined],
        ['localAddresses.remove', 'ENOENT'],
      ])
      expect(await world.full.localAddresses.list(WEB)).toMatchObject([{ address: '10.77.1.2' }])
    })

    it('flush in the middle', async () => {
      await world.full.services.add(WEB)
      const outcomes = await world.ipvs.batch((batch) => {
        batch.destinations.add(WEB, real('198.51.100.1'))
        batch.flush()
        batch.destinations.add(WEB, real('198.51.100.2'))
      })
      expect(outcomes.map(shape)).toEqual([
        ['destinations.add', undefined],
        ['flush', undefined],
        ['destinations.add', 'ESRCH'],
      ])
    })

    it('what an unsupported operation says stands in its outcome', async () => {
      if (can.localAddresses) {
        const service = { ...WEB, scheduler: 'mh' }
        const [outcome] = await world.ipvs.batch(({ services }) => services.add(service))
        expect(outcome?.status === 'rejected' && outcome.error.code).toBe('ERR_IPVS_UNSUPPORTED')
      } else {
        const [outcome] = await world.ipvs.batch(({ localAddresses }) => localAddresses.add(WEB, '10.77.1.1'))
        expect(outcome?.status === 'rejected' && outcome.error.code).toBe('ERR_IPVS_UNSUPPORTED')
      }
    })

    it('rejects when build throws, and then nothing is sent', async () => {
      await world.full.services.add(WEB)
      const thrown = new Error('from build')
      const error = await rejection<Error>(
        world.ipvs.batch(({ destinations }) => {
          destinations.add(WEB, real('198.51.100.1'))
          throw thrown
        }),
      )
      expect(error).toBe(thrown)
      expect(await world.full.destinations.list(WEB)).toEqual([])
    })

    it('rejects when build is no function', async () => {
      const error = await rejection(world.ipvs.batch(undefined as unknown as () => void))
      expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    })

    it.runIf(can.serviceWrites)('one listing restored as a batch', async () => {
      const inputs: ServiceInput[] = [WEB, { ...DNS, scheduler: 'rr' }, { fwmark: 7, scheduler: 'sh' }]
      await world.full.batch(({ services }) => {
        for (const input of inputs) services.add(input)
      })
      const before = await world.ipvs.services.list()
      await world.full.flush()
      const outcomes = await world.ipvs.batch(({ services }) => {
        for (const info of before) services.add(info)
      })
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
      const text = (list: typeof before) => list.map((info) => JSON.stringify(info, replacer)).sort()
      expect(text(await world.ipvs.services.list())).toEqual(text(before))
    })
  })
}

const replacer = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
