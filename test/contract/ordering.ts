// Calls are executed in the order in which they were made, those of one tick in one job.

import { describe, expect, it } from 'vitest'
import { expectFailure, type Harness, real, useWorld, WEB } from './harness'
import { recorded } from './recorder'

const A = real('198.51.100.1')

export function orderingContract(harness: Harness): void {
  const can = harness.capabilities
  const itWrites = it.runIf(can.serviceWrites)

  describe(`order over ${harness.name}`, () => {
    const world = useWorld(harness)

    it('calls of one tick share one job', async () => {
      await world.full.services.add(WEB)
      const { recorder, ipvs } = await recorded(harness)
      await Promise.all([
        ipvs.destinations.add(WEB, A),
        ipvs.destinations.add(WEB, real('198.51.100.2')),
        ipvs.destinations.remove(WEB, A),
        ipvs.destinations.list(WEB),
      ])
      expect(recorder.jobs.map((job) => job.map(({ operation }) => operation))).toEqual([
        ['destinationAdd', 'destinationAdd', 'destinationRemove', 'destinationList'],
      ])
      await ipvs.close()
    })

    it('calls made by a promise that has just resolved share a job, too', async () => {
      await world.full.services.add(WEB)
      const { recorder, ipvs } = await recorded(harness)
      const later = async (port: number) => {
        await Promise.resolve()
        await ipvs.destinations.add(WEB, real('198.51.100.1', port))
      }
      await Promise.all([later(1), later(2), later(3)])
      expect(recorder.jobs).toHaveLength(1)
      await ipvs.close()
    })

    it('1,000 concurrent callers all get their own answer, in a few jobs', async () => {
      await world.full.services.add(WEB)
      const { recorder, ipvs } = await recorded(harness)
      const port = (i: number) => 1000 + Math.floor(i / 2)
      const settled = await Promise.allSettled(
        // Every second one meets what the one before it has added.
        Array.from({ length: 1000 }, (_, i) => ipvs.destinations.add(WEB, real('198.51.100.1', port(i)))),
      )
      const codes = settled.map((one) => (one.status === 'rejected' ? one.reason.code : 'done'))
      expect(codes).toEqual(Array.from({ length: 1000 }, (_, i) => (i % 2 === 0 ? 'done' : 'EEXIST')))
      settled.forEach((one, i) => {
        if (one.status === 'rejected') expect(one.reason.destination.port).toBe(port(i))
      })
      expect(recorder.jobs.length).toBeLessThanOrEqual(2)
      const ports = (await ipvs.destinations.list(WEB)).map((info) => info.port)
      expect(new Set(ports).size).toBe(500)
      await ipvs.close()
    })

    it('thousands of calls, in jobs of which several are on their way at a time', async () => {
      await world.full.services.add(WEB)
      const { recorder, ipvs } = await recorded(harness)
      await ipvs.destinations.add(WEB, A)
      // The last one counts, and what fails between them names the right one.
      const calls = Array.from({ length: 3500 }, (_, weight) =>
        weight % 700 === 699
          ? ipvs.destinations.set(WEB, { ...real('198.51.100.2', weight), weight }).catch((error) => error)
          : ipvs.destinations.set(WEB, { ...A, weight }),
      )
      const list = ipvs.destinations.list(WEB)
      const failed = (await Promise.all(calls)).filter((one) => one !== undefined)
      expect(failed.map(({ code, destination }) => [code, destination.port])).toEqual(
        [699, 1399, 2099, 2799, 3499].map((port) => ['ENOENT', port]),
      )
      expect((await list).map(({ weight }) => weight)).toEqual([3498])
      const outcomes = await ipvs.batch((b) => {
        for (let weight = 0; weight < 2500; weight++) b.destinations.set(WEB, { ...A, weight })
        b.destinations.remove(WEB, A)
        b.destinations.ensure(WEB, { ...A, weight: 7 })
      })
      expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([])
      expect(outcomes[outcomes.length - 1]).toMatchObject({ value: 'added' })
      expect((await ipvs.destinations.list(WEB)).map(({ weight }) => weight)).toEqual([7])
      expect(Math.max(...recorder.jobs.map((job) => job.length))).toBe(1000)
      await ipvs.close()
    })

    it('add, then remove', async () => {
      await world.full.services.add(WEB)
      const { destinations } = world.ipvs
      await Promise.all([destinations.add(WEB, A), destinations.remove(WEB, A)])
      expect(await destinations.list(WEB)).toEqual([])
    })

    it('remove, then add', async () => {
      await world.full.services.add(WEB)
      const { destinations } = world.ipvs
      await destinations.add(WEB, A)
      await Promise.all([destinations.remove(WEB, A), destinations.add(WEB, { ...A, weight: 5 })])
      expect(await destinations.list(WEB)).toMatchObject([{ weight: 5 }])
    })

    it('ensure, then remove', async () => {
      await world.full.services.add(WEB)
      const { destinations } = world.ipvs
      const [ensured] = await Promise.all([destinations.ensure(WEB, A), destinations.remove(WEB, A)])
      expect(ensured).toBe('added')
      expect(await destinations.list(WEB)).toEqual([])
    })

    it('update, then set', async () => {
      await world.full.services.add(WEB)
      const { destinations } = world.ipvs
      await destinations.add(WEB, { ...A, weight: 5, upperThreshold: 9 })
      await Promise.all([
        destinations.update(WEB, A, { weight: 6 }),
        destinations.set(WEB, { ...A, weight: 7 }),
      ])
      expect(await destinations.list(WEB)).toMatchObject([{ weight: 7, upperThreshold: 0 }])
    })

    it('set, then update', async () => {
      await world.full.services.add(WEB)
      const { destinations } = world.ipvs
      await destinations.add(WEB, A)
      await Promise.all([
        destinations.set(WEB, { ...A, weight: 7, upperThreshold: 9 }),
        destinations.update(WEB, A, { weight: 6 }),
      ])
      expect(await destinations.list(WEB)).toMatchObject([{ weight: 6, upperThreshold: 9 }])
    })

    it('two updates of one destination both count', async () => {
      await world.full.services.add(WEB)
      const { destinations } = world.ipvs
      await destinations.add(WEB, A)
      await Promise.all([
        destinations.update(WEB, A, { weight: 6 }),
        destinations.update(WEB, A, { upperThreshold: 9 }),
        destinations.update(WEB, A, { lowerThreshold: 4 }),
      ])
      expect(await destinations.list(WEB)).toMatchObject([
        { weight: 6, upperThreshold: 9, lowerThreshold: 4 },
      ])
    })

    it('two ensures of one destination: added and unchanged', async () => {
      await world.full.services.add(WEB)
      const { destinations } = world.ipvs
      const ensured = await Promise.all([
        destinations.ensure(WEB, A),
        destinations.ensure(WEB, A),
        destinations.ensure(WEB, { ...A, weight: 2 }),
      ])
      expect(ensured).toEqual(['added', 'unchanged', 'changed'])
    })

    it('ensures of different destinations share two jobs: one to read, one to write', async () => {
      await world.full.services.add(WEB)
      const { recorder, ipvs } = await recorded(harness)
      const ensured = await Promise.all(
        Array.from({ length: 50 }, (_, i) => ipvs.destinations.ensure(WEB, real('198.51.100.1', 1 + i))),
      )
      expect(new Set(ensured)).toEqual(new Set(['added']))
      expect(recorder.jobs).toHaveLength(2)
      await ipvs.close()
    })

    it('calls that look into the same list read it once', async () => {
      await world.full.services.add(WEB)
      const inputs = Array.from({ length: 300 }, (_, i) => real('198.51.100.1', 1 + i))
      await world.full.batch((b) => {
        for (const input of inputs.slice(1)) b.destinations.add(WEB, input)
      })
      const { recorder, ipvs } = await recorded(harness)
      const jobsOf = async <T>(call: (input: (typeof inputs)[0]) => Promise<T>) => {
        recorder.clear()
        const results = await Promise.all(inputs.map(call))
        const count = (name: string) => recorder.operations.filter((one) => one === name).length
        const reads = count('destinationList')
        return { results, reads, writes: recorder.writes.length, jobs: recorder.jobs.length }
      }
      const ensured = await jobsOf((input) => ipvs.destinations.ensure(WEB, input))
      expect(ensured).toMatchObject({ reads: 1, writes: 1, jobs: 2 })
      expect(ensured.results).toEqual(inputs.map((_, i) => (i === 0 ? 'added' : 'unchanged')))
      const updated = await jobsOf((input) => ipvs.destinations.update(WEB, input, { weight: input.port }))
      expect(updated).toMatchObject({ reads: 1, writes: 300, jobs: 2 })
      const got = await jobsOf((input) => ipvs.destinations.get(WEB, input))
      expect(got).toMatchObject({ reads: 1, writes: 0, jobs: 1 })
      expect(got.results.map((info) => [info?.port, info?.weight])).toEqual(
        inputs.map(({ port }) => [port, port]),
      )
      await ipvs.close()
    })

    it('a list is read anew behind a change', async () => {
      await world.full.services.add(WEB)
      const { destinations } = world.ipvs
      const [before, , between, , after] = await Promise.all([
        destinations.get(WEB, A),
        destinations.add(WEB, A),
        destinations.get(WEB, A),
        destinations.remove(WEB, A),
        destinations.get(WEB, A),
      ])
      expect([before, between, after]).toMatchObject([undefined, { address: A.address }, undefined])
    })

    it('an operation behind an ensure sees what it did', async () => {
      await world.full.services.add(WEB)
      const { destinations } = world.ipvs
      const [, list, added] = await Promise.allSettled([
        destinations.ensure(WEB, A),
        destinations.list(WEB),
        destinations.add(WEB, A),
      ])
      expect(list).toMatchObject({ status: 'fulfilled', value: [{ address: A.address }] })
      expect(added).toMatchObject({ status: 'rejected', reason: { code: 'EEXIST' } })
    })

    it('a failed call does not hold up or fail those behind it', async () => {
      await world.full.services.add(WEB)
      const { destinations } = world.ipvs
      const settled = await Promise.allSettled([
        destinations.remove(WEB, A),
        destinations.update(WEB, A, { weight: 2 }),
        destinations.add(WEB, A),
        destinations.update(WEB, A, { weight: 3 }),
      ])
      expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'fulfilled'])
      expect(await destinations.list(WEB)).toMatchObject([{ weight: 3 }])
    })

    it('flush stands where it was called', async () => {
      await world.full.services.add(WEB)
      const { destinations } = world.ipvs
      const failing = expectFailure(
        (async () => {
          const [first, , last] = [destinations.add(WEB, A), world.ipvs.flush(), destinations.add(WEB, A)]
          await first
          await last
        })(),
        { code: 'ESRCH', operation: 'destinations.add', about: 'tcp 192.0.2.1:80 -> 198.51.100.1:8080' },
      )
      await failing
      expect(await world.full.services.list()).toEqual([])
    })

    itWrites('services: add, update, set, ensure and remove without awaiting', async () => {
      const { services } = world.ipvs
      const results = await Promise.all([
        services.add({ ...WEB, scheduler: 'rr' }),
        services.update(WEB, { persistence: { timeout: 60 } }),
        services.get(WEB),
        services.set({ ...WEB, scheduler: 'wrr' }),
        services.get(WEB),
        services.ensure({ ...WEB, scheduler: 'wrr' }),
        services.remove(WEB),
        services.get(WEB),
        services.ensure({ ...WEB, scheduler: 'sh' }),
        services.list(),
      ])
      expect(results[2]).toMatchObject({ scheduler: 'rr', persistence: { timeout: 60 } })
      expect(results[4]).toMatchObject({ scheduler: 'wrr', persistence: undefined })
      expect(results[5]).toBe('unchanged')
      expect(results[7]).toBeUndefined()
      expect(results[8]).toBe('added')
      expect(results[9]).toMatchObject([{ scheduler: 'sh' }])
    })

    it.runIf(can.localAddresses)('the last of two sets of local addresses counts', async () => {
      await world.full.services.add(WEB)
      const { localAddresses } = world.ipvs
      const changes = await Promise.all([
        localAddresses.set(WEB, ['10.77.1.1', '10.77.1.2']),
        localAddresses.set(WEB, ['10.77.1.2', '10.77.1.3']),
        localAddresses.ensure(WEB, '10.77.1.3'),
      ])
      expect(changes).toEqual([
        { added: ['10.77.1.1', '10.77.1.2'], removed: [] },
        { added: ['10.77.1.3'], removed: ['10.77.1.1'] },
        'unchanged',
      ])
    })

    it('many calls while others are under way keep their order', async () => {
      await world.full.services.add(WEB)
      const { destinations } = world.ipvs
      await destinations.add(WEB, A)
      const done: number[] = []
      const calls: Promise<unknown>[] = []
      for (let i = 1; i <= 60; i++) {
        const call =
          i % 3 === 0
            ? destinations.update(WEB, A, { weight: i })
            : destinations.set(WEB, { ...A, weight: i })
        calls.push(call.then(() => done.push(i)))
        if (i % 7 === 0) await calls[i - 4]
      }
      await Promise.all(calls)
      expect(done).toEqual([...done].sort((one, other) => one - other))
      expect(await destinations.list(WEB)).toMatchObject([{ weight: 60 }])
    })

    it("two clients see each other's changes at once", async () => {
      await world.full.services.add(WEB)
      for (let weight = 1; weight <= 20; weight++) {
        const [writer, reader] = weight % 2 === 0 ? [world.ipvs, world.full] : [world.full, world.ipvs]
        await writer.destinations.ensure(WEB, { ...A, weight })
        expect(await reader.destinations.get(WEB, A)).toMatchObject({ weight })
      }
    })
  })
}
