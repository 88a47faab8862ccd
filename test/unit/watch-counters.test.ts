// Rates beside the 64 bits that the kernel counts with: whatever makes counters wrap, go back or begin again between two polls.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ipvs, type Stats, type TrafficRates } from '../../lib'
import { FakeKernel } from '../../lib/testing'
import { Watching } from './support/watch'

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const TARGETS = ['10.0.0.1', '10.0.0.2'].map((address) => ({ address, port: 80 }))
const COUNTERS = ['connections', 'inPackets', 'outPackets', 'inBytes', 'outBytes'] as const

const target = fc.nat(TARGETS.length - 1)
const packets = fc.oneof(
  fc.bigInt({ min: 0n, max: 1000n }),
  fc.bigInt({ min: (1n << 32n) - 1000n, max: (1n << 32n) - 1n }),
  fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }),
)
const event = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('traffic' as const),
      target,
      packets,
      size: fc.bigInt({ min: 40n, max: 1500n }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('again' as const, 'remove' as const), target }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('zero' as const, 'reload' as const, 'service' as const) }),
  },
)
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never

async function fill(ipvs: Ipvs): Promise<void> {
  await ipvs.services.ensure({ ...WEB, scheduler: 'rr' })
  for (const one of TARGETS) await ipvs.destinations.ensure(WEB, { ...one, forwarding: 'masquerade' })
}

async function happen(kernel: FakeKernel, ipvs: Ipvs, what: Event): Promise<void> {
  switch (what.do) {
    case 'traffic': {
      const { packets: inPackets, size } = what
      const counts = { inPackets, inBytes: inPackets * size, outPackets: 2n, outBytes: 2n * size }
      kernel.traffic({ service: WEB, destination: TARGETS[what.target] as (typeof TARGETS)[0] }, counts)
      return
    }
    case 'remove':
    case 'again':
      await ipvs.destinations.remove(WEB, TARGETS[what.target] as (typeof TARGETS)[0])
      return fill(ipvs)
    case 'zero':
      return ipvs.zero(WEB)
    case 'service':
      await ipvs.services.remove(WEB)
      return fill(ipvs)
    case 'reload':
      kernel.loadModule()
      return fill(ipvs)
  }
}

/** All 64 bits, by row. */
async function truth(ipvs: Ipvs): Promise<ReadonlyMap<string, Stats>> {
  const { services } = await ipvs.snapshot()
  return new Map(
    services.flatMap(({ service, destinations }) => [
      ['service', service.stats] as const,
      ...destinations.map(({ address, stats }) => [address, stats] as const),
    ]),
  )
}

const SOURCES = [
  { dialect: 'mainline', netlink: true },
  { dialect: 'mainline', netlink: false },
  { dialect: 'fullnat-v2', netlink: true },
] as const

describe.each(SOURCES)('$dialect, netlink $netlink', ({ dialect, netlink }) => {
  it('a gain is what was counted, a counter that went back is never a rate', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(event, { maxLength: 3 }), { maxLength: 6 }), async (polls) => {
        const kernel = new FakeKernel({ dialect })
        const whole = await Ipvs.open({ transport: kernel.transport() })
        const ipvs = await Ipvs.open({ transport: kernel.transport({ netlink }) })
        await fill(whole)
        const watch = new Watching(ipvs)
        await watch.next()
        let before = await truth(whole)
        for (const events of polls) {
          let flow = 0n
          for (const one of events) {
            if (one.do === 'traffic') flow += one.packets
            await happen(kernel, whole, one)
          }
          kernel.advance(3)
          const { rates, elapsed } = await watch.next()
          const after = await truth(whole)
          for (const [row, stats] of after) {
            const to = TARGETS.find(({ address }) => address === row)
            const rate: TrafficRates | undefined = to ? rates?.destination(WEB, to) : rates?.service(WEB)
            const old = before.get(row)
            if (rate === undefined || old === undefined) continue
            const gained = COUNTERS.map((name) => stats[name] - old[name])
            const shown = COUNTERS.map((name) => Math.round((rate[name] * (elapsed as number)) / 1000))
            for (const value of shown) expect(value).toBeGreaterThanOrEqual(0)
            const back = gained.some((value) => value < 0n)
            const bytesBack = (gained[3] as bigint) < 0n || (gained[4] as bigint) < 0n
            if (bytesBack || (back && netlink)) expect([rate.reset, ...shown]).toEqual([true, 0, 0, 0, 0, 0])
            // More than 32 bits in one interval nobody can see.
            else if (!back && (netlink || flow < 1n << 32n)) {
              expect(rate.reset).toBe(false)
              expect(shown).toEqual(gained.map(Number))
            }
          }
          before = after
        }
        await watch.end()
        await ipvs.close()
        await whole.close()
      }),
      { numRuns: 60 },
    )
  })
})
