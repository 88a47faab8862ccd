// Random states, faults at every request, other writers: the kernel gets there, and after every single request what works
// before and after works all the time.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib/client/ipvs'
import type { DesiredDestination, DesiredService, DesiredState } from '../../lib/model/desired-state'
import { serviceKeyId } from '../../lib/model/keys'
import { FORWARDING_METHODS } from '../../lib/model/numbers'
import type { ServiceKey } from '../../lib/model/types'
import { apply, plan } from '../../lib/reconcile'
import type { FakeDialect } from '../../lib/testing'
import { FakeKernel } from '../../lib/testing'
import { DIALECTS } from './fake-support'
import { quiet, startReconciler } from './support/reconciler-lab'

const PORTS = [80, 81, 82, 83]
const keyOf = (port: number) => ({ protocol: 'tcp', address: '192.0.2.1', port }) as const

const destination = (dialect: FakeDialect): fc.Arbitrary<DesiredDestination> =>
  fc.record({
    address: fc.constantFrom('10.9.0.1', '10.9.0.2', '10.9.0.3'),
    port: fc.constant(8080),
    forwarding: fc.constantFrom(
      ...(dialect === 'mainline'
        ? (['masquerade', 'tunnel'] as const)
        : (['masquerade', 'fullnat', 'fullnat'] as const)),
    ),
    weight: fc.constantFrom(0, 1, 1, 5),
    state: fc.constantFrom('on', 'on', 'on', 'off', 'drain'),
  })

const service = (dialect: FakeDialect, ports: readonly number[]): fc.Arbitrary<DesiredService> =>
  fc
    .record({
      port: fc.constantFrom(...ports),
      scheduler: fc.constantFrom('rr', 'wrr', 'wlc'),
      destinations: fc.uniqueArray(destination(dialect), {
        selector: ({ address }) => address,
        maxLength: 3,
      }),
      localAddresses: fc.constantFrom(['10.1.0.1'], ['10.1.0.2'], ['10.1.0.1', '10.1.0.3'], []),
    })
    .map(({ port, localAddresses, ...config }) => ({
      ...keyOf(port),
      ...config,
      ...(dialect === 'mainline' ? {} : { localAddresses }),
    }))

const state = (dialect: FakeDialect, ports: readonly number[] = PORTS): fc.Arbitrary<DesiredState> =>
  fc
    .uniqueArray(service(dialect, ports), {
      selector: (one) => serviceKeyId(one as ServiceKey),
      maxLength: ports.length,
    })
    .map((services) => ({ services }))

/** Of what the kernel holds, those services that a client would get an answer from. */
function working(kernel: FakeKernel): Set<string> {
  const found = new Set<string>()
  for (const { key, destinations, localAddresses } of kernel.dump().services) {
    const reachable = localAddresses.some((ofCpu) => (ofCpu?.list.length ?? 0) > 0)
    const can = destinations.some(
      ({ weight, forwarding }) => weight > 0 && (forwarding !== FORWARDING_METHODS.fullnat || reachable),
    )
    if (can) found.add(key)
  }
  return found
}

/** The share of requests that something goes wrong with, by their place among all writes. */
const trouble = fc.array(
  fc.record({
    at: fc.integer({ min: 0, max: 40 }),
    kind: fc.constantFrom('ENOMEM', 'EEXIST', 'ENOENT', 'ESRCH', 'lose'),
  }),
  { maxLength: 6 },
)

describe.each(DIALECTS)('on %s', (dialect) => {
  const open = (kernel: FakeKernel) => Ipvs.open({ transport: kernel.transport() })

  it('every single request leaves what works, whatever fails on the way', async () => {
    await fc.assert(
      fc.asyncProperty(state(dialect), state(dialect), trouble, async (first, second, troubles) => {
        const [kernel, model] = [new FakeKernel({ dialect }), new FakeKernel({ dialect })]
        const [ipvs, other] = await Promise.all([open(kernel), open(model)])
        for (const client of [ipvs, other]) await apply(client, await plan(client, first))
        const before = working(kernel)
        for (let i = 0; i < 2; i++) await apply(other, await plan(other, second))
        const after = working(model)
        const both = [...before].filter((id) => after.has(id))
        const dead: string[] = []
        let writes = 0
        const look = (what: string) => {
          const now = working(kernel)
          dead.push(...both.filter((id) => !now.has(id)).map((id) => `${id} before ${what}`))
        }
        kernel.fail(
          ({ operation }) => {
            if (/\.(add|set|remove)$/.test(operation)) {
              look(`${writes} ${operation}`)
              const wrong = troubles.find(({ at }) => at === writes++)
              if (wrong?.kind === 'lose') kernel.loseAnswer(operation)
              else if (wrong) kernel.fail(operation, wrong.kind as 'ENOMEM')
            }
            return false
          },
          'EIO',
          { times: Number.POSITIVE_INFINITY },
        )
        for (let round = 0; ; round++) {
          const todo = await plan(ipvs, second)
          if (todo.steps.every(({ verb }) => verb === 'report')) break
          await apply(ipvs, todo)
          expect(round).toBeLessThan(10)
        }
        look('the end')
        expect(dead).toEqual([])
        kernel.clearFaults()
        expect((await plan(ipvs, second)).steps.filter(({ verb }) => verb !== 'report')).toEqual([])
      }),
      { numRuns: 60 },
    )
  })

  /** What others do: somebody with the same library, and one that deletes a service and adds it anew, as keepalived's reload can. */
  const meddling = fc.array(
    fc.record({
      kind: fc.constantFrom('weight', 'remove', 'local address', 'delete and add', 'flush'),
      port: fc.constantFrom(...PORTS),
    }),
    { maxLength: 6 },
  )

  async function meddle(ipvs: Ipvs, { kind, port }: { kind: string; port: number }): Promise<void> {
    const key = keyOf(port)
    const failed = () => {}
    const [one] = await ipvs.destinations.list(key).catch(() => [])
    if (kind === 'weight' && one) await ipvs.destinations.update(key, one, { weight: 3 }).catch(failed)
    else if (kind === 'remove' && one) await ipvs.destinations.remove(key, one).catch(failed)
    else if (kind === 'local address' && dialect !== 'mainline') {
      await ipvs.localAddresses.remove(key, '10.1.0.1').catch(failed)
    } else if (kind === 'delete and add') {
      await ipvs.services.remove(key).catch(failed)
      await ipvs.services.add({ ...key, scheduler: 'lc' }).catch(failed)
      await ipvs.destinations
        .add(key, { address: '10.9.0.7', port: 1, forwarding: 'masquerade' })
        .catch(failed)
    } else if (kind === 'flush') await ipvs.flush()
  }

  it('a Reconciler gets there through faults and other writers, and then leaves it alone', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(state(dialect), { minLength: 1, maxLength: 4 }),
        meddling,
        trouble,
        async (states, others, troubles) => {
          const lab = await startReconciler({}, { dialect })
          const { kernel, reconciler } = lab
          for (const { kind, at } of troubles) {
            const target = (['services.*', 'destinations.*', 'localAddresses.*'] as const)[
              at % 3
            ] as 'services.*'
            if (kind === 'lose') kernel.loseAnswer(target)
            else kernel.fail(target, kind as 'ENOMEM')
          }
          for (const one of states) {
            await lab.apply(one)
            const next = others.pop()
            if (next) await meddle(lab.other, next)
          }
          for (const one of others) {
            await meddle(lab.other, one)
            await lab.advance(40_000)
          }
          kernel.clearFaults()
          await lab.advance(200_000)
          const last = states[states.length - 1] as DesiredState
          const left = (await plan(lab.other, last)).steps.filter(({ verb }) => verb !== 'report')
          expect(left).toEqual([])
          expect(reconciler.status()).toMatchObject({ settled: true, failures: 0 })
          kernel.requests.length = 0
          await lab.advance(100_000)
          expect(kernel.requests.filter(({ operation }) => operation !== 'snapshot')).toEqual([])
          await reconciler.stop()
        },
      ),
      { numRuns: 40 },
    )
  })

  it('two with scopes of their own do not touch what is not theirs', async () => {
    await fc.assert(
      fc.asyncProperty(
        state(dialect, [80, 81]),
        state(dialect, [82, 83]),
        meddling,
        async (mine, theirs, others) => {
          const kernel = new FakeKernel({ dialect })
          const [one, two] = await Promise.all([
            startReconciler({ plan: { manage: { ports: [80, 81] } } }, {}, kernel),
            startReconciler({ plan: { manage: { ports: [82, 83] } } }, {}, kernel),
          ])
          await one.other.services.add({ ...keyOf(99), scheduler: 'rr' })
          // In one tick: their requests come between each other.
          one.states.push(mine)
          two.states.push(theirs)
          await quiet(one.reconciler, two.reconciler)
          for (const other of [undefined, ...others.filter(({ kind }) => kind !== 'flush')]) {
            if (other) await meddle(one.other, other)
            await Promise.all([one.advance(61_000), two.advance(61_000)])
          }
          for (const [lab, desired, ports] of [
            [one, mine, [80, 81]],
            [two, theirs, [82, 83]],
          ] as const) {
            const { steps } = await plan(lab.other, desired, { manage: { ports } })
            expect(steps.filter(({ verb }) => verb !== 'report')).toEqual([])
            expect(lab.reconciler.status().settled).toBe(true)
            await lab.reconciler.stop()
          }
          expect(await one.other.services.get(keyOf(99))).toMatchObject({ scheduler: 'rr' })
        },
      ),
      { numRuns: 30 },
    )
  })
})
