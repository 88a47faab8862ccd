// watch() beside live traffic: what its rates add up to is what the kernel has counted.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DestinationInfo, Stats, WatchState } from '../../lib'
import { COUNTERS, inWords, Watching } from '../unit/support/watch'
import { endLab } from './net/end-lab'
import {
  type Lab,
  localAddresses,
  realServers,
  Settings,
  startLab,
  vip,
  // @ts-expect-error: a script without types
} from './net/lab.mjs'
import { until } from './net/until'
import { library, PATIENT } from './support/library'

const ipvs = await library.Ipvs.open(PATIENT)
const can = ipvs.capabilities
const cpus = Number(process.env.IPVS_VM_SMP ?? 1)
// Both tables of fullnat-v3 are per CPU, and veth brings no answer back to the right one.
const canFlow = can.dialect !== 'fullnat-v3' || cpus === 1
const forwarding = can.fullnat ? 'fullnat' : 'masquerade'
const timeouts = await ipvs.timeouts.get()

const WEB = { protocol: 'tcp', address: vip.ipv4, port: 7001 } as const
const target = (i: number) => ({ address: realServers.ipv4[i] as string, port: 8080 })

const counted = ({ snapshot }: WatchState): Stats => {
  const [entry] = snapshot.services
  if (!entry) throw new Error('there is no service')
  return entry.service.stats
}

describe.skipIf(!canFlow)(`watch with traffic${canFlow ? '' : ' (fullnat-v3 with several CPUs)'}`, () => {
  let lab: Lab
  const settings = new Settings()
  const request = () => lab.request(WEB.address, WEB.port)

  beforeAll(async () => {
    await ipvs.flush()
    await ipvs.timeouts.set({ tcpFin: 1 })
    for (const state of can.fullnat ? ['timewait', 'lastack', 'close'] : []) {
      settings.set(`net.ipv4.vs.timeout_${state}`, 1)
    }
    lab = await startLab()
    if (!can.fullnat) await lab.routeBack()
    await ipvs.services.add({ ...WEB, scheduler: 'rr' })
    if (can.fullnat) await ipvs.localAddresses.set(WEB, localAddresses.ipv4)
    for (let i = 0; i < 2; i++) await ipvs.destinations.add(WEB, { ...target(i), forwarding })
  })
  afterAll(() => endLab({ ipvs, lab, settings, timeouts }).finally(() => ipvs.close()))

  it('rates times time are the gains of the counters, of the service, its destinations and in total', async () => {
    const watch = new Watching(ipvs, { interval: 100 })
    const first = await watch.next()
    const events: WatchState[] = []
    const REQUESTS = 12
    let asking = true
    const traffic = (async () => {
      for (let i = 0; i < REQUESTS; i++) expect((await request()).answer).toBeDefined()
      asking = false
    })()
    // Mainline adds its counters up every two seconds, and those of a service and of its destinations not at the same time.
    const settled = ({ snapshot }: WatchState) => {
      const [entry] = snapshot.services
      const sum = (name: 'connections' | 'outBytes') =>
        entry?.destinations.reduce((all, { stats }) => all + stats[name], 0n)
      return (
        entry?.service.stats.connections === BigInt(REQUESTS) &&
        sum('connections') === BigInt(REQUESTS) &&
        sum('outBytes') === entry.service.stats.outBytes
      )
    }
    await until(
      'everything is counted',
      async () => {
        const event = await watch.next()
        events.push(event)
        return event
      },
      (event) => !asking && settled(event),
    )
    await traffic
    const last = events[events.length - 1] as WatchState
    const sums = { total: 0, service: 0, destinations: 0 }
    for (const name of COUNTERS) {
      const gained = { total: 0, service: 0, destinations: 0 }
      for (const { rates, elapsed } of events) {
        const seconds = (elapsed as number) / 1000
        gained.total += (rates?.total[name] as number) * seconds
        gained.service += (rates?.service(WEB)?.[name] as number) * seconds
        for (let i = 0; i < 2; i++) {
          gained.destinations += (rates?.destination(WEB, target(i))?.[name] as number) * seconds
        }
      }
      const exact = Number(counted(last)[name] - counted(first)[name])
      for (const [which, value] of Object.entries(gained)) {
        expect([name, which, Math.round(value)]).toEqual([name, which, exact])
        sums[which as keyof typeof sums] += exact
      }
    }
    expect(sums.total).toBeGreaterThan(REQUESTS)
    for (const { changes, rates } of events) {
      expect(changes).toEqual([])
      for (const name of COUNTERS) expect(rates?.total[name]).toBeGreaterThanOrEqual(0)
      expect(rates?.total.reset).toBe(false)
    }
    // The kernel's own counters, read in another way.
    const [direct] = await ipvs.services.list()
    expect(direct?.stats).toMatchObject({
      connections: counted(last).connections,
      inBytes: counted(last).inBytes,
    })
    await watch.end()
  })

  it.runIf(can.zero)('zero() is a reset, and no giant rate', async () => {
    const watch = new Watching(ipvs)
    await until(
      'it has counted',
      () => watch.next(),
      (event) => counted(event).connections > 0n,
    )
    await ipvs.zero(WEB)
    const { rates, changes } = await watch.next()
    const none = { connections: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0, reset: true }
    expect(rates?.service(WEB)).toEqual(none)
    expect(rates?.total).toEqual(none)
    expect(changes).toEqual([])
    await watch.end()
  })

  it('a destination that was removed and added again: new, or the same as the kernel has kept it', async () => {
    await request()
    await request()
    const watch = new Watching(ipvs)
    const statsOf = (event: WatchState, i: number) =>
      event.snapshot.services[0]?.destinations.find(({ address }) => address === target(i).address)
    await until(
      'both have counted',
      () => watch.next(),
      (event) => [0, 1].every((i) => (statsOf(event, i)?.stats.connections ?? 0n) > 0n),
    )
    const before = statsOf(watch.last as WatchState, 0) as DestinationInfo
    await ipvs.destinations.remove(WEB, target(0))
    await ipvs.destinations.add(WEB, { ...target(0), forwarding, weight: 3 })
    const event = await watch.next()
    const after = statsOf(event, 0) as DestinationInfo
    const words = event.changes.map(inWords)
    const row = `destination tcp ${WEB.address}:${WEB.port} ${target(0).address}:8080`
    console.log(
      `${can.dialect}: ${before.stats.connections} connections, then ${after.stats.connections}: ${words}`,
    )
    if (after.stats.connections < before.stats.connections) {
      expect(words).toEqual([`vanished ${row}`, `appeared ${row}`])
      expect(event.rates?.destination(WEB, target(0))).toBeUndefined()
    } else {
      expect(words).toEqual([`changed ${row} weight 1 3`])
      expect(event.rates?.destination(WEB, target(0))?.reset).toBe(false)
    }
    expect(event.rates?.service(WEB)?.reset).toBe(false)
    await watch.end()
  })

  it('what a writer does meanwhile is told once, and in no wrong order', async () => {
    const writer = await library.Ipvs.open(PATIENT)
    const watch = new Watching(ipvs)
    await watch.next()
    const other = { ...WEB, port: 7002 }
    let over = false
    const writing = (async () => {
      for (let round = 0; round < 20; round++) {
        await writer.services.add(other)
        for (let i = 0; i < 10; i++) {
          await writer.destinations.add(other, {
            address: `10.9.0.${i + 1}`,
            port: 80,
            forwarding: 'masquerade',
          })
        }
        await writer.services.remove(other)
      }
      over = true
    })()
    const there = new Set<string>()
    do {
      const { changes, snapshot } = await watch.next()
      for (const change of changes) {
        const name = inWords(change).replace(/^\w+ /, '')
        if (change.kind === 'appeared') {
          expect(there.has(name)).toBe(false)
          there.add(name)
        } else if (change.kind === 'vanished') {
          expect(there.delete(name)).toBe(true)
        }
      }
      const rows = snapshot.services.filter(({ service }) => service.port === 7002)
      expect(there.size).toBe(
        rows.length + rows.reduce((sum, { destinations }) => sum + destinations.length, 0),
      )
    } while (!over || there.size > 0)
    await writing
    await watch.end()
    await writer.close()
  })
})
