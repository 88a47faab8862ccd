// The order of steps, and what a step that failed leaves out: what worked before works all the time.

import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib/client/ipvs'
import type { DesiredDestination, DesiredService, DesiredState } from '../../lib/model/desired-state'
import type { Applied, Plan, PlanOptions, PlanStep } from '../../lib/reconcile'
import { apply, plan } from '../../lib/reconcile'
import { FakeKernel } from '../../lib/testing'
import { destinationMaker, WEB } from './support/desired'

const at = destinationMaker('fullnat')
const web = (
  locals: readonly number[],
  destinations: readonly DesiredDestination[],
  more: Partial<DesiredService> = {},
): DesiredState => ({
  services: [
    {
      ...WEB,
      localAddresses: locals.map((last) => `10.1.0.${last}`),
      destinations,
      ...more,
    } as DesiredService,
  ],
})

async function open(state: DesiredState) {
  const kernel = new FakeKernel({ dialect: 'fullnat-v2' })
  const ipvs = await Ipvs.open({ transport: kernel.transport(), timeout: 1000 })
  await apply(ipvs, await plan(ipvs, state))
  return {
    kernel,
    ipvs,
    planned: (next: DesiredState, options: PlanOptions = {}) => plan(ipvs, next, options),
  }
}

const nameOf = (step: PlanStep): string => {
  const what =
    step.kind === 'destination'
      ? step.destination.address
      : step.kind === 'localAddress'
        ? step.localAddress
        : step.kind
  return `${step.verb} ${what}`
}
const names = ({ steps }: Plan): string[] => steps.map(nameOf)
const told = ({ outcomes }: Applied): string[] =>
  outcomes.map(({ step, status, why }) => `${nameOf(step)}: ${why ?? status}`)

describe('the order', () => {
  it('opens before it closes, and closes before it removes', async () => {
    const { planned } = await open(
      web(
        [1],
        [at(1, { weight: 5 }), at(2, { weight: 0 }), at(3), at(4), at(5, { forwarding: 'masquerade' })],
      ),
    )
    const next = web(
      [2],
      [
        at(1, { weight: 0 }),
        at(2, { weight: 5 }),
        at(3, { state: 'drain', until: '2030-01-01T00:00:00Z' }),
        at(5),
        at(6),
      ],
      { scheduler: 'rr' },
    )
    expect(names(await planned(next, { now: 0 }))).toEqual([
      'add 10.1.0.2',
      'add 10.9.0.6',
      'change service',
      'change 10.9.0.2',
      'change 10.9.0.5',
      'change 10.9.0.1',
      'drain 10.9.0.3',
      'remove 10.9.0.4',
      'remove 10.1.0.1',
    ])
  })

  it('is that of the desired state, and of nothing else', async () => {
    const { planned } = await open({ services: [] })
    const services = [81, 80].map((port) => ({ ...WEB, port, destinations: [at(2), at(1)] }))
    const first = await planned({ services })
    expect(names(first)).toEqual([
      'add service',
      'add service',
      'add 10.9.0.2',
      'add 10.9.0.1',
      'add 10.9.0.2',
      'add 10.9.0.1',
    ])
    expect(first.steps.map((step) => 'service' in step && step.service.port)).toEqual([
      81, 80, 81, 81, 80, 80,
    ])
    expect(await planned({ services })).toEqual(first)
  })

  it('a daemon that goes does so before the table is changed, one that comes after it', async () => {
    const { ipvs, planned } = await open({ services: [] })
    const forced = await Ipvs.open({ transport: new FakeKernel({ dialect: 'mainline' }).transport() })
    await forced.daemons.start({ state: 'backup', interface: 'eth0', syncId: 1 })
    const desired: DesiredState = {
      services: [{ ...WEB }],
      timeouts: { tcp: 77 },
      daemons: [{ state: 'master', interface: 'eth0', syncId: 1 }],
    }
    const todo = await plan(forced, desired)
    expect(todo.steps.map(({ verb, kind }) => `${verb} ${kind}`)).toEqual([
      'change timeouts',
      'remove daemon',
      'add service',
      'add daemon',
    ])
    expect(await apply(forced, todo)).toMatchObject({ complete: true })
    expect(await planned({})).toMatchObject({ steps: [] })
    await ipvs.close()
  })
})

describe('what failed', () => {
  it('keeps a weight where none took its place', async () => {
    const { kernel, ipvs, planned } = await open(web([1], [at(1, { weight: 5 }), at(2, { weight: 0 })]))
    kernel.fail({ operation: 'destinations.set', destination: at(2) }, 'ENOMEM')
    const todo = await planned(web([1], [at(1, { weight: 0 }), at(2, { weight: 5 })]))
    expect(told(await apply(ipvs, todo))).toEqual([
      'change 10.9.0.2: failed',
      'change 10.9.0.1: depends-on-failed',
    ])
    expect(await ipvs.destinations.get(WEB, at(1))).toMatchObject({ weight: 5 })
  })

  it('of a local address keeps no FULLNAT destination from its weight, but one from becoming FULLNAT', async () => {
    const { kernel, ipvs, planned } = await open(web([1], [at(1), at(2, { forwarding: 'masquerade' })]))
    kernel.fail('localAddresses.add', 'ENOMEM')
    const todo = await planned(web([1, 2], [at(1, { weight: 7 }), at(2)]))
    expect(told(await apply(ipvs, todo))).toEqual([
      'add 10.1.0.2: failed',
      'change 10.9.0.1: done',
      'change 10.9.0.2: depends-on-failed',
    ])
  })

  it('and was as wanted all the same stands in nobody’s way', async () => {
    const { kernel, ipvs, planned } = await open(web([1], [at(1)]))
    const todo = await planned(web([1], [at(2)]))
    await ipvs.destinations.add(WEB, at(2))
    kernel.requests.length = 0
    expect(told(await apply(ipvs, todo))).toEqual(['add 10.9.0.2: already', 'remove 10.9.0.1: done'])
  })

  it('with ESRCH is a failure where the service is there, and depends on it where it is not', async () => {
    const { kernel, ipvs, planned } = await open(web([1], [at(1)]))
    kernel.fail('destinations.add', 'ESRCH')
    expect(told(await apply(ipvs, await planned(web([1], [at(1), at(2)]))))).toEqual(['add 10.9.0.2: failed'])
    const todo = await planned(web([1], [at(1), at(2)]))
    await ipvs.services.remove(WEB)
    expect(told(await apply(ipvs, todo))).toEqual(['add 10.9.0.2: depends-on-failed'])
  })

  it('because somebody changed it keeps nothing else from going', async () => {
    const { ipvs, planned } = await open(web([1], [at(1), at(2), at(3)]))
    const todo = await planned(web([1], [at(1)]))
    await ipvs.destinations.update(WEB, at(2), { weight: 9 })
    expect(told(await apply(ipvs, todo)).sort()).toEqual([
      'remove 10.9.0.2: changed-meanwhile',
      'remove 10.9.0.3: done',
    ])
  })

  it('with a service that somebody made in another way is a failure', async () => {
    const { ipvs, planned } = await open({ services: [] })
    const todo = await planned(web([1], [at(1)], { scheduler: 'rr' }))
    await ipvs.services.add({ ...WEB, scheduler: 'wlc' })
    expect(told(await apply(ipvs, todo))).toEqual([
      'add service: failed',
      'add 10.1.0.1: done',
      'add 10.9.0.1: done',
    ])
  })

  it('in a kernel that says nothing is unknown, and nobody asks it again', async () => {
    const { kernel, ipvs, planned } = await open(web([1], [at(1)]))
    const todo = await planned(web([1], [at(1), at(2)]))
    kernel.delay(60_000, 'destinations.add')
    kernel.requests.length = 0
    const applied = await apply(ipvs, todo, { timeout: 20 })
    expect(told(applied)).toEqual(['add 10.9.0.2: unknown'])
    expect(applied.outcomes[0]?.error).toMatchObject({ code: 'ERR_IPVS_TIMEOUT' })
    expect(kernel.requests.filter(({ operation }) => /get|list|snapshot/.test(operation))).toEqual([])
  })
})

describe('what is read again', () => {
  it('is each service, and the whole table where they are many', async () => {
    for (const [count, operations] of [
      [16, ['destinations.list', 'localAddresses.list', 'services.get']],
      [17, ['snapshot']],
    ] as const) {
      const services = Array.from({ length: count }, (_, i) => ({
        ...WEB,
        port: 1000 + i,
        destinations: [at(1)],
      }))
      const { kernel, ipvs, planned } = await open({ services })
      const todo = await planned({ services: services.map((one) => ({ ...one, destinations: [] })) })
      kernel.requests.length = 0
      expect(await apply(ipvs, todo)).toMatchObject({ complete: true })
      const reads = kernel.requests.filter(({ operation }) => operation !== 'destinations.remove')
      expect(Array.from(new Set(reads.map(({ operation }) => operation))).sort()).toEqual(operations)
    }
  })
})

describe('a service that goes while it is read again', () => {
  it('says nothing about the others', async () => {
    const { kernel, ipvs, planned } = await open({ services: [] })
    const other = { ...WEB, port: 81 }
    const services = [WEB, other].map((key) => ({ ...key, destinations: [at(1)] }))
    await planned({ services }).then((todo) => apply(ipvs, todo))
    const more = services.map((one) => ({ ...one, destinations: [at(1), at(2)] }))
    const todo = await planned({ services: more })
    await ipvs.destinations.add(other, at(2))
    for (const operation of ['destinations.add', 'destinations.list', 'localAddresses.list'] as const) {
      kernel.fail({ operation, service: WEB }, 'ESRCH')
    }
    expect(told(await apply(ipvs, todo)).sort()).toEqual(['add 10.9.0.2: already', 'add 10.9.0.2: failed'])
  })
})

describe('a dump that misses what is there', () => {
  it('once is no evidence that it is gone', async () => {
    const { kernel, ipvs, planned } = await open(web([1], [at(1), at(2)]))
    const todo = await planned(web([1], [at(1, { weight: 7 })]))
    for (const [times, expected] of [
      [2, ['change 10.9.0.1: changed-meanwhile', 'remove 10.9.0.2: already']],
      [1, ['change 10.9.0.1: done', 'remove 10.9.0.2: done']],
    ] as const) {
      kernel.skipDumpEntries(2, { operation: 'destinations.list', service: WEB }, { times })
      expect(told(await apply(ipvs, todo))).toEqual(expected)
    }
  })

  it('in every read of a plan makes an addition that the kernel refuses, and no removal', async () => {
    const { kernel, ipvs, planned } = await open(web([1], [at(1), at(2)]))
    const skip = kernel.skipDumpEntries(1, 'snapshot', { times: Number.POSITIVE_INFINITY })
    const todo = await planned(web([1], [at(1), at(2)]))
    skip.remove()
    expect(todo.steps.filter(({ verb }) => verb === 'remove')).toEqual([])
    const { complete, counts } = await apply(ipvs, todo)
    expect([complete, counts.already]).toEqual([true, todo.steps.length])
    expect((await planned(web([1], [at(1), at(2)]))).steps).toEqual([])
  })
})

describe('what is held back', () => {
  it('by the brake is whatever would be removed, local addresses too', async () => {
    const { planned } = await open(web([1, 2], [at(1), at(2)]))
    const todo = await planned(web([1], [at(1)]), { maxRemovals: 0 })
    expect(names(todo)).toEqual(['report 10.1.0.2', 'report 10.9.0.2'])
    expect(new Set(todo.steps.map(({ reason }) => reason))).toEqual(new Set(['too-many-removals']))
  })

  it('a drain is an edit, and no removal', async () => {
    const { planned } = await open(web([1], [at(1), at(2)]))
    const draining = web([1], [at(1), at(2, { state: 'drain' })])
    expect(names(await planned(draining, { allow: ['edit'], maxRemovals: 0 }))).toEqual(['drain 10.9.0.2'])
    expect(names(await planned(draining, { allow: ['add', 'remove'] }))).toEqual(['report 10.9.0.2'])
  })

  it('a local address stays where none may come in its place', async () => {
    const { planned } = await open(web([1], [at(1)]))
    const todo = await planned(web([2], [at(1)]), { allow: ['edit', 'remove'] })
    expect(names(todo)).toEqual(['report 10.1.0.1', 'report 10.1.0.2'])
    expect(todo.steps.map(({ reason }) => reason)).toEqual(['waits', 'not-allowed'])
  })

  it('weights, where somebody else keeps them, but for those that drain', async () => {
    const { planned } = await open(web([1], [at(1, { weight: 3 }), at(2, { weight: 4 })]))
    const next = web(
      [1],
      [at(1, { weight: 9, upperThreshold: 5 }), at(2, { state: 'drain' }), at(3, { weight: 6 })],
    )
    const { steps } = await planned(next, { keepWeights: true })
    expect(steps).toMatchObject([
      { verb: 'add', after: { weight: 6 } },
      { verb: 'change', after: { weight: 3, upperThreshold: 5 } },
      { verb: 'drain', after: { weight: 0 } },
    ])
  })
})
