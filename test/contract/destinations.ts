import { describe, expect, it } from 'vitest'
import type { DestinationInfo, DestinationInput } from '../../lib'
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
import { Recorder, Rival, recorded } from './recorder'

const A = { address: '198.51.100.1', port: 8080 } as const
const ABOUT = 'tcp 192.0.2.1:80 -> 198.51.100.1:8080'

export function destinationsContract(harness: Harness): void {
  const can = harness.capabilities
  const fullnat = harness.dialect.startsWith('fullnat')

  describe(`destinations over ${harness.name}`, () => {
    const world = useWorld(harness)
    const noService = { code: 'ESRCH', errno: -3, says: 'no such service', service: NOWHERE }
    const missing = { code: 'ENOENT', errno: -2, says: 'no such destination', about: ABOUT, service: WEB }

    it('a service without destinations has an empty list', async () => {
      await world.full.services.add(WEB)
      expect(await world.ipvs.destinations.list(WEB)).toEqual([])
      expect(await collect(world.ipvs.destinations.iterate(WEB))).toEqual([])
    })

    it('add makes a destination with the documented defaults', async () => {
      await world.full.services.add(WEB)
      expect(await world.ipvs.destinations.add(WEB, { ...A, forwarding: 'masquerade' })).toBeUndefined()
      const zero = { connections: 0n, inPackets: 0n, outPackets: 0n, inBytes: 0n, outBytes: 0n }
      const expected: DestinationInfo = {
        ...A,
        family: 'ipv4',
        forwarding: 'masquerade',
        weight: 1,
        upperThreshold: 0,
        lowerThreshold: 0,
        tunnel: undefined,
        activeConnections: 0,
        inactiveConnections: 0,
        persistentConnections: 0,
        stats: { ...zero, rates: can.rates ? zero : undefined },
      }
      expect(await world.ipvs.destinations.get(WEB, A)).toEqual(expected)
      expect(await world.full.destinations.list(WEB)).toEqual([expected])
    })

    it('list, iterate and get agree, and know only their own service', async () => {
      await world.full.services.add(WEB)
      await world.full.services.add(DNS)
      await world.full.destinations.add(WEB, real('198.51.100.1'))
      await world.full.destinations.add(WEB, real('198.51.100.2'))
      await world.full.destinations.add(DNS, real('198.51.100.3', 53))
      const list = await world.ipvs.destinations.list(WEB)
      expect(list.map(({ address }) => address).sort()).toEqual(['198.51.100.1', '198.51.100.2'])
      expect(await collect(world.ipvs.destinations.iterate(WEB))).toEqual(list)
      expect(await world.ipvs.destinations.get(WEB, { address: '198.51.100.2', port: 8080 })).toEqual(
        list.find(({ address }) => address === '198.51.100.2'),
      )
      expect(await world.ipvs.destinations.list(DNS)).toMatchObject([{ address: '198.51.100.3', port: 53 }])
    })

    it('get is undefined for a missing destination and for a missing service', async () => {
      await world.full.services.add(WEB)
      expect(await world.ipvs.destinations.get(WEB, A)).toBeUndefined()
      expect(await world.ipvs.destinations.get(NOWHERE, A)).toBeUndefined()
    })

    it('ESRCH: every operation on a missing service', async () => {
      const { destinations } = world.ipvs
      const about = 'tcp 192.0.2.254:9 -> 198.51.100.1:8080'
      const input = { ...A, forwarding: 'masquerade' } as const
      const wanted = { ...noService, about, destination: A }
      await expectFailure(destinations.add(NOWHERE, input), { ...wanted, operation: 'destinations.add' })
      await expectFailure(destinations.set(NOWHERE, input), { ...wanted, operation: 'destinations.set' })
      await expectFailure(destinations.ensure(NOWHERE, input), {
        ...wanted,
        operation: 'destinations.ensure',
      })
      await expectFailure(destinations.remove(NOWHERE, A), { ...wanted, operation: 'destinations.remove' })
      await expectFailure(destinations.update(NOWHERE, A, { weight: 2 }), {
        ...wanted,
        operation: 'destinations.update',
      })
      const service = { ...noService, about: 'tcp 192.0.2.254:9' }
      await expectFailure(destinations.list(NOWHERE), { ...service, operation: 'destinations.list' })
      await expectFailure(collect(destinations.iterate(NOWHERE)), {
        ...service,
        operation: 'destinations.iterate',
      })
    })

    it('EEXIST: add of a destination that is there', async () => {
      await world.full.services.add(WEB)
      await world.ipvs.destinations.add(WEB, { ...A, forwarding: 'masquerade', weight: 7 })
      await expectFailure(world.ipvs.destinations.add(WEB, { ...A, forwarding: 'masquerade', weight: 8 }), {
        code: 'EEXIST',
        errno: -17,
        says: 'destination already exists',
        operation: 'destinations.add',
        about: ABOUT,
        service: WEB,
        destination: A,
        sent: true,
      })
      expect(await world.ipvs.destinations.get(WEB, A)).toMatchObject({ weight: 7 })
    })

    it('ENOENT: set, update and remove of a missing destination', async () => {
      await world.full.services.add(WEB)
      const { destinations } = world.ipvs
      const set = destinations.set(WEB, { ...A, forwarding: 'masquerade' })
      await expectFailure(set, { ...missing, operation: 'destinations.set', destination: A })
      const remove = destinations.remove(WEB, A)
      await expectFailure(remove, { ...missing, operation: 'destinations.remove', destination: A })
      const { errno: _, ...own } = missing
      const update = destinations.update(WEB, A, { weight: 3 })
      await expectFailure(update, { ...own, operation: 'destinations.update', destination: A, sent: false })
    })

    it.each([
      ['multicast', '224.0.0.1'],
      ['broadcast', '255.255.255.255'],
      ['unspecified', '0.0.0.0'],
      // Linux 5.3 made the rest of network 0 unicast (include/linux/in.h:ipv4_is_zeronet).
      ...(fullnat ? [['of network 0', '0.1.2.3']] : []),
    ])('EINVAL: an address that is %s', async (_, address) => {
      await world.full.services.add(WEB)
      const wanted = { code: 'EINVAL', errno: -22, says: /neither local nor unicast/ }
      const about = `tcp 192.0.2.1:80 -> ${address}:8080`
      const add = world.ipvs.destinations.add(WEB, real(address))
      await expectFailure(add, { ...wanted, operation: 'destinations.add', about })
      const ensure = world.ipvs.destinations.ensure(WEB, real(address))
      await expectFailure(ensure, { ...wanted, operation: 'destinations.ensure', about })
      expect(await world.full.destinations.list(WEB)).toEqual([])
    })

    it('set replaces the configuration, what is left out takes its default', async () => {
      await world.full.services.add(WEB)
      const first = { weight: 9, upperThreshold: 100, lowerThreshold: 50 }
      await world.ipvs.destinations.add(WEB, { ...A, forwarding: 'direct-route', ...first })
      expect(await world.ipvs.destinations.get(WEB, A)).toMatchObject({
        forwarding: 'direct-route',
        ...first,
      })
      expect(await world.ipvs.destinations.set(WEB, { ...A, forwarding: 'tunnel' })).toBeUndefined()
      expect(await world.full.destinations.get(WEB, A)).toMatchObject({
        forwarding: 'tunnel',
        weight: 1,
        upperThreshold: 0,
        lowerThreshold: 0,
      })
    })

    it('update changes the named properties and leaves the others', async () => {
      await world.full.services.add(WEB)
      const first = { weight: 9, upperThreshold: 100, lowerThreshold: 50 }
      await world.ipvs.destinations.add(WEB, { ...A, forwarding: 'direct-route', ...first })
      expect(await world.ipvs.destinations.update(WEB, A, { weight: 0 })).toBeUndefined()
      const expected = { forwarding: 'direct-route', ...first, weight: 0 }
      expect(await world.full.destinations.get(WEB, A)).toMatchObject(expected)
      await world.ipvs.destinations.update(WEB, A, { lowerThreshold: 60, upperThreshold: 70 })
      expect(await world.full.destinations.get(WEB, A)).toMatchObject({
        ...expected,
        upperThreshold: 70,
        lowerThreshold: 60,
      })
    })

    it('an update that would end above its threshold is refused after it was merged', async () => {
      await world.full.services.add(WEB)
      await world.ipvs.destinations.add(WEB, { ...A, forwarding: 'masquerade', upperThreshold: 10 })
      const update = world.ipvs.destinations.update(WEB, A, { lowerThreshold: 11 })
      await expect(update).rejects.toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
      expect(await world.full.destinations.get(WEB, A)).toMatchObject({ lowerThreshold: 0 })
    })

    it('ensure adds, changes, and sends nothing for what is equal', async () => {
      await world.full.services.add(WEB)
      const { recorder, ipvs } = await recorded(harness)
      const wanted = { ...A, forwarding: 'masquerade', weight: 5, upperThreshold: 10 } as const
      recorder.clear()
      expect(await ipvs.destinations.ensure(WEB, wanted)).toBe('added')
      expect(recorder.writes).toEqual(['destinationAdd'])
      recorder.clear()
      expect(await ipvs.destinations.ensure(WEB, wanted)).toBe('unchanged')
      expect(recorder.operations).toEqual(['destinationList'])
      for (const change of [{ weight: 6 }, { upperThreshold: 11 }, { forwarding: 'tunnel' }] as const) {
        recorder.clear()
        expect(await ipvs.destinations.ensure(WEB, { ...wanted, ...change })).toBe('changed')
        expect(recorder.writes).toEqual(['destinationSet'])
        await ipvs.destinations.set(WEB, wanted)
      }
      await ipvs.close()
    })

    it('ensure looks again when another program was faster', async () => {
      await world.full.services.add(WEB)
      const rival = new Rival()
      const ipvs = await harness.open({ wrap: rival.wrap })
      const wanted = { ...A, forwarding: 'masquerade', weight: 5 } as const
      const { destinations } = world.full
      rival.before('destinationAdd', () => destinations.add(WEB, wanted))
      expect(await ipvs.destinations.ensure(WEB, wanted)).toBe('unchanged')
      rival.before('destinationSet', () => destinations.remove(WEB, A))
      expect(await ipvs.destinations.ensure(WEB, { ...wanted, weight: 6 })).toBe('added')
      await destinations.remove(WEB, A)
      rival.before('destinationAdd', () => destinations.add(WEB, wanted))
      expect(await ipvs.destinations.ensure(WEB, { ...wanted, weight: 7 })).toBe('changed')
      expect(await destinations.list(WEB)).toMatchObject([{ weight: 7 }])
      await ipvs.close()
    })

    it('ensure gives up when another program is faster each time', async () => {
      await world.full.services.add(WEB)
      const rival = new Rival()
      const recorder = new Recorder()
      const ipvs = await harness.open({ wrap: (inner) => recorder.wrap(rival.wrap(inner)) })
      const wanted = { ...A, forwarding: 'masquerade', weight: 5 } as const
      const flip = async () => {
        const { destinations } = world.full
        if (await destinations.get(WEB, A)) await destinations.remove(WEB, A)
        else await destinations.add(WEB, { ...wanted, weight: 1 })
      }
      const every = (input: typeof wanted) => {
        let operation = 'destinationAdd'
        const act = async () => {
          await flip()
          operation = operation === 'destinationAdd' ? 'destinationSet' : 'destinationAdd'
          rival.before(operation, act, rival.times)
        }
        rival.before(operation, act, 10)
        return ipvs.destinations.ensure(WEB, input)
      }
      recorder.clear()
      await expectFailure(every(wanted), { code: 'ENOENT', operation: 'destinations.ensure', about: ABOUT })
      expect(recorder.operations).toEqual([
        ...['destinationList', 'destinationAdd', 'destinationList', 'destinationSet'],
        ...['destinationList', 'destinationAdd', 'destinationList', 'destinationSet'],
      ])
      await ipvs.close()
    })

    it('remove takes one destination away', async () => {
      await world.full.services.add(WEB)
      await world.full.destinations.add(WEB, real('198.51.100.1'))
      await world.full.destinations.add(WEB, real('198.51.100.2'))
      expect(await world.ipvs.destinations.remove(WEB, A)).toBeUndefined()
      expect(await world.full.destinations.list(WEB)).toMatchObject([{ address: '198.51.100.2' }])
    })

    it('identity is address and port', async () => {
      await world.full.services.add(WEB)
      const ends = [A, { ...A, port: 8081 }, { ...A, address: '198.51.100.2' }]
      for (const end of ends) await world.ipvs.destinations.add(WEB, { ...end, forwarding: 'masquerade' })
      await world.ipvs.destinations.remove(WEB, A)
      const left = await world.ipvs.destinations.list(WEB)
      expect(left.map(({ address, port }) => `${address}:${port}`).sort()).toEqual([
        '198.51.100.1:8081',
        '198.51.100.2:8080',
      ])
    })

    it('a removed destination can be added again', async () => {
      await world.full.services.add(WEB)
      for (let i = 0; i < 5; i++) {
        await world.ipvs.destinations.add(WEB, { ...A, forwarding: 'masquerade', weight: i })
        expect(await world.ipvs.destinations.get(WEB, A)).toMatchObject({ weight: i })
        await world.ipvs.destinations.remove(WEB, A)
      }
      expect(await world.ipvs.destinations.list(WEB)).toEqual([])
    })

    it('the listed destination is a key and an input', async () => {
      await world.full.services.add(WEB)
      await world.ipvs.destinations.add(WEB, { ...A, forwarding: 'tunnel', weight: 3, upperThreshold: 9 })
      const [info] = await world.ipvs.destinations.list(WEB)
      const input = info as DestinationInput
      expect(await world.ipvs.destinations.ensure(WEB, input)).toBe('unchanged')
      await world.ipvs.destinations.remove(WEB, input)
      await world.ipvs.destinations.add(WEB, input)
      expect(await world.ipvs.destinations.list(WEB)).toEqual([info])
    })

    it.each([0, 1, 65535, 65536, 2147483647])('weight %i', async (weight) => {
      await world.full.services.add(WEB)
      await world.ipvs.destinations.add(WEB, { ...A, forwarding: 'masquerade', weight })
      expect(await world.ipvs.destinations.get(WEB, A)).toMatchObject({ weight })
      await world.ipvs.destinations.set(WEB, { ...A, forwarding: 'masquerade', weight: 1 })
      await world.ipvs.destinations.update(WEB, A, { weight })
      expect(await world.full.destinations.get(WEB, A)).toMatchObject({ weight })
    })

    it.each([
      [0, 0],
      [1, 1],
      [2147483647, 0],
      [2147483647, 2147483647],
    ])('thresholds %i and %i', async (upperThreshold, lowerThreshold) => {
      await world.full.services.add(WEB)
      await world.ipvs.destinations.add(WEB, {
        ...A,
        forwarding: 'masquerade',
        upperThreshold,
        lowerThreshold,
      })
      expect(await world.full.destinations.get(WEB, A)).toMatchObject({ upperThreshold, lowerThreshold })
    })

    it.each([0, 1, 65535])('port %i', async (port) => {
      await world.full.services.add(WEB)
      await world.ipvs.destinations.add(WEB, real('198.51.100.1', port))
      expect(await world.full.destinations.list(WEB)).toMatchObject([{ port }])
    })

    describe('forwarding methods', () => {
      it.each(can.forwardingMethods)('%s', async (forwarding) => {
        await world.full.services.add(WEB)
        await world.ipvs.destinations.add(WEB, { ...A, forwarding })
        expect(await world.full.destinations.get(WEB, A)).toMatchObject({ forwarding })
        const other = forwarding === 'tunnel' ? 'direct-route' : 'tunnel'
        await world.ipvs.destinations.set(WEB, { ...A, forwarding: other })
        expect(await world.ipvs.destinations.get(WEB, A)).toMatchObject({ forwarding: other })
        await world.ipvs.destinations.update(WEB, A, { forwarding })
        expect(await world.ipvs.destinations.get(WEB, A)).toMatchObject({ forwarding })
        expect(await world.ipvs.destinations.ensure(WEB, { ...A, forwarding })).toBe('unchanged')
      })

      it('they can be mixed in one service', async () => {
        await world.full.services.add(WEB)
        for (const [i, forwarding] of can.forwardingMethods.entries()) {
          await world.ipvs.destinations.add(WEB, { address: `198.51.100.${i + 1}`, port: 80, forwarding })
        }
        const seen = (await world.full.destinations.list(WEB)).map(({ forwarding }) => forwarding)
        expect(seen.sort()).toEqual([...can.forwardingMethods].sort())
      })

      it.runIf(can.udpFullnat)('fullnat for UDP', async () => {
        await world.full.services.add(DNS)
        await world.ipvs.destinations.add(DNS, { ...A, forwarding: 'fullnat' })
        expect(await world.ipvs.destinations.get(DNS, A)).toMatchObject({ forwarding: 'fullnat' })
      })
    })

    describe.runIf(fullnat)('a destination with an address of the director', () => {
      const wanted = can.fullnat ? 'fullnat' : 'masquerade'

      it.each(['127.0.0.1', harness.own.ipv4])('%s becomes local, and ensure lets it be', async (address) => {
        await world.full.services.add(WEB)
        const input = { address, port: 8080, forwarding: wanted, weight: 4 } as const
        expect(await world.ipvs.destinations.ensure(WEB, input)).toBe('added')
        expect(await world.full.destinations.list(WEB)).toMatchObject([{ address, forwarding: 'local' }])
        expect(await world.ipvs.destinations.ensure(WEB, input)).toBe('unchanged')
        expect(await world.ipvs.destinations.ensure(WEB, { ...input, weight: 5 })).toBe('changed')
        expect(await world.full.destinations.list(WEB)).toMatchObject([{ forwarding: 'local', weight: 5 }])
        await world.ipvs.destinations.update(WEB, input, { forwarding: 'direct-route' })
        expect(await world.full.destinations.list(WEB)).toMatchObject([{ forwarding: 'local', weight: 5 }])
      })
    })

    it.runIf(!fullnat)('a destination with an address of the director keeps its method', async () => {
      await world.full.services.add(WEB)
      await world.ipvs.destinations.add(WEB, { ...A, address: '127.0.0.1', forwarding: 'tunnel' })
      expect(await world.full.destinations.list(WEB)).toMatchObject([{ forwarding: 'tunnel' }])
    })

    describe.runIf(can.tunnelTypes)('tunnels', () => {
      it.each([
        [{ type: 'ipip' }, { type: 'ipip', checksum: 'none' }],
        [{ type: 'gre' }, { type: 'gre', checksum: 'none' }],
        [
          { type: 'gre', checksum: 'full' },
          { type: 'gre', checksum: 'full' },
        ],
        [
          { type: 'gue', port: 6080 },
          { type: 'gue', port: 6080, checksum: 'none' },
        ],
        [
          { type: 'gue', port: 65535, checksum: 'full' },
          { type: 'gue', port: 65535, checksum: 'full' },
        ],
        [
          { type: 'gue', port: 1, checksum: 'remote' },
          { type: 'gue', port: 1, checksum: 'remote' },
        ],
      ] as const)('%j', async (tunnel, seen) => {
        await world.ipvs.services.add(WEB)
        await world.ipvs.destinations.add(WEB, { ...A, forwarding: 'tunnel', tunnel })
        expect(await world.ipvs.destinations.get(WEB, A)).toMatchObject({
          forwarding: 'tunnel',
          tunnel: seen,
        })
        const { ensure, update } = {
          ensure: () => world.ipvs.destinations.ensure(WEB, { ...A, forwarding: 'tunnel', tunnel }),
          update: (weight: number) => world.ipvs.destinations.update(WEB, A, { weight }),
        }
        expect(await ensure()).toBe('unchanged')
        await update(2)
        expect(await world.ipvs.destinations.get(WEB, A)).toMatchObject({ weight: 2, tunnel: seen })
        expect(await ensure()).toBe('changed')
      })

      it('update to another tunnel and back to IP-in-IP', async () => {
        await world.ipvs.services.add(WEB)
        await world.ipvs.destinations.add(WEB, { ...A, forwarding: 'tunnel' })
        await world.ipvs.destinations.update(WEB, A, { tunnel: { type: 'gue', port: 6080 } })
        expect((await world.ipvs.destinations.get(WEB, A))?.tunnel).toMatchObject({ type: 'gue', port: 6080 })
        // Not named, so it stays.
        await world.ipvs.destinations.update(WEB, A, { tunnel: undefined })
        expect((await world.ipvs.destinations.get(WEB, A))?.tunnel).toMatchObject({ type: 'gue', port: 6080 })
        await world.ipvs.destinations.update(WEB, A, { tunnel: null })
        expect((await world.ipvs.destinations.get(WEB, A))?.tunnel).toMatchObject({ type: 'ipip' })
      })

      it('update to another method drops the tunnel', async () => {
        await world.ipvs.services.add(WEB)
        await world.ipvs.destinations.add(WEB, {
          ...A,
          forwarding: 'tunnel',
          tunnel: { type: 'gue', port: 6080 },
        })
        await world.ipvs.destinations.update(WEB, A, { forwarding: 'masquerade' })
        expect(await world.ipvs.destinations.get(WEB, A)).toMatchObject({
          forwarding: 'masquerade',
          tunnel: undefined,
        })
      })
    })

    it.runIf(!can.tunnelTypes)('GUE and GRE are refused', async () => {
      await world.full.services.add(WEB)
      for (const tunnel of [{ type: 'gue', port: 6080 }, { type: 'gre' }] as const) {
        await expectUnsupported(world.ipvs.destinations.add(WEB, { ...A, forwarding: 'tunnel', tunnel }), {
          operation: 'destinations.add',
          about: ABOUT,
        })
      }
      expect(await world.full.destinations.list(WEB)).toEqual([])
    })
  })
}

/** Not with several CPUs: fullnat-v3 searches the list of each of them at every add. */
export function manyDestinationsContract(harness: Harness): void {
  describe(`many destinations over ${harness.name}`, () => {
    const world = useWorld(harness)

    it('10,000 destinations by batch, read by list, iterate and snapshot alike', async () => {
      await world.full.services.add(WEB)
      const count = 10_000
      const started = await world.ipvs.batch(
        ({ destinations }) => {
          for (let i = 0; i < count; i++) {
            destinations.add(WEB, real(`10.${100 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`, 1 + i))
          }
        },
        { timeout: 600_000 },
      )
      expect(started.filter(({ status }) => status !== 'fulfilled')).toEqual([])
      const options = { timeout: 600_000 }
      const list = await world.ipvs.destinations.list(WEB, options)
      expect(list).toHaveLength(count)
      expect(new Set(list.map(({ address, port }) => `${address}:${port}`)).size).toBe(count)
      expect(await collect(world.ipvs.destinations.iterate(WEB, options))).toEqual(list)
      const { services } = await world.ipvs.snapshot(options)
      expect(services).toHaveLength(1)
      expect(services[0]?.destinations).toEqual(list)
      const removed = await world.ipvs.batch(({ destinations }) => {
        for (const info of list.slice(0, 2000)) destinations.remove(WEB, info)
      }, options)
      expect(removed.filter(({ status }) => status !== 'fulfilled')).toEqual([])
      expect(await world.ipvs.destinations.list(WEB, options)).toHaveLength(count - 2000)
    }, 1_800_000)
  })
}
