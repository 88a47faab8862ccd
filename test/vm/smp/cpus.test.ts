// The contract's core with several CPUs: fullnat-v3 keeps a copy of every service for each of them.

import { describe, expect, it } from 'vitest'
import { destinationsContract } from '../../contract/destinations'
import { real, useWorld, WEB } from '../../contract/harness'
import { localAddressesContract } from '../../contract/local-addresses'
import { servicesContract } from '../../contract/services'
import { kernelHarness } from '../support/kernel'

for (const kind of ['netlink', 'sockopt'] as const) {
  const harness = await kernelHarness(kind)

  describe(`with several CPUs, over ${kind}`, () => {
    const world = useWorld(harness)

    it('the guest has several', () => {
      expect(harness.cpus).toBeGreaterThan(1)
    })

    it('four clients write at the same time', async () => {
      await world.full.services.add(WEB)
      const clients = await Promise.all(Array.from({ length: 4 }, () => harness.open()))
      const results = await Promise.all(
        clients.map((client, i) =>
          client.batch(({ destinations }) => {
            for (let port = 1; port <= 250; port++) destinations.add(WEB, real(`198.51.100.${i + 1}`, port))
          }),
        ),
      )
      expect(results.flat().filter(({ status }) => status !== 'fulfilled')).toEqual([])
      for (const client of clients) expect(await client.destinations.list(WEB)).toHaveLength(1000)
      await Promise.all(clients.map((client) => client.close()))
    })

    it('every client meets the same winner of a race', async () => {
      await world.full.services.add(WEB)
      const clients = await Promise.all(Array.from({ length: 4 }, () => harness.open()))
      for (let round = 0; round < 10; round++) {
        const target = real('198.51.100.1', 1 + round)
        const settled = await Promise.allSettled(
          clients.map((client, i) => client.destinations.add(WEB, { ...target, weight: i + 1 })),
        )
        const winners = settled.flatMap(({ status }, i) => (status === 'fulfilled' ? [i + 1] : []))
        expect(winners).toHaveLength(1)
        for (const one of settled) if (one.status === 'rejected') expect(one.reason.code).toBe('EEXIST')
        for (const client of clients) {
          expect((await client.destinations.get(WEB, target))?.weight).toBe(winners[0])
        }
      }
      await Promise.all(clients.map((client) => client.close()))
    })
  })

  servicesContract(harness)
  destinationsContract(harness)
  localAddressesContract(harness)
}
