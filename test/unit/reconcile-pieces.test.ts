import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib/client/ipvs'
import { readUntilAgreed } from '../../lib/model/agreeing-reads'
import type { DesiredState } from '../../lib/model/desired-state'
import type { DestinationInfo, SnapshotService } from '../../lib/model/types'
import type { PlanStep, ReconcileClient } from '../../lib/reconcile'
import { apply, plan, Reconciler } from '../../lib/reconcile'
import { DestinationSet } from '../../lib/reconcile/destination-set'
import { destinationFingerprint } from '../../lib/reconcile/fingerprint'
import { checkDesiredState } from '../../lib/reconcile/wanted'
import { WantedIndex } from '../../lib/reconcile/wanted-index'
import { FakeKernel } from '../../lib/testing'
import { turnsOf } from './support/turns'

const PER_SERVICE = 100
const stateOf = (services: number, weight: number): DesiredState =>
  ({
    services: Array.from({ length: services }, (_, i) => ({
      ...{ protocol: 'tcp', address: `192.0.2.${i + 1}`, port: 80, scheduler: 'wrr' },
      destinations: Array.from({ length: PER_SERVICE }, (_unused, j) => {
        return { address: `10.9.${i}.${j + 1}`, port: 8080, forwarding: 'masquerade', weight }
      }),
    })),
  }) as DesiredState

/** A client that answers at once with what was read before, and counts. */
async function doubleOf(services: number) {
  const ipvs = await Ipvs.open({ transport: new FakeKernel({ dialect: 'mainline' }).transport() })
  await apply(ipvs, await plan(ipvs, stateOf(services, 1)))
  const read = await ipvs.snapshot()
  const seen = { snapshots: 0, batches: [] as number[] }
  const client: ReconcileClient = {
    ...{ capabilities: ipvs.capabilities, timeouts: ipvs.timeouts, daemons: ipvs.daemons },
    ...{ services: ipvs.services, destinations: ipvs.destinations, localAddresses: ipvs.localAddresses },
    async snapshot() {
      seen.snapshots++
      return read
    },
    async batch(build) {
      let count = 0
      const put = () => {
        count++
      }
      const verbs = { add: put, set: put, remove: put }
      build({ services: verbs, destinations: verbs, localAddresses: verbs })
      seen.batches.push(count)
      return Array.from({ length: count }, () => ({ status: 'fulfilled' }))
    },
  }
  return { ipvs, client, seen, read }
}

describe('a large state', () => {
  const services = 50
  const rows = services * PER_SERVICE

  it('is checked, compared and done in pieces: the event loop turns for every few hundred rows', async () => {
    const { client, seen } = await doubleOf(services)
    const same = await turnsOf(() => plan(client, stateOf(services, 1)))
    // Checked, compared, and looked through for warnings.
    expect(same.turns).toBeGreaterThan((3 * rows) / 300)
    const { turns, value } = await turnsOf(() => plan(client, stateOf(services, 2)))
    expect(value.steps).toHaveLength(rows)
    expect(turns).toBeGreaterThan((6 * rows) / 300)
    const applied = await turnsOf(() => apply(client, value))
    expect(applied.value.counts.done).toBe(rows)
    expect(applied.turns).toBeGreaterThan((4 * rows) / 300)
    expect(Math.max(...seen.batches)).toBeLessThanOrEqual(1000)
  })

  it('one service with all of them is no exception', async () => {
    const { client } = await doubleOf(1)
    const { services: [one] = [] } = stateOf(1, 1)
    const many = Array.from({ length: rows }, (_, i) => {
      return { address: `10.${i >> 8}.${i & 255}.1`, port: 80, forwarding: 'masquerade', weight: 1 } as const
    })
    const desired = { services: [{ ...one, destinations: many }] } as DesiredState
    const { turns, value } = await turnsOf(() => plan(client, desired))
    expect(value.steps).toHaveLength(rows + PER_SERVICE)
    expect(turns).toBeGreaterThan((3 * rows) / 300)
  })

  it('the table is read once where nothing is to be done, and until two reads agree where something is', async () => {
    const { client, seen } = await doubleOf(2)
    expect((await plan(client, stateOf(2, 1))).steps).toEqual([])
    expect(seen.snapshots).toBe(1)
    expect((await plan(client, stateOf(2, 2))).steps).toHaveLength(2 * PER_SERVICE)
    expect(seen.snapshots).toBe(3)
  })

  it('what only is told needs no second read', async () => {
    const { client, seen } = await doubleOf(2)
    const { steps } = await plan(client, stateOf(2, 1), { remembered: [] })
    expect(steps.map(({ verb, reason }: PlanStep) => `${verb} ${reason}`)).toEqual([
      'report not-ours',
      'report not-ours',
    ])
    expect(seen.snapshots).toBe(1)
  })
})

describe('what a plan is made from', () => {
  it('a client that doubts its own read makes no removal', async () => {
    const { client, read } = await doubleOf(1)
    const doubting = { ...client, snapshot: async () => ({ ...read, consistent: false }) }
    const { steps, warnings } = await plan(doubting, { services: [] })
    expect(steps).toMatchObject([{ verb: 'report', reason: 'table-in-motion' }])
    expect(warnings).toMatchObject([{ code: 'table-in-motion' }])
  })

  it('a share of removals is one of services and destinations', async () => {
    const { client } = await doubleOf(1)
    const [one] = stateOf(1, 1).services ?? []
    const without = (count: number) =>
      ({ services: [{ ...one, destinations: one?.destinations?.slice(count) }] }) as DesiredState
    const verbsOf = async (count: number) => {
      const { steps } = await plan(client, without(count), { maxRemovals: { share: 0.5 } })
      return Array.from(new Set(steps.map(({ verb }) => verb)))
    }
    // Of 101 objects.
    expect(await verbsOf(50)).toEqual(['remove'])
    expect(await verbsOf(51)).toEqual(['report'])
  })

  it('a pool that fits one service need not fit another', () => {
    const state = {
      pools: { front: { addresses: ['10.1.0.1'] } },
      services: ['192.0.2.1', '192.0.2.2', '2001:db8::1'].map((address) => {
        return { protocol: 'tcp', address, port: 80, localAddresses: { pool: 'front' } } as const
      }),
    }
    let problems: unknown
    try {
      checkDesiredState(state)
    } catch (error) {
      problems = (error as { problems?: unknown }).problems
    }
    expect(problems).toMatchObject([{ path: 'services[2].localAddresses.pool' }])
  })
})

describe('a state that its caller changes later', () => {
  it('is to a Reconciler what it was when it came', async () => {
    const kernel = new FakeKernel({ dialect: 'mainline' })
    const ipvs = await Ipvs.open({ transport: kernel.transport() })
    const persistence = { timeout: 60 }
    const to = { address: '10.9.0.1', port: 8080, forwarding: 'tunnel', tunnel: { type: 'gue', port: 6080 } }
    const desired = {
      services: [
        {
          protocol: 'tcp',
          address: '192.0.2.1',
          port: 80,
          persistence,
          schedulerFlags: ['flag-1'],
          destinations: [to],
        },
      ],
      timeouts: { tcp: 800 },
      daemons: [{ state: 'backup', interface: 'eth0', syncId: 3 }],
    }
    const reconciler = new Reconciler({
      open: async () => ipvs,
      desired: (async function* () {
        yield desired as unknown as DesiredState
      })(),
    })
    const reached = new Promise((resolve) => reconciler.on('reached', resolve))
    reconciler.start()
    await reached
    persistence.timeout = 5
    to.tunnel.port = 1
    desired.timeouts.tcp = 1
    for (const daemon of desired.daemons) daemon.syncId = 9
    desired.services[0]?.schedulerFlags.push('flag-2')
    desired.services.length = 0
    const round = await reconciler.now()
    expect(round?.error).toBeUndefined()
    expect(round?.plan?.steps).toEqual([])
    await reconciler.stop()
  })
})

describe('a fingerprint', () => {
  it('of a destination is another one where any of its configuration is', () => {
    const base = {
      forwarding: 'tunnel',
      weight: 1,
      upperThreshold: 9,
      lowerThreshold: 5,
      tunnel: { type: 'gre' },
    }
    const others = [
      { forwarding: 'masquerade' },
      { weight: 2 },
      { upperThreshold: 10 },
      { lowerThreshold: 4 },
      { tunnel: { type: 'ipip' } },
      { tunnel: { type: 'gre', checksum: 'full' } },
      { tunnel: undefined },
    ].map((more) => ({ ...base, ...more }))
    const prints = [base, ...others].map((info) => destinationFingerprint(info as DestinationInfo))
    expect(new Set(prints).size).toBe(prints.length)
    // In whatever order one asks.
    expect(
      [base, ...others].reverse().map((info) => destinationFingerprint(info as DestinationInfo)),
    ).toEqual([...prints].reverse())
    const counted = { ...base, activeConnections: 7 } as unknown as DestinationInfo
    expect(destinationFingerprint(counted)).toBe(prints[0])
  })
})

describe('WantedIndex', () => {
  const key = fc.record({
    address: fc.integer({ min: 1, max: 9 }).map((n) => `10.0.0.${n}`),
    port: fc.constantFrom(1, 2),
  })
  const unique = fc.uniqueArray(key, { selector: ({ address, port }) => `${address} ${port}`, maxLength: 12 })

  it('finds each under its key, in whatever order the kernel has them, and knows what is missing', () => {
    fc.assert(
      fc.property(
        unique,
        fc.array(key, { maxLength: 16 }),
        fc.constantFrom('as it is', 'same', 'reverse'),
        (wanted, random, order) => {
          const found = order === 'same' ? wanted : order === 'reverse' ? [...wanted].reverse() : random
          const state = checkDesiredState({
            services: [
              {
                ...{ protocol: 'tcp', address: '192.0.2.1', port: 80 },
                destinations: wanted.map((one) => ({ ...one, forwarding: 'masquerade' }) as const),
              },
            ],
          })
          const destinations = state.services?.values().next().value?.destinations ?? []
          const index = new WantedIndex(destinations)
          const name = ({ address, port }: { address: string; port: number }) => `${address} ${port}`
          for (const info of found) {
            const match = index.find(info as DestinationInfo)
            const expected = wanted.find((one) => name(one) === name(info))
            expect(match && name(match)).toBe(expected && name(expected))
          }
          const there = new Set(found.map(name))
          const missing: string[] = []
          index.forEachMissing((one) => missing.push(name(one)))
          expect(missing).toEqual(wanted.map(name).filter((one) => !there.has(one)))
        },
      ),
    )
  })
})

describe('DestinationSet', () => {
  const key = fc.record({
    address: fc.integer({ min: 0, max: 40 }).map((n) => `2001:db8::${n}`),
    port: fc.constantFrom(0, 1, 65535),
  })

  it('takes what is not in the list, list after list, and no list knows of those before', () => {
    fc.assert(
      fc.property(fc.array(fc.array(key, { maxLength: 120 }), { maxLength: 6 }), (lists) => {
        const set = new DestinationSet()
        for (const wanted of lists) {
          set.begin(wanted.length)
          const list: { address: string; port: number }[] = []
          const known = new Set<string>()
          for (const one of wanted) {
            const name = `${one.address} ${one.port}`
            expect(set.add(list, { ...one })).toBe(!known.has(name))
            known.add(name)
          }
          expect(list).toHaveLength(known.size)
        }
      }),
    )
  })
})

describe('reads that agree', () => {
  const service = (port: number, destinations: readonly number[], locals: readonly number[] = []) =>
    ({
      service: { protocol: 'tcp', address: '192.0.2.1', port, family: 'ipv4' },
      destinations: destinations.map((last) => ({ address: `10.0.0.${last}`, port: 80 })),
      localAddresses: locals.map((last) => ({ address: `10.1.0.${last}` })),
    }) as unknown as SnapshotService
  const keyed = (key: object, ...destinations: readonly object[]) => {
    const one = service(80, [])
    const found = destinations.map((more) => ({ address: '10.0.0.1', ...more }))
    const made = 'fwmark' in key ? key : { ...one.service, ...key }
    return { ...one, service: made, destinations: found } as unknown as SnapshotService
  }
  const agreed = async (...reads: (readonly SnapshotService[])[]) => {
    let count = 1
    const { services, consistent } = await readUntilAgreed(reads[0] ?? [], async () => {
      const next = reads[Math.min(count, reads.length - 1)] ?? []
      count++
      return next
    })
    return { services, consistent, count }
  }

  it('have the same objects, in whatever order', async () => {
    const one = [service(80, [1, 2], [1, 2]), service(81, [])]
    expect(await agreed(one, one)).toEqual({ services: one, consistent: true, count: 2 })
    const other = [service(81, []), service(80, [2, 1], [2, 1])]
    expect(await agreed(one, other)).toEqual({ services: other, consistent: true, count: 2 })
  })

  it.each([
    ['a service', [service(80, [1])], [service(80, [1]), service(81, [])]],
    ['another service', [service(80, [1])], [service(81, [1])]],
    ['one twice', [service(80, [1]), service(80, [1])], [service(80, [1]), service(81, [1])]],
    ['a destination', [service(80, [1])], [service(80, [])]],
    ['another destination', [service(80, [1])], [service(80, [2])]],
    [
      'a destination of another service',
      [service(80, [1]), service(81, [])],
      [service(81, [1]), service(80, [])],
    ],
    ['a local address', [service(80, [1], [1])], [service(80, [1], [2])]],
    ['a protocol', [service(80, [])], [keyed({ protocol: 'udp', address: '192.0.2.1', port: 80 })]],
    ['a firewall mark', [keyed({ fwmark: 1, family: 'ipv4' })], [keyed({ fwmark: 2, family: 'ipv4' })]],
    ['a family', [keyed({ fwmark: 1, family: 'ipv4' })], [keyed({ fwmark: 1, family: 'ipv6' })]],
    ['a port', [keyed({ port: 80 }, { port: 80 })], [keyed({ port: 80 }, { port: 81 })]],
  ])('do not when they differ by %s', async (_, one, other) => {
    expect(await agreed(one, other)).toMatchObject({ services: other, consistent: true, count: 3 })
  })

  it('are given up after ten', async () => {
    let n = 0
    const { consistent } = await readUntilAgreed([], async () => [service(++n, [])])
    expect(consistent).toBe(false)
    expect(n).toBe(9)
  })
})
