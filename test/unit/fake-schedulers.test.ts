// Who gets the next connection, by every scheduler of the kernels.

import { describe, expect, it } from 'vitest'
import { siphash13 } from '../../lib/testing/schedulers/siphash'
import { addDestinations, DIALECTS, setUp, turns, WEB } from './fake-support'

async function scheduled(dialect: (typeof DIALECTS)[number], scheduler: string, weights: readonly number[]) {
  const world = await setUp({ dialect })
  await world.ipvs.services.add({ ...WEB, scheduler })
  await addDestinations(world.ipvs, weights)
  return world
}

describe.each(DIALECTS)('schedulers of %s', (dialect) => {
  it('rr goes through the list, the newest first, and leaves weight 0 out', async () => {
    const { kernel } = await scheduled(dialect, 'rr', [1, 0, 1, 5])
    expect(turns(kernel, 7)).toBe('4314314')
  })

  it('wrr gives each its share', async () => {
    const { kernel } = await scheduled(dialect, 'wrr', [1, 2, 4])
    const seen = turns(kernel, 14)
    expect([...seen].sort().join('')).toBe('11222233333333')
    // The heaviest is the newest: alone until the weight that is asked for has come down to that of the next.
    expect(seen.slice(0, 7)).toBe('3332321')
  })

  it('wrr with a common divisor, then without destinations that take anything', async () => {
    const { kernel, ipvs } = await scheduled(dialect, 'wrr', [10, 20])
    expect([...turns(kernel, 6)].sort().join('')).toBe('112222')
    await ipvs.destinations.update(WEB, { address: '10.0.0.1', port: 8080 }, { weight: 0 })
    await ipvs.destinations.update(WEB, { address: '10.0.0.2', port: 8080 }, { weight: 0 })
    expect(turns(kernel, 3, undefined, 50000)).toBe('---')
  })

  it('lc counts connections, wlc by weight, sed what would be, nq the idle first', async () => {
    expect(turns((await scheduled(dialect, 'lc', [1, 1, 1])).kernel, 6)).toBe('321321')
    expect(turns((await scheduled(dialect, 'wlc', [1, 3])).kernel, 8)).toBe('21222122')
    // sed: the heavy one first, and again while (active + 1) / weight is not above that of the other.
    expect(turns((await scheduled(dialect, 'sed', [1, 3])).kernel, 8)).toBe('22212221')
    expect(turns((await scheduled(dialect, 'nq', [1, 3])).kernel, 5)).toBe('21222')
  })

  it('an inactive connection weighs little: 1/256 of an active one', async () => {
    const { kernel } = await scheduled(dialect, 'lc', [1, 1])
    for (let i = 0; i < 3; i++) {
      const one = kernel.connect({ client: `198.51.100.8:${1000 + i}`, service: 'tcp 192.0.2.1:80' })
      if (one.destination.address === '10.0.0.2') one.close()
    }
    // 10.0.0.2 holds two that are closing, 10.0.0.1 one that is active.
    expect(turns(kernel, 1)).toBe('2')
  })

  it('dh goes by the virtual address alone, sh by the client', async () => {
    const { kernel } = await scheduled(dialect, 'dh', [1, 1, 1])
    expect(new Set(turns(kernel, 5)).size).toBe(1)
    const hashed = (await scheduled(dialect, 'sh', [1, 1, 1])).kernel
    expect(new Set(turns(hashed, 5)).size).toBe(1)
    const clients = Array.from({ length: 40 }, (_, i) =>
      hashed.connect({ client: `203.0.113.${i}:1`, service: 'tcp 192.0.2.1:80' }),
    )
    expect(new Set(clients.map(({ destination }) => destination.address)).size).toBe(3)
  })

  it('sh refuses when the one destination is quiesced; there is no other', async () => {
    const { kernel, ipvs } = await scheduled(dialect, 'sh', [1, 1])
    const at = turns(kernel, 1)
    await ipvs.destinations.update(WEB, { address: `10.0.0.${at}`, port: 8080 }, { weight: 0 })
    expect(turns(kernel, 1, undefined, 50000)).toBe('-')
  })

  it('lblc stays with a destination until it has more than its weight and another is half idle', async () => {
    const { kernel } = await scheduled(dialect, 'lblc', [2, 6])
    // 7 active are more than weight 6, and 10.0.0.1 has none: the entry moves.
    expect(turns(kernel, 7)).toBe('2222222')
    expect(turns(kernel, 1, undefined, 50000)).toBe('1')
  })

  it('lblcr adds one to the set, and chooses within it', async () => {
    const { kernel } = await scheduled(dialect, 'lblcr', [2, 6, 0])
    expect(turns(kernel, 8)).toBe('22222221')
    // 1/2 and 2/2 of a connection per weight are below 7/6, 3/2 is not.
    expect(turns(kernel, 3, undefined, 50000)).toBe('112')
  })

  it('a change starts rr over at the head on 2.6.32, and leaves it where it is on mainline', async () => {
    const { kernel, ipvs } = await scheduled(dialect, 'rr', [1, 1, 1])
    expect(turns(kernel, 1)).toBe('3')
    await ipvs.destinations.update(WEB, { address: '10.0.0.1', port: 8080 }, { weight: 2 })
    expect(turns(kernel, 1, undefined, 50000)).toBe(dialect === 'mainline' ? '2' : '3')
  })

  it('set to the same scheduler keeps its place, to another starts over', async () => {
    const { kernel, ipvs } = await scheduled(dialect, 'rr', [1, 1, 1])
    expect(turns(kernel, 1)).toBe('3')
    await ipvs.services.set({ ...WEB, scheduler: 'rr' })
    expect(turns(kernel, 1, undefined, 41000)).toBe('2')
    await ipvs.services.set({ ...WEB, scheduler: 'wlc' })
    await ipvs.services.set({ ...WEB, scheduler: 'rr' })
    expect(turns(kernel, 1, undefined, 42000)).toBe('3')
  })
})

describe('schedulers of mainline alone', () => {
  it('sh deals places out by weight, and falls back with the flag', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'mainline' })
    await ipvs.services.add({ ...WEB, scheduler: 'sh', schedulerFlags: ['flag-1'] })
    await addDestinations(ipvs, [1, 9])
    const clients = () =>
      Array.from({ length: 200 }, (_, i) =>
        kernel.connect({ client: `203.0.113.${i}:1`, service: 'tcp 192.0.2.1:80' }),
      ).filter(({ destination }) => destination.address === '10.0.0.2').length
    expect(clients()).toBeGreaterThan(150)
    kernel.advance(2000)
    await ipvs.destinations.update(WEB, { address: '10.0.0.2', port: 8080 }, { weight: 0 })
    expect(clients()).toBe(0)
  })

  it('fo takes the heaviest, ovf fills it up to its weight', async () => {
    expect(turns((await scheduled('mainline', 'fo', [1, 3, 2])).kernel, 4)).toBe('2222')
    expect(turns((await scheduled('mainline', 'ovf', [1, 3, 2])).kernel, 8)).toBe('22223331')
  })

  it('twos draws lots from the seed: the same for the same seed', async () => {
    const drawn = async (seed: number) => {
      const { kernel, ipvs } = await setUp({ dialect: 'mainline', seed })
      await ipvs.services.add({ ...WEB, scheduler: 'twos' })
      await addDestinations(ipvs, [1, 1, 1, 1])
      return turns(kernel, 20)
    }
    expect(await drawn(1)).toBe(await drawn(1))
    expect(await drawn(1)).not.toBe(await drawn(2))
    expect(new Set(await drawn(1)).size).toBe(4)
  })

  it('none refuses everything', async () => {
    const { kernel } = await scheduled('mainline', 'none', [1])
    expect(kernel.attempt({ client: '198.51.100.7:1', service: WEB }).refused).toEqual({
      kind: 'no-destination',
      scheduler: 'none',
    })
  })

  it('mh spreads by weight and moves few clients when one destination goes', async () => {
    const { kernel, ipvs } = await scheduled('mainline', 'mh', [1, 1, 2])
    const places = () => {
      const found = Array.from({ length: 200 }, (_, i) =>
        kernel.connect({ client: `203.0.113.${i}:1`, service: 'tcp 192.0.2.1:80' }),
      ).map(({ destination }) => destination.address)
      kernel.advance(2000)
      return found
    }
    const before = places()
    const share = (address: string) => before.filter((one) => one === address).length
    expect(share('10.0.0.3')).toBeGreaterThan(share('10.0.0.1') * 1.3)
    await ipvs.destinations.remove(WEB, { address: '10.0.0.1', port: 8080 })
    const after = places()
    const kept = before.filter((address, i) => address !== '10.0.0.1' && after[i] === address).length
    expect(kept).toBeGreaterThan((200 - share('10.0.0.1')) * 0.9)
    expect(after).not.toContain('10.0.0.1')
  })

  it('siphash depends on every bit of the word and stays within 32', () => {
    const key = 2654435761n
    const seen = new Set(Array.from({ length: 32 }, (_, bit) => siphash13((1 << bit) >>> 0, key)))
    expect(seen.size).toBe(32)
    for (const hash of seen) expect(hash >>> 0).toBe(hash)
  })
})

describe('schedulers of fullnat-v3', () => {
  it('every CPU schedules alone', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v3', cpus: 2 })
    await ipvs.services.add({ ...WEB, scheduler: 'rr' })
    await addDestinations(ipvs, [1, 1])
    const on = (cpu: number, port: number) =>
      kernel.connect({ client: `198.51.100.7:${port}`, service: WEB, cpu }).destination.address
    expect([on(0, 1), on(1, 2), on(0, 3), on(1, 4)]).toEqual(['10.0.0.2', '10.0.0.2', '10.0.0.1', '10.0.0.1'])
  })
})
