// What went wrong in other control planes of load balancers (43 public issues and changes, each a lesson), and the test that says
// how it goes here. The table is held against the tests: a title that no file has fails.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib/client/ipvs'
import type {
  DesiredDestination,
  DesiredLocalAddressDrain,
  DesiredService,
  DesiredState,
} from '../../lib/model/desired-state'
import type { AddressServiceKey } from '../../lib/model/types'
import type { Plan } from '../../lib/reconcile'
import { apply, destroy, plan, suggestLocalAddresses } from '../../lib/reconcile'
import { FakeKernel } from '../../lib/testing'
import { destinationMaker, WEB } from './support/desired'
import { startReconciler, turns } from './support/reconciler-lab'

const HERE = 'reconcile-lessons'
const PLANS = 'reconcile'
const LOOP = 'reconciler'
const RANDOM = 'reconcile-convergence'
const RANDOM_LOOP = 'reconciler-convergence'

/** By the number of the lesson: the file and the title of the test, or why there is none. */
const LESSONS: readonly (readonly [number, string, string])[] = [
  [1, HERE, 'lessons 1 and 13: a removal that cuts connections says so, and a drain does not'],
  [2, HERE, 'lessons 2 and 40: a UDP drain has a time, and ends at it'],
  [3, HERE, 'lesson 3: which connections keep a drained destination is chosen by protocol'],
  [4, HERE, 'lesson 4: off ends a drain at once, whatever connections it has'],
  [5, HERE, 'lesson 5: settings with which a drain is none are told with the plan'],
  [6, LOOP, 'another one goes on with a drain: all of it stands in the kernel and in the state (lesson 8)'],
  [7, LOOP, 'ends a drain when its connections are gone, and wakes for its deadline (lessons 3, 6 and 8)'],
  [8, PLANS, 'drain: weight 0, then gone when its connections are, or at its time'],
  [9, HERE, 'lesson 9: why a destination is off decides nothing about when it is on'],
  [10, HERE, 'lessons 10 and 33: back from a drain is a change, to the weight that is wanted now'],
  [11, '', 'docs/reconcile.md has the table of what the end of a destination means'],
  [12, HERE, 'lesson 12: schedulers that move the clients of others are told'],
  [13, HERE, 'lessons 1 and 13: a removal that cuts connections says so, and a drain does not'],
  [14, HERE, 'lesson 14: destinations are known by their address, and a change keeps their counters'],
  [15, LOOP, 'remembers what it made before it makes it, and forgets what is gone (lessons 15, 16 and 17)'],
  [16, PLANS, 'what is outside is never touched, nor named'],
  [17, PLANS, 'what is not remembered is somebody else’s, unless it is adopted'],
  [18, '', 'addresses of devices are not touched here: whoever adds a VIP to a device takes it away'],
  [19, HERE, 'lesson 19: destroy() takes away a scope, and nothing else'],
  [20, LOOP, 'mends what somebody else changed at the next look, and says what (lessons 20 and 8)'],
  [21, LOOP, 'a state that cannot be changes nothing; the last good one stays (lessons 21 and 43)'],
  [22, RANDOM, 'a plan that was applied leaves nothing to do, through every trouble'],
  [23, PLANS, 'leave alone what there is no opinion about; empty is an opinion'],
  [24, LOOP, 'makes one round at a time; what comes meanwhile is done after it'],
  [25, HERE, 'lessons 25 and 38: a kernel that hangs costs a round, and not the loop'],
  [26, PLANS, 'bring what is new before what goes, and tell what differs'],
  [27, HERE, 'lesson 27: a local address that the kernel keeps is removed by a later plan'],
  [
    28,
    HERE,
    'lessons 28 and 29: protocol and address are identity: the new service has everything before the old one goes',
  ],
  [
    29,
    HERE,
    'lessons 28 and 29: protocol and address are identity: the new service has everything before the old one goes',
  ],
  [30, HERE, 'lesson 30: a pool that grows adds its new addresses to each service, and nothing else'],
  [31, RANDOM_LOOP, 'every single request leaves what works, whatever fails on the way'],
  [32, HERE, 'lesson 32: a change of the service touches no destination, and brings none back'],
  [33, HERE, 'lessons 10 and 33: back from a drain is a change, to the weight that is wanted now'],
  [34, '', 'weights are whole numbers of the desired state; nothing here multiplies them'],
  [35, PLANS, 'a step whose object has changed meanwhile is not done'],
  [36, PLANS, 'leave alone what there is no opinion about; empty is an opinion'],
  [37, HERE, 'lesson 37: after a failure only what was concerned is read again'],
  [38, HERE, 'lessons 25 and 38: a kernel that hangs costs a round, and not the loop'],
  [39, PLANS, 'what fails stops its own service alone, and nothing that worked goes'],
  [40, HERE, 'lessons 2 and 40: a UDP drain has a time, and ends at it'],
  [41, LOOP, 'asks a source that failed again for the whole state (lesson 41)'],
  [42, HERE, 'lesson 42: where health says that everything is down the last that worked stays'],
  [43, PLANS, 'is refused with everything that is wrong, before anything is read'],
]

it('every lesson has its test, or the reason why it has none', () => {
  expect(LESSONS.map(([number]) => number)).toEqual(Array.from({ length: 43 }, (_, i) => i + 1))
  for (const [, file, title] of LESSONS) {
    if (file !== '') expect(readFileSync(`test/unit/${file}.test.ts`, 'utf8')).toContain(`'${title}'`)
  }
})

const DNS = { protocol: 'udp', address: '192.0.2.1', port: 53 } as const
const at = destinationMaker('fullnat')
const web = (
  destinations: readonly DesiredDestination[],
  more: Partial<DesiredService> = {},
): DesiredState => ({
  services: [{ ...WEB, localAddresses: ['10.1.0.1'], destinations, ...more } as DesiredService],
})

async function open(kernel = new FakeKernel({ dialect: 'fullnat-v2' })) {
  const ipvs = await Ipvs.open({ transport: kernel.transport(), timeout: 200 })
  return {
    kernel,
    ipvs,
    make: async (state: DesiredState) => apply(ipvs, await plan(ipvs, state)),
    connect: (n: number, service = 'tcp 192.0.2.1:80') =>
      kernel.connect({ client: `203.0.113.${n}:1000`, service }),
  }
}
const verbs = ({ steps }: Plan) => steps.map(({ verb, kind, reason }) => `${verb} ${kind} ${reason}`)
const codes = ({ warnings }: Plan) => warnings.map(({ code }) => code)

describe('drains', () => {
  it('lessons 1 and 13: a removal that cuts connections says so, and a drain does not', async () => {
    const { ipvs, make, connect } = await open()
    await make(web([at(1), at(2)]))
    for (const n of [1, 2]) connect(n)
    const gone = await plan(ipvs, web([at(1)]))
    expect(gone.warnings).toMatchObject([
      {
        code: 'cuts-connections',
        message: expect.stringContaining('1 active connections of 1 destinations'),
      },
    ])
    expect(gone.warnings[0]?.message).toContain('expire_nodest_conn 0')
    await ipvs.sysctl.set('expire_nodest_conn', 1)
    expect((await plan(ipvs, { services: [] })).warnings[0]?.message).toBe(
      '2 active connections of 2 destinations that go end at once (expire_nodest_conn 1)',
    )
    const drain = await plan(ipvs, web([at(1), at(2, { state: 'drain' })]))
    expect(verbs(drain)).toEqual(['drain destination drain'])
    expect(drain.warnings).toEqual([])
  })

  it('lessons 2 and 40: a UDP drain has a time, and ends at it', async () => {
    const { kernel, ipvs, make } = await open()
    const until = '2030-01-01T00:00:00Z'
    const dns = (more: Partial<DesiredDestination>): DesiredState => ({
      services: [{ ...DNS, localAddresses: ['10.1.0.1'], destinations: [at(1), at(2, more)] }],
    })
    await expect(plan(ipvs, dns({ state: 'drain' }))).rejects.toMatchObject({
      problems: [{ path: 'services[0].destinations[1].until' }],
    })
    await make(dns({}))
    for (const n of [1, 2]) kernel.connect({ client: `203.0.113.${n}:53`, service: 'udp 192.0.2.1:53' })
    const draining = dns({ state: 'drain', until })
    await make(draining)
    const gone = ['remove destination drained']
    // Its connections are never active.
    for (const drainWhile of [
      undefined,
      'all',
      {},
      { udp: 'all' },
      { tcp: 'active', udp: undefined },
    ] as const) {
      const before = await plan(ipvs, draining, { drainWhile, now: Date.parse(until) - 1 })
      expect(before).toMatchObject({ steps: [], draining: [{ until: '2030-01-01T00:00:00.000Z' }] })
      expect(verbs(await plan(ipvs, draining, { drainWhile, now: Date.parse(until) }))).toEqual(gone)
    }
    for (const drainWhile of ['active', { udp: 'active' }] as const) {
      expect(verbs(await plan(ipvs, draining, { drainWhile, now: 0 }))).toEqual(gone)
    }
    // They end when no packet comes any more.
    kernel.advance(301)
    expect(verbs(await plan(ipvs, draining, { now: 0 }))).toEqual(gone)
  })

  it('lesson 3: which connections keep a drained destination is chosen by protocol', async () => {
    const { ipvs, make, connect } = await open()
    await make(web([at(1), at(2)]))
    for (const n of [1, 2]) connect(n).close()
    const draining = web([at(1), at(2, { state: 'drain' })])
    await make(draining)
    expect(verbs(await plan(ipvs, draining))).toEqual(['remove destination drained'])
    for (const drainWhile of ['all', { tcp: 'all' }] as const) {
      const kept = await plan(ipvs, draining, { drainWhile })
      expect(kept).toMatchObject({ steps: [], draining: [{ activeConnections: 0, inactiveConnections: 1 }] })
    }
    expect(verbs(await plan(ipvs, draining, { drainWhile: { udp: 'all' } }))).toEqual([
      'remove destination drained',
    ])
    await expect(plan(ipvs, draining, { drainWhile: { tcp: 'some' as never } })).rejects.toMatchObject({
      field: 'options.drainWhile.tcp',
    })
  })

  it('local addresses drain the same way, where that is wanted', async () => {
    const { kernel, ipvs, make, connect } = await open()
    await make(web([at(1)]))
    const client = connect(1)
    const moved = web([at(1)], { localAddresses: ['10.1.0.2'] })
    await make(web([at(1)], { localAddresses: ['10.1.0.1', '10.1.0.2'] }))
    const until = '2030-01-01T00:00:00Z'
    const drainLocalAddresses = { until }
    const early = { drainLocalAddresses, now: Date.parse(until) - 1 }
    expect(await plan(ipvs, moved, early)).toMatchObject({
      steps: [],
      draining: [
        { kind: 'localAddress', localAddress: '10.1.0.1', connections: 1, until: '2030-01-01T00:00:00.000Z' },
      ],
    })
    expect(await plan(ipvs, moved, { drainLocalAddresses: true })).toMatchObject({ steps: [] })
    const removal = ['remove localAddress not-wanted']
    expect(verbs(await plan(ipvs, moved, { ...early, now: Date.parse(until) }))).toEqual(removal)
    expect(verbs(await plan(ipvs, moved))).toEqual(removal)
    client.close()
    kernel.advance(400)
    expect(verbs(await plan(ipvs, moved, early))).toEqual(removal)
    for (const wrong of [1, { until: 'soon' }, { unti: until }]) {
      const options = { drainLocalAddresses: wrong as never }
      await expect(plan(ipvs, moved, options)).rejects.toMatchObject({
        field: expect.stringContaining('options.drainLocalAddresses'),
      })
    }
  })

  it('the desired state says which local addresses drain, and until when', async () => {
    const { kernel, ipvs, make, connect } = await open()
    await make(web([at(1)]))
    const client = connect(1)
    await make(web([at(1)], { localAddresses: ['10.1.0.1', '10.1.0.2'] }))
    const until = '2030-01-01T00:00:00Z'
    const drains = (...drainLocalAddresses: DesiredLocalAddressDrain[]) =>
      web([at(1)], { localAddresses: ['10.1.0.2'], drainLocalAddresses })
    const now = Date.parse(until)
    const state = drains({ address: '10.1.0.1', until }, { address: '10.1.0.77' })
    const early = await plan(ipvs, state, { now: now - 1 })
    expect(early).toMatchObject({
      steps: [],
      draining: [
        { kind: 'localAddress', localAddress: '10.1.0.1', connections: 1, until: '2030-01-01T00:00:00.000Z' },
      ],
    })
    expect(verbs(await plan(ipvs, state, { now }))).toEqual(['remove localAddress drained'])
    const endless = drains({ address: '10.1.0.1' })
    expect((await plan(ipvs, endless, { now })).draining).toMatchObject([{ until: undefined }])
    // "Now": it is named in neither.
    expect(verbs(await plan(ipvs, drains(), { now: 0 }))).toEqual(['remove localAddress not-wanted'])
    // No opinion about the others.
    const [{ localAddresses: _, ...silent } = {} as DesiredService] = state.services ?? []
    expect(verbs(await plan(ipvs, { services: [silent as DesiredService] }, { now }))).toEqual([
      'remove localAddress drained',
    ])
    client.close()
    kernel.advance(400)
    expect(verbs(await plan(ipvs, endless, { now: 0 }))).toEqual(['remove localAddress drained'])
    for (const [wrong, field] of [
      [{ address: '10.1.0.2' }, '.address'],
      [{ address: '2001:db8::1' }, '.address'],
      [{ address: '10.1.0.9', until: 'soon' }, '.until'],
      [{ address: '10.1.0.9', state: 'drain' }, '.state'],
    ] as const) {
      await expect(plan(ipvs, drains(wrong as never))).rejects.toMatchObject({
        problems: [{ path: `services[0].drainLocalAddresses[0]${field}` }],
      })
    }
    const twice = drains({ address: '10.1.0.9' }, { address: '10.1.0.9' })
    await expect(plan(ipvs, twice)).rejects.toMatchObject({
      problems: [{ path: 'services[0].drainLocalAddresses[1]' }],
    })
  })

  it('lesson 4: off ends a drain at once, whatever connections it has', async () => {
    const { ipvs, make, connect } = await open()
    await make(web([at(1), at(2)]))
    for (const n of [1, 2]) connect(n)
    await make(web([at(1), at(2, { state: 'drain' })]))
    expect((await plan(ipvs, web([at(1), at(2, { state: 'drain' })]))).steps).toEqual([])
    const now = await plan(ipvs, web([at(1), at(2, { state: 'off' })]))
    expect(verbs(now)).toEqual(['remove destination off'])
    // A time that is over is the same.
    expect(
      verbs(await plan(ipvs, web([at(1), at(2, { state: 'drain', until: '2020-01-01T00:00:00Z' })]))),
    ).toEqual(['remove destination drained'])
  })

  it('lesson 5: settings with which a drain is none are told with the plan', async () => {
    const { ipvs, make } = await open(new FakeKernel({ dialect: 'mainline' }))
    const [one, two] = [at(1, { forwarding: 'masquerade' }), at(2, { forwarding: 'masquerade' })]
    const service = { ...WEB, persistence: { timeout: 300 } }
    const state = (second: DesiredDestination): DesiredState => ({
      services: [{ ...service, destinations: [one, second] }],
    })
    await make(state(two))
    const draining = state({ ...two, state: 'drain' })
    expect(codes(await plan(ipvs, draining))).toEqual(['drain-persistence'])
    await ipvs.sysctl.set('expire_quiescent_template', 1)
    expect(codes(await plan(ipvs, draining))).toEqual([])
    await ipvs.sysctl.set('conn_reuse_mode', 0)
    expect(codes(await plan(ipvs, draining))).toEqual(['drain-port-reuse'])
    // Nothing drains, nothing is told.
    expect(codes(await plan(ipvs, state(two)))).toEqual([])
  })

  it('lesson 9: why a destination is off decides nothing about when it is on', async () => {
    const { ipvs, make } = await open()
    for (const reason of ['health', 'maintenance', 'drain'] as const) {
      await make(web([at(1), at(2, { state: 'off', reason })]))
      expect(await ipvs.destinations.list(WEB)).toHaveLength(1)
      // A reason that somebody forgot to take away.
      await make(web([at(1), at(2, { state: 'on', reason })]))
      expect(await ipvs.destinations.list(WEB)).toHaveLength(2)
    }
  })

  it('lessons 10 and 33: back from a drain is a change, to the weight that is wanted now', async () => {
    const { kernel, ipvs, make, connect } = await open()
    await make(web([at(1, { weight: 2 })]))
    connect(1)
    await make(web([at(1, { weight: 2, state: 'drain' })]))
    kernel.requests.length = 0
    await make(web([at(1, { weight: 7 })]))
    expect(kernel.requests.map(({ operation }) => operation)).not.toContain('destinations.remove')
    expect(await ipvs.destinations.list(WEB)).toMatchObject([{ weight: 7, activeConnections: 1 }])
  })

  it('lesson 12: schedulers that move the clients of others are told', async () => {
    const { ipvs } = await open()
    const state = (scheduler: string) => web([at(1), at(2, { state: 'drain' })], { scheduler })
    expect(codes(await plan(ipvs, state('sh')))).toEqual(['scheduler-remaps'])
    expect(codes(await plan(ipvs, state('wrr')))).toEqual([])
  })
})

describe('identity and order', () => {
  it('lesson 14: destinations are known by their address, and a change keeps their counters', async () => {
    const { kernel, ipvs, make } = await open()
    const web3 = (order: readonly number[], weight = 1) =>
      web(order.map((n) => at(n, { weight: n === 2 ? weight : 1 })))
    await make(web3([1, 2, 3]))
    kernel.traffic(
      { service: 'tcp 192.0.2.1:80', destination: '10.9.0.2:8080' },
      { inPackets: 5, inBytes: 500 },
    )
    expect((await plan(ipvs, web3([3, 1, 2]))).steps).toEqual([])
    await make(web3([3, 2, 1], 9))
    expect(await ipvs.destinations.get(WEB, at(2))).toMatchObject({ weight: 9, stats: { inPackets: 5n } })
  })

  it('lessons 28 and 29: protocol and address are identity: the new service has everything before the old one goes', async () => {
    const { ipvs, make } = await open()
    const on = (key: AddressServiceKey): DesiredState => ({
      services: [{ ...key, localAddresses: ['10.1.0.1'], destinations: [at(1), at(2)] }],
    })
    await make(on(WEB))
    for (const key of [
      { ...WEB, protocol: 'udp' as const },
      { ...WEB, address: '192.0.2.2' },
    ]) {
      expect(verbs(await plan(ipvs, on(key)))).toEqual([
        'add service missing',
        'add localAddress missing',
        'add destination missing',
        'add destination missing',
        'remove service not-wanted',
      ])
    }
  })

  it('lesson 30: a pool that grows adds its new addresses to each service, and nothing else', async () => {
    const { ipvs, make } = await open()
    const state = (range: string): DesiredState => ({
      pools: { web: { addresses: [range] } },
      services: [80, 81].map((port) => ({
        ...WEB,
        port,
        localAddresses: { pool: 'web' },
        destinations: [at(1)],
      })),
    })
    await make(state('10.1.0.1-10.1.0.2'))
    const grown = await plan(ipvs, state('10.1.0.1-10.1.0.4'))
    expect(verbs(grown)).toEqual(Array(4).fill('add localAddress missing'))
    await apply(ipvs, grown)
    expect(verbs(await plan(ipvs, state('10.1.0.3-10.1.0.4')))).toEqual(
      Array(4).fill('remove localAddress not-wanted'),
    )
  })

  it('a destination becomes FULLNAT when its local address is there, and not before', async () => {
    const { kernel, ipvs, make } = await open()
    const service = {
      ...WEB,
      localAddresses: [] as string[],
      destinations: [at(1, { forwarding: 'masquerade' })],
    }
    await make({ services: [service] })
    kernel.fail('localAddresses.add', 'ENOMEM')
    const next = web([at(1)])
    expect((await make(next)).outcomes).toMatchObject([
      { status: 'failed' },
      { status: 'skipped', why: 'depends-on-failed', step: { kind: 'destination' } },
    ])
    expect(await ipvs.destinations.list(WEB)).toMatchObject([{ forwarding: 'masquerade' }])
    expect(await make(next)).toMatchObject({ complete: true })
  })

  it('lesson 32: a change of the service touches no destination, and brings none back', async () => {
    const { kernel, ipvs, make } = await open()
    const state = (scheduler: string) =>
      web([at(1), at(2, { state: 'off', reason: 'health' })], { scheduler })
    await make(state('rr'))
    kernel.requests.length = 0
    await make(state('wrr'))
    const writes = kernel.requests.filter(({ operation }) => /\.(add|set|remove)$/.test(operation))
    expect(writes.map(({ operation }) => operation)).toEqual(['services.set'])
    expect(await ipvs.destinations.list(WEB)).toHaveLength(1)
  })
})

describe('ownership', () => {
  it('lesson 19: destroy() takes away a scope, and nothing else', async () => {
    const { ipvs } = await open()
    for (const [address, port] of [
      ['192.0.2.1', 80],
      ['192.0.2.200', 81],
      ['198.51.100.1', 82],
    ] as const) {
      await ipvs.services.add({ protocol: 'tcp', address, port })
    }
    await ipvs.services.add({ fwmark: 7 })
    const left = async () => (await ipvs.services.list()).map((key) => key.port ?? key.fwmark).sort()
    const scope = { networks: ['192.0.2.0/25'] }
    expect(await destroy(ipvs, scope, { maxRemovals: 0 })).toMatchObject({
      complete: true,
      counts: { done: 0 },
    })
    expect(await destroy(ipvs, scope)).toMatchObject({ complete: true, counts: { done: 1 } })
    expect(await left()).toEqual([7, 81, 82])
    await destroy(ipvs, { networks: ['192.0.2.0/24'] }, { ignore: { ports: [81] } })
    expect(await left()).toEqual([7, 81, 82])
    await destroy(ipvs, 'all', { remembered: [{ fwmark: 7 }] })
    expect(await left()).toEqual([81, 82])
    await destroy(ipvs, 'all')
    expect(await left()).toEqual([])
    await expect(destroy(ipvs, undefined as never)).rejects.toMatchObject({ field: 'scope' })
    await expect(destroy(ipvs, { networks: ['192.0.2.1'] })).rejects.toMatchObject({
      field: 'options.manage.networks[0]',
    })
  })

  it('lesson 42: where health says that everything is down the last that worked stays', async () => {
    const { ipvs, make } = await open()
    await make(web([at(1), at(2)]))
    const down = (...lasts: number[]) =>
      web([1, 2].map((n) => at(n, lasts.includes(n) ? { state: 'off', reason: 'health' } : {})))
    const keep = { keepLastWorking: true }
    // One by one, as a check that breaks says it.
    await apply(ipvs, await plan(ipvs, down(1), keep))
    const all = await plan(ipvs, down(1, 2), keep)
    expect(verbs(all)).toEqual(['report destination all-down'])
    await apply(ipvs, all)
    expect(await ipvs.destinations.list(WEB)).toMatchObject([{ address: '10.9.0.2', weight: 1 }])
    // Another reason is no doubt, and without the option the state is what is done.
    const off = web([
      at(1, { state: 'off', reason: 'health' }),
      at(2, { state: 'off', reason: 'maintenance' }),
    ])
    expect(verbs(await plan(ipvs, off, keep))).toEqual(['remove destination off'])
    expect(verbs(await plan(ipvs, down(1, 2)))).toEqual(['remove destination off'])
    // It ends with the first that is up.
    await apply(ipvs, await plan(ipvs, down(2), keep))
    expect(await ipvs.destinations.list(WEB)).toMatchObject([{ address: '10.9.0.1' }])
  })
})

describe('failures', () => {
  it('lessons 25 and 38: a kernel that hangs costs a round, and not the loop', async () => {
    const kernel = new FakeKernel({ dialect: 'fullnat-v2' })
    const openShort = () => Ipvs.open({ transport: kernel.transport(), timeout: 20 })
    const lab = await startReconciler({ open: openShort }, {}, kernel)
    const hang = kernel.neverAnswer('destinations.add')
    const { reconciler, clock } = lab
    const failure = () => new Promise((resolve) => reconciler.on('error', resolve))
    const first = failure()
    lab.states.push(web([at(1)]))
    await turns(5)
    await clock.advance(100)
    // The client is given up a second after its call; nothing else is opened as long as that hangs.
    while (clock.pending === 0) await turns(1)
    await clock.advance(1000)
    expect(await first).toMatchObject({ code: 'ERR_IPVS_INCOMPLETE', cause: { code: 'ERR_IPVS_TIMEOUT' } })
    expect(reconciler.status()).toMatchObject({ settled: false, failures: 1 })
    const second = failure()
    await lab.advance(1000)
    expect(await second).toMatchObject({ code: 'ERR_IPVS_TIMEOUT' })
    hang.remove()
    await turns(20)
    await lab.advance(2000)
    expect(reconciler.status()).toMatchObject({ settled: true, failures: 0 })
    expect(await lab.other.destinations.list(WEB)).toHaveLength(1)
    await lab.reconciler.stop()
  })

  it('lesson 27: a local address that the kernel keeps is removed by a later plan', async () => {
    const { kernel, ipvs, make } = await open()
    await make(web([at(1)], { localAddresses: ['10.1.0.1', '10.1.0.2'] }))
    kernel.fail('localAddresses.remove', 'EBUSY')
    expect(await make(web([at(1)]))).toMatchObject({
      complete: false,
      outcomes: [{ status: 'failed', error: { code: 'EBUSY' } }],
    })
    expect(await make(web([at(1)]))).toMatchObject({ complete: true })
    expect(await ipvs.localAddresses.list(WEB)).toHaveLength(1)
  })

  it('lesson 37: after a failure only what was concerned is read again', async () => {
    const { kernel, ipvs } = await open()
    const services = Array.from(
      { length: 30 },
      (_, i): DesiredService => ({ ...WEB, port: 1 + i, destinations: [at(1)] }),
    )
    const todo = await plan(ipvs, { services })
    kernel.fail({ operation: 'destinations.add', service: { ...WEB, port: 7 } }, 'ENOMEM')
    kernel.requests.length = 0
    await apply(ipvs, todo)
    const reads = kernel.requests.filter(({ operation }) => /\.(get|list)$|snapshot/.test(operation))
    expect(reads.map(({ operation, service }) => [operation, service?.port])).toEqual([
      ['services.get', 7],
      ['destinations.list', 7],
      ['localAddresses.list', 7],
    ])
  })
})

describe('local addresses', () => {
  it('are suggested for every CPU of fullnat-v3, in the order of the CPUs', () => {
    expect(suggestLocalAddresses({ cpus: 4, network: '10.1.0.0/24' })).toEqual([
      '10.1.0.4',
      '10.1.0.1',
      '10.1.0.2',
      '10.1.0.3',
    ])
    expect(
      suggestLocalAddresses({ cpus: 4, reserveCore: 2, network: '10.1.0.0/24', taken: ['10.1.0.2'] }),
    ).toEqual(['10.1.0.4', '10.1.0.1'])
    expect(suggestLocalAddresses({ cpus: 2, network: '2001:db8::/64' })).toEqual([
      '2001:db8::',
      '2001:db8::1',
    ])
    for (const [field, wrong] of [
      ['options.network', { cpus: 8, network: '10.1.0.0/30' }],
      ['options.reserveCore', { cpus: 2, reserveCore: 2, network: '10.1.0.0/24' }],
      ['options.network', { cpus: 2, network: '10.1.0.1/24' }],
      ['options.taken[0]', { cpus: 2, network: '10.1.0.0/24', taken: ['x'] }],
      ['options.cpus', { cpus: 0, network: '10.1.0.0/24' }],
    ] as const) {
      expect(() => suggestLocalAddresses(wrong)).toThrow(expect.objectContaining({ field }))
    }
  })

  it('a CPU without one is told, with the addresses that mend it', async () => {
    const { ipvs, make } = await open(new FakeKernel({ dialect: 'fullnat-v3', cpus: 4, reserveCore: 1 }))
    const poor = await plan(ipvs, web([at(1)]))
    expect(poor.warnings).toMatchObject([
      {
        code: 'local-addresses-per-cpu',
        message: expect.stringContaining('on CPU 1, 3'),
        hint: 'Name 10.1.0.3, 10.1.0.2 besides, where those are free.',
      },
    ])
    const whole = web([at(1)], { localAddresses: ['10.1.0.1', '10.1.0.2', '10.1.0.3'] })
    expect((await plan(ipvs, whole)).warnings).toEqual([])
    await make(whole)
    expect((await ipvs.localAddresses.coverage(WEB)).uncovered).toEqual([])
    expect(await ipvs.localAddresses.cpus()).toEqual({ cpus: 4, reserveCore: 1 })
  })

  it('too few for the connections that there are is told', async () => {
    const kernel = new FakeKernel({ dialect: 'fullnat-v2', localPorts: { min: 5000, max: 5003 } })
    const { ipvs, make, connect } = await open(kernel)
    await make(web([at(1)]))
    for (const n of [1, 2, 3]) connect(n)
    expect(codes(await plan(ipvs, web([at(1)])))).toEqual([])
    connect(4)
    expect((await plan(ipvs, web([at(1)]))).warnings).toMatchObject([
      { code: 'local-address-capacity', hint: expect.stringContaining('Name 2 local addresses') },
    ])
    expect(codes(await plan(ipvs, web([at(1)], { localAddresses: ['10.1.0.1', '10.1.0.2'] })))).toEqual([])
  })
})
