// Whatever a kernel holds, whatever is wanted, whatever fails on the way: the reconcile gets there, and nothing that works
// stops working on the way.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib/client/ipvs'
import type { DesiredDestination, DesiredService, DesiredState } from '../../lib/model/desired-state'
import { serviceKeyId } from '../../lib/model/keys'
import type { SnapshotService } from '../../lib/model/types'
import { apply, plan } from '../../lib/reconcile'
import type { FakeDialect } from '../../lib/testing'
import { FakeKernel } from '../../lib/testing'
import { DIALECTS } from './fake-support'

const methods = (dialect: FakeDialect, tcp: boolean) =>
  dialect === 'mainline' || !tcp ? (['masquerade', 'tunnel'] as const) : (['masquerade', 'fullnat'] as const)

const destination = (dialect: FakeDialect, tcp: boolean): fc.Arbitrary<DesiredDestination> =>
  fc.record({
    address: fc.constantFrom('10.9.0.1', '10.9.0.2', '10.9.0.3'),
    port: fc.constantFrom(80, 81),
    forwarding: fc.constantFrom(...methods(dialect, tcp)),
    weight: fc.constantFrom(0, 1, 1, 5),
    upperThreshold: fc.constantFrom(0, 10),
    state: fc.constantFrom('on', 'on', 'off', 'drain'),
    until: fc.constantFrom('2030-01-01T00:00:00Z'),
  })

const service = (dialect: FakeDialect): fc.Arbitrary<DesiredService> =>
  fc.constantFrom(1, 2, 3, 4).chain((which) => {
    const tcp = which !== 3
    const key =
      which === 4
        ? { fwmark: 7 }
        : { protocol: tcp ? ('tcp' as const) : ('udp' as const), address: `192.0.2.${which}`, port: 80 }
    return fc
      .record(
        {
          scheduler: fc.constantFrom('rr', 'wrr', 'wlc'),
          persistence: fc.constantFrom(null, { timeout: 60 }, { timeout: 60, netmask: '255.255.255.0' }),
          destinations: fc.uniqueArray(destination(dialect, tcp), {
            selector: ({ address, port }) => `${address}:${port}`,
            maxLength: 4,
          }),
          ...(dialect === 'mainline'
            ? {}
            : { localAddresses: fc.constantFrom([], ['10.1.0.1'], ['10.1.0.2', '10.1.0.3'], { pool: 'a' }) }),
        },
        { requiredKeys: ['scheduler'] },
      )
      .map((config) => ({ ...key, ...config }) as DesiredService)
  })

const state = (dialect: FakeDialect): fc.Arbitrary<DesiredState> =>
  fc
    .uniqueArray(service(dialect), { selector: (one) => serviceKeyId(one), maxLength: 4 })
    .map((services) => ({ pools: { a: { addresses: ['10.1.0.2', '10.1.0.4-10.1.0.5'] } }, services }))

const trouble = fc.array(
  fc.record({
    operation: fc.constantFrom('services.*', 'destinations.*', 'localAddresses.*'),
    kind: fc.constantFrom('ENOMEM', 'EEXIST', 'ENOENT', 'lose'),
    times: fc.integer({ min: 1, max: 3 }),
  }),
  { maxLength: 3 },
)

/** A new connection would find a destination, and get out to it. */
const works = ({ destinations, localAddresses }: SnapshotService): boolean =>
  destinations.some(
    ({ forwarding, weight }) => weight > 0 && (forwarding !== 'fullnat' || localAddresses.length > 0),
  )

const working = (services: readonly SnapshotService[]): Set<string> =>
  new Set(services.filter(works).map(({ service }) => serviceKeyId(service)))

describe.each(DIALECTS)('on %s', (dialect) => {
  const open = async () => {
    const kernel = new FakeKernel({ dialect })
    return {
      kernel,
      ipvs: await Ipvs.open({ transport: kernel.transport() }),
      watch: await Ipvs.open({ transport: kernel.transport() }),
    }
  }

  it('a plan that was applied leaves nothing to do, through every trouble', async () => {
    await fc.assert(
      fc.asyncProperty(state(dialect), state(dialect), trouble, async (first, second, troubles) => {
        const { kernel, ipvs } = await open()
        for (const desired of [first, second]) {
          for (const { operation, kind, times } of troubles) {
            if (kind === 'lose') kernel.loseAnswer(operation, { times })
            else kernel.fail(operation, kind, { times })
          }
          // What a fault hits is gone: each round has fewer, and the last none.
          for (let round = 0; ; round++) {
            const todo = await plan(ipvs, desired).catch(() => undefined)
            if (todo?.steps.every(({ verb }) => verb === 'report')) break
            if (todo) await apply(ipvs, todo).catch(() => undefined)
            expect(round).toBeLessThan(12)
          }
          kernel.clearFaults()
          expect((await plan(ipvs, desired)).steps.filter(({ verb }) => verb !== 'report')).toEqual([])
        }
      }),
    )
  })

  it('what works before and after works all the time', async () => {
    await fc.assert(
      fc.asyncProperty(state(dialect), state(dialect), async (first, second) => {
        const { kernel, ipvs, watch } = await open()
        await apply(ipvs, await plan(ipvs, first))
        const before = working((await watch.snapshot()).services)
        // What the end will be, on another kernel that began like this one.
        const other = await open()
        await apply(other.ipvs, await plan(other.ipvs, first))
        await apply(other.ipvs, await plan(other.ipvs, second))
        const after = working((await other.ipvs.snapshot()).services)
        const both = [...before].filter((id) => after.has(id))
        const dead: string[] = []
        const transport = kernel.transport()
        const stepwise = await Ipvs.open({ transport })
        const { steps } = await plan(stepwise, second)
        const whole = { version: 1, dialect, warnings: [], draining: [], unchanged: 0 } as const
        for (const step of steps) {
          await apply(stepwise, { ...whole, steps: [step] })
          const now = working((await watch.snapshot()).services)
          dead.push(...both.filter((id) => !now.has(id)).map((id) => `${id} after ${step.message}`))
        }
        expect(dead).toEqual([])
      }),
    )
  })
})
