// watch(): the table again and again.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fold, folded, inWords, Watching } from '../unit/support/watch'
import { DNS, type Harness, real, rejection, useWorld, WEB } from './harness'

export function watchContract(harness: Harness): void {
  describe(`watch, ${harness.name}`, () => {
    const world = useWorld(harness)
    let watch: Watching
    beforeEach(() => {
      watch = new Watching(world.ipvs)
    })
    afterEach(() => watch.end())

    it('an empty table', async () => {
      expect(await watch.next()).toMatchObject({
        elapsed: undefined,
        snapshot: { services: [], consistent: undefined },
        rates: undefined,
        changes: [],
        connections: undefined,
        connectionsError: undefined,
      })
      const second = await watch.next()
      expect(second.changes).toEqual([])
      expect(second.elapsed).toBeGreaterThan(0)
      const total = { connections: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0, reset: false }
      expect(second.rates?.total).toEqual(total)
      expect([...(second.rates ?? [])]).toEqual([])
    })

    it('the table is that of snapshot(), and what has not changed is the same object', async () => {
      await world.full.services.add({ ...WEB, scheduler: 'rr', persistence: { timeout: 60 } })
      await world.full.services.add({ fwmark: 9 })
      for (const address of ['198.51.100.1', '198.51.100.2']) {
        await world.full.destinations.add(WEB, real(address))
      }
      const first = await watch.next()
      expect(first.snapshot).toEqual(await world.ipvs.snapshot())
      const second = await watch.next()
      expect(second.snapshot.services).toBe(first.snapshot.services)
      expect(Object.isFrozen(second.snapshot.services[0]?.service)).toBe(true)
    })

    it('what appeared, changed and vanished, as its own reader folds it', async () => {
      await watch.next()
      await world.full.services.add({ ...WEB, scheduler: 'rr' })
      await world.full.services.add({ ...DNS, scheduler: 'rr' })
      for (const address of ['198.51.100.2', '198.51.100.1']) {
        await world.full.destinations.add(WEB, real(address))
      }
      const [first] = [await watch.next()]
      expect(first?.changes.map(inWords)).toEqual([
        'appeared service tcp 192.0.2.1:80',
        'appeared destination tcp 192.0.2.1:80 198.51.100.1:8080',
        'appeared destination tcp 192.0.2.1:80 198.51.100.2:8080',
        'appeared service udp 192.0.2.1:53',
      ])
      await world.full.destinations.update(WEB, real('198.51.100.2'), { weight: 5 })
      await world.full.destinations.remove(WEB, real('198.51.100.1'))
      await world.full.services.update(WEB, { scheduler: 'wlc' })
      await world.full.services.remove(DNS)
      const second = await watch.next()
      expect(second.changes.map(inWords)).toEqual([
        'vanished destination tcp 192.0.2.1:80 198.51.100.1:8080',
        'changed service tcp 192.0.2.1:80 scheduler "rr" "wlc"',
        'changed destination tcp 192.0.2.1:80 198.51.100.2:8080 weight 1 5',
        'vanished service udp 192.0.2.1:53',
      ])
      expect(fold(folded(first?.snapshot as never), second.changes)).toEqual(folded(second.snapshot))
      expect(second.snapshot).toEqual(await world.ipvs.snapshot())
      await world.full.flush()
      const third = await watch.next()
      expect(fold(folded(second.snapshot), third.changes)).toEqual({})
      expect(third.snapshot.services).toEqual([])
    })

    it.runIf(harness.capabilities.localAddresses)('local addresses', async () => {
      await world.full.services.add(WEB)
      await world.full.localAddresses.add(WEB, '198.51.100.7')
      const first = await watch.next()
      await world.full.localAddresses.set(WEB, ['198.51.100.9', '198.51.100.8'])
      const { changes, snapshot } = await watch.next()
      expect(changes.map(inWords)).toEqual([
        'vanished local-address tcp 192.0.2.1:80 198.51.100.7',
        'appeared local-address tcp 192.0.2.1:80 198.51.100.8',
        'appeared local-address tcp 192.0.2.1:80 198.51.100.9',
      ])
      expect(fold(folded(first.snapshot), changes)).toEqual(folded(snapshot))
    })

    it('many rows, of which one changes', async () => {
      const services = Array.from({ length: 20 }, (_, i) => ({ ...WEB, port: 1000 + i }))
      await world.full.batch((batch) => {
        for (const service of services) {
          batch.services.add(service)
          for (let i = 1; i <= 60; i++) batch.destinations.add(service, real(`198.51.100.${i}`))
        }
      })
      const first = await watch.next()
      const [key] = services.slice(7)
      await world.full.destinations.update(key as never, real('198.51.100.33'), { weight: 3 })
      const second = await watch.next()
      expect(second.changes.map(inWords)).toEqual([
        'changed destination tcp 192.0.2.1:1007 198.51.100.33:8080 weight 1 3',
      ])
      const old = new Map(first.snapshot.services.map((entry) => [entry.service.port, entry]))
      for (const entry of second.snapshot.services) {
        const before = old.get(entry.service.port)
        if (entry.service.port !== 1007) {
          expect(entry).toBe(before)
          continue
        }
        expect(entry.service).toBe(before?.service)
        const known = new Set(before?.destinations)
        expect(entry.destinations.filter((one) => !known.has(one))).toMatchObject([{ weight: 3 }])
      }
    })

    it('ends with the client', async () => {
      const client = await harness.open()
      const other = new Watching(client)
      await other.next()
      await client.close()
      expect(await rejection(other.next())).toMatchObject({ code: 'ERR_IPVS_CLOSED', operation: 'watch' })
    })

    it('bad input: an interval of 0', async () => {
      const events = world.ipvs.watch({ interval: 0 })
      expect(await rejection<RangeError>(events.next())).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    })
  })
}
