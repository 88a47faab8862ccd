import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib/client/ipvs'
import type { DesiredService, DesiredState } from '../../lib/model/desired-state'
import type { Plan } from '../../lib/reconcile'
import { apply, DesiredStateError, formatPlan, plan } from '../../lib/reconcile'
import { FakeKernel } from '../../lib/testing'
import { destinationMaker, WEB } from './support/desired'

const at = destinationMaker('fullnat')
const web = (more: Partial<DesiredService> = {}): DesiredService =>
  ({
    ...WEB,
    scheduler: 'wrr',
    localAddresses: { pool: 'web' },
    destinations: [at(1), at(2)],
    ...more,
  }) as DesiredService
const STATE: DesiredState = { pools: { web: { addresses: ['10.1.0.1-10.1.0.3'] } }, services: [web()] }

const open = async (kernel = new FakeKernel({ dialect: 'fullnat-v2' })) => ({
  kernel,
  ipvs: await Ipvs.open({ transport: kernel.transport() }),
})

const shown = ({ steps }: Plan): string[] =>
  formatPlan({ version: 1, dialect: 'fullnat-v2', steps, warnings: [], draining: [], unchanged: 0 })
    .trimEnd()
    .split('\n')
    .slice(0, -1)

const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error) => error,
  )

describe('plan and apply', () => {
  it('make an empty kernel what it should be, and nothing twice', async () => {
    const { ipvs } = await open()
    const first = await plan(ipvs, STATE)
    expect(formatPlan(first)).toBe(
      `${[
        '+ add service tcp 192.0.2.1:80: scheduler wrr',
        '+ add local address tcp 192.0.2.1:80 via 10.1.0.1',
        '+ add local address tcp 192.0.2.1:80 via 10.1.0.2',
        '+ add local address tcp 192.0.2.1:80 via 10.1.0.3',
        '+ add destination tcp 192.0.2.1:80 -> 10.9.0.1:8080: fullnat, weight 1',
        '+ add destination tcp 192.0.2.1:80 -> 10.9.0.2:8080: fullnat, weight 1',
        '6 to add, 0 to change, 0 to remove, 0 unchanged',
      ].join('\n')}\n`,
    )
    expect(JSON.parse(JSON.stringify(first))).toEqual(JSON.parse(JSON.stringify(first)))
    expect(await apply(ipvs, first)).toMatchObject({ complete: true, counts: { done: 6 } })
    expect(await plan(ipvs, STATE)).toMatchObject({ steps: [], unchanged: 6, warnings: [] })
    // Once more, as if somebody else had done it.
    expect(await apply(ipvs, first)).toMatchObject({ complete: true, counts: { already: 6 } })
  })

  it('a plan survives JSON', async () => {
    const { ipvs } = await open()
    const copy = JSON.parse(JSON.stringify(await plan(ipvs, STATE))) as Plan
    expect(await apply(ipvs, copy)).toMatchObject({ complete: true })
    expect((await plan(ipvs, STATE)).steps).toEqual([])
  })

  it('bring what is new before what goes, and tell what differs', async () => {
    const { ipvs } = await open()
    await apply(ipvs, await plan(ipvs, STATE))
    const next: DesiredState = {
      pools: { web: { addresses: ['10.1.0.2-10.1.0.4'] } },
      services: [
        web({ scheduler: 'wlc', destinations: [at(2, { weight: 5 }), at(3), at(4, { state: 'off' })] }),
        { protocol: 'udp', address: '192.0.2.1', port: 53 },
      ],
    }
    const todo = await plan(ipvs, next)
    expect(shown(todo)).toEqual([
      '+ add service udp 192.0.2.1:53: scheduler wlc',
      '+ add local address tcp 192.0.2.1:80 via 10.1.0.4',
      '+ add destination tcp 192.0.2.1:80 -> 10.9.0.3:8080: fullnat, weight 1',
      '~ change service tcp 192.0.2.1:80: scheduler wrr -> wlc',
      '~ change destination tcp 192.0.2.1:80 -> 10.9.0.2:8080: weight 1 -> 5',
      '- remove destination tcp 192.0.2.1:80 -> 10.9.0.1:8080: 0 active, 0 inactive connections [not-wanted]',
      '- remove local address tcp 192.0.2.1:80 via 10.1.0.1: 0 connections [not-wanted]',
    ])
    expect(await apply(ipvs, todo)).toMatchObject({ complete: true, counts: { done: 7 } })
    expect((await plan(ipvs, next)).steps).toEqual([])
    expect(shown(await plan(ipvs, { services: [] }))).toEqual([
      '- remove service tcp 192.0.2.1:80: 2 destinations, 0 active connections [not-wanted]',
      '- remove service udp 192.0.2.1:53: 0 destinations, 0 active connections [not-wanted]',
    ])
  })

  it('leave alone what there is no opinion about; empty is an opinion', async () => {
    const { ipvs } = await open()
    await apply(ipvs, await plan(ipvs, STATE))
    expect((await plan(ipvs, {})).steps).toEqual([])
    const { protocol, address, port } = WEB
    const bare = { protocol, address, port, scheduler: 'wrr' }
    expect((await plan(ipvs, { services: [bare] })).steps).toEqual([])
    const none = await plan(ipvs, { services: [{ ...bare, destinations: [], localAddresses: [] }] })
    expect(none.steps.map(({ verb, kind }) => `${verb} ${kind}`)).toEqual([
      'remove destination',
      'remove destination',
      'remove localAddress',
      'remove localAddress',
      'remove localAddress',
    ])
    await apply(ipvs, none)
    // A service without anything is a state as good as any.
    expect(
      (await plan(ipvs, { services: [{ ...bare, destinations: [], localAddresses: [] }] })).steps,
    ).toEqual([])
  })

  it('drain: weight 0, then gone when its connections are, or at its time', async () => {
    const { kernel, ipvs } = await open()
    await apply(ipvs, await plan(ipvs, STATE))
    const clients = [1, 2].map((n) =>
      kernel.connect({ client: `203.0.113.${n}:1000`, service: 'tcp 192.0.2.1:80' }),
    )
    const until = '2030-01-01T00:00:00Z'
    const draining = {
      ...STATE,
      services: [web({ destinations: [at(1, { state: 'drain', until }), at(2)] })],
    }
    expect(shown(await plan(ipvs, draining))).toEqual([
      '> drain destination tcp 192.0.2.1:80 -> 10.9.0.1:8080: weight 1 -> 0 [drain]',
    ])
    await apply(ipvs, await plan(ipvs, draining))
    expect((await plan(ipvs, draining)).steps).toEqual([])
    expect(shown(await plan(ipvs, draining, { now: Date.parse(until) }))).toEqual([
      '- remove destination tcp 192.0.2.1:80 -> 10.9.0.1:8080: 1 active, 0 inactive connections [drained]',
    ])
    // Weight 0 that nobody asked for is drift.
    expect(shown(await plan(ipvs, STATE))).toEqual([
      '~ change destination tcp 192.0.2.1:80 -> 10.9.0.1:8080: weight 0 -> 1',
    ])
    for (const client of clients) client.close()
    kernel.advance(10)
    expect(shown(await plan(ipvs, draining))).toEqual([
      '- remove destination tcp 192.0.2.1:80 -> 10.9.0.1:8080: 0 active, 0 inactive connections [drained]',
    ])
    await apply(ipvs, await plan(ipvs, draining))
    expect((await plan(ipvs, draining)).steps).toEqual([])
  })

  it('what fails stops its own service alone, and nothing that worked goes', async () => {
    const { kernel, ipvs } = await open()
    await apply(ipvs, await plan(ipvs, STATE))
    kernel.fail({ operation: 'destinations.add', destination: at(3) }, 'ENOMEM')
    const other = { protocol: 'tcp', address: '192.0.2.9', port: 80 } as const
    const next = { ...STATE, services: [web({ destinations: [at(3)] }), { ...other, destinations: [at(7)] }] }
    const { outcomes, complete } = await apply(ipvs, await plan(ipvs, next))
    expect(complete).toBe(false)
    expect(outcomes.map(({ step, status, why }) => [step.verb, step.kind, status, why])).toEqual([
      ['add', 'service', 'done', undefined],
      ['add', 'destination', 'failed', undefined],
      ['add', 'destination', 'done', undefined],
      ['remove', 'destination', 'skipped', 'depends-on-failed'],
      ['remove', 'destination', 'skipped', 'depends-on-failed'],
    ])
    expect((await ipvs.destinations.list(WEB)).length).toBe(2)
    expect(await apply(ipvs, await plan(ipvs, next))).toMatchObject({ complete: true })
    expect((await plan(ipvs, next)).steps).toEqual([])
  })

  it('an answer that was lost is looked for', async () => {
    const { kernel, ipvs } = await open()
    kernel.loseAnswer('localAddresses.add')
    expect(await apply(ipvs, await plan(ipvs, STATE))).toMatchObject({ complete: true, counts: { done: 6 } })
  })

  it('a step whose object has changed meanwhile is not done', async () => {
    const { ipvs } = await open()
    await apply(ipvs, await plan(ipvs, STATE))
    const todo = await plan(ipvs, { ...STATE, services: [web({ destinations: [at(1, { weight: 9 })] })] })
    await ipvs.destinations.update(WEB, at(1), { weight: 4 })
    await ipvs.destinations.remove(WEB, at(2))
    const { outcomes } = await apply(ipvs, todo)
    expect(outcomes.map(({ step, status, why }) => [step.verb, status, why])).toEqual([
      ['change', 'skipped', 'changed-meanwhile'],
      ['remove', 'already', undefined],
    ])
    expect(await apply(ipvs, todo, { expect: false })).toMatchObject({ counts: { done: 1, already: 1 } })
    expect((await ipvs.destinations.get(WEB, at(1)))?.weight).toBe(9)
  })

  it('tells what this kernel cannot do, and does the rest', async () => {
    const { ipvs } = await open(new FakeKernel({ dialect: 'mainline' }))
    const masquerade = { ...at(2), forwarding: 'masquerade' } as const
    const todo = await plan(ipvs, { ...STATE, services: [web({ destinations: [at(1), masquerade] })] })
    expect(todo.steps.map(({ verb, kind, reason }) => [verb, kind, reason])).toEqual([
      ['report', 'localAddress', 'unsupported'],
      ['report', 'destination', 'unsupported'],
      ['add', 'service', 'missing'],
      ['add', 'destination', 'missing'],
    ])
    expect(await apply(ipvs, todo)).toMatchObject({ complete: true, counts: { done: 2, skipped: 2 } })
    const foreign = await open()
    expect(await failure(apply(foreign.ipvs, todo))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      field: 'plan',
    })
  })
})

describe('what a kernel cannot have', () => {
  it('never comes in the place of what works', async () => {
    const { ipvs } = await open(new FakeKernel({ dialect: 'mainline' }))
    const old = { ...at(1), forwarding: 'masquerade' } as const
    const { localAddresses: _, ...bare } = web({ destinations: [old, { ...old, port: 81 }] })
    await apply(ipvs, await plan(ipvs, { services: [bare as DesiredService] }))
    const off = { ...old, port: 81, state: 'off' } as const
    const todo = await plan(ipvs, { services: [{ ...bare, destinations: [at(2), off] } as DesiredService] })
    expect(todo.steps.map(({ verb, reason }) => [verb, reason])).toEqual([
      ['report', 'waits'],
      ['report', 'unsupported'],
      ['remove', 'off'],
    ])
    expect(await apply(ipvs, todo)).toMatchObject({ complete: true, counts: { done: 1, skipped: 2 } })
    expect((await ipvs.destinations.list(WEB)).map(({ address }) => address)).toEqual(['10.9.0.1'])
  })

  it('an option that means nothing is refused before anything is read', async () => {
    const { kernel, ipvs } = await open()
    kernel.requests.length = 0
    const wrong = { drainWhile: 'al' as never }
    expect(await failure(plan(ipvs, STATE, wrong))).toMatchObject({ field: 'options.drainWhile' })
    expect(kernel.requests).toEqual([])
  })
})

describe('ownership and limits', () => {
  const mine = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
  const theirs = { protocol: 'tcp', address: '198.51.100.1', port: 80 } as const

  it('what is outside is never touched, nor named', async () => {
    const { ipvs } = await open()
    await ipvs.services.add(theirs)
    await ipvs.services.add({ fwmark: 7 })
    for (const manage of [
      { addresses: ['192.0.2.0/24'] },
      (key: { address?: string }) => key.address?.startsWith('192.') ?? false,
    ] as const) {
      expect(shown(await plan(ipvs, { services: [mine] }, { manage }))).toEqual([
        '+ add service tcp 192.0.2.1:80: scheduler wlc',
      ])
      expect((await plan(ipvs, { services: [] }, { manage })).steps).toEqual([])
    }
    const both = { manage: 'all', ignore: { addresses: ['198.51.100.1'], fwmarks: [7] } } as const
    expect((await plan(ipvs, { services: [] }, both)).steps).toEqual([])
    expect(await failure(plan(ipvs, { services: [theirs] }, both))).toMatchObject({ field: 'state.services' })
  })

  it('what is not remembered is somebody else’s, unless it is adopted', async () => {
    const { ipvs } = await open()
    await ipvs.services.add({ ...mine, scheduler: 'rr' })
    await ipvs.services.add(theirs)
    const remembered: [] = []
    expect(shown(await plan(ipvs, { services: [mine] }, { remembered }))).toEqual([
      '! report service tcp 192.0.2.1:80: was made by somebody else; adopt takes it over [not-ours]',
    ])
    expect(shown(await plan(ipvs, { services: [mine] }, { remembered, adopt: true }))).toEqual([
      '~ change service tcp 192.0.2.1:80: scheduler rr -> wlc',
    ])
    expect(shown(await plan(ipvs, { services: [] }, { remembered: [mine] }))).toEqual([
      '- remove service tcp 192.0.2.1:80: 0 destinations, 0 active connections [not-wanted]',
    ])
  })

  it('local addresses that go are no removals that a brake counts', async () => {
    const { ipvs } = await open()
    await apply(ipvs, await plan(ipvs, STATE))
    const less = { services: [web({ localAddresses: ['10.1.0.1'], destinations: [at(1)] })] }
    const { steps } = await plan(ipvs, less, { maxRemovals: 1 })
    expect(steps.map(({ verb, kind }) => `${verb} ${kind}`)).toEqual([
      'remove destination',
      'remove localAddress',
      'remove localAddress',
    ])
  })

  it('a brake, and what is allowed', async () => {
    const { ipvs } = await open()
    await apply(ipvs, await plan(ipvs, STATE))
    const empty: DesiredState = { services: [] }
    // A service goes with its two destinations: three of three.
    for (const maxRemovals of [0, 2, { share: 0.3 }, { share: 0.99 }]) {
      const braked = await plan(ipvs, empty, { maxRemovals })
      expect(braked.steps.map(({ verb, reason }) => [verb, reason])).toEqual([
        ['report', 'too-many-removals'],
      ])
    }
    for (const maxRemovals of [3, { share: 1 }]) {
      expect((await plan(ipvs, empty, { maxRemovals })).steps).toMatchObject([{ verb: 'remove' }])
    }
    expect((await plan(ipvs, empty, { allow: ['add', 'edit'] })).steps).toMatchObject([
      { verb: 'report', reason: 'not-allowed' },
    ])
    const heavier = { ...STATE, services: [web({ destinations: [at(1, { weight: 7 }), at(2)] })] }
    expect((await plan(ipvs, heavier, { keepWeights: true })).steps).toEqual([])
  })
})

describe('a desired state that cannot be', () => {
  it('is refused with everything that is wrong, before anything is read', async () => {
    const { kernel, ipvs } = await open()
    kernel.requests.length = 0
    const error = (await failure(
      plan(ipvs, {
        pools: {
          web: { addresses: ['10.1.0.9-10.1.0.1', '10.0.0.1/24'] },
          big: { addresses: ['10.0.0.0/8'] },
        },
        services: [
          web({ destinations: [at(1, { weight: -1 }), at(2, { state: 'gone' as never }), at(3), at(3)] }),
          { ...WEB, port: 99999 },
          web({ localAddresses: { pool: 'none' } }),
          { protocol: 'udp', address: '192.0.2.1', port: 53, destinations: [at(1, { state: 'drain' })] },
        ],
        timeouts: { tcp: 0 },
        nonsense: 1,
      } as never),
    )) as DesiredStateError
    expect(error).toBeInstanceOf(DesiredStateError)
    expect(error.problems.map(({ path }) => path)).toEqual([
      'state.nonsense',
      'pools.web.addresses[0]',
      'pools.web.addresses[1]',
      'pools.big.addresses[0]',
      'services[0].destinations[0].weight',
      'services[0].destinations[1].state',
      'services[0].destinations[3]',
      'services[1].port',
      'services[2].localAddresses.pool',
      'services[2]',
      'services[3].destinations[0].until',
      'timeouts.tcp',
    ])
    expect(kernel.requests).toEqual([])
  })
})
